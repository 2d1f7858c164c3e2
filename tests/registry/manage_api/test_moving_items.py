"""The verbs of the life cycle through the management API."""

from __future__ import annotations

import pytest
from tests.registry.manage_api.conftest import Program
from tests.registry.manage_api.test_writing_items import whole

from allotment.registry.lifecycle import AnyItem

pytestmark = pytest.mark.django_db
EXPERIMENT = "/experiments/search-suggestions"
INSTRUMENT = "/instruments/desktop-ui-interactions"
Items = tuple[AnyItem, AnyItem]


def test_verbs__whole_life__each_from_the_version_before(admin: Program, items: Items) -> None:
    states = []
    for verb in ("ask", "withdraw", "activate", "stop", "decide", "relaunch", "archive", "restore"):
        body = {"decision": "ship", "reasons": "It helped."} if verb == "decide" else {}
        done = admin.post(f"{EXPERIMENT}/{verb}", body, etag=admin.etag(EXPERIMENT))
        assert done.status == 200, (verb, done.body)
        states.append(done.body["item"]["state"])
    assert states == [
        "ready",
        "draft",
        "running",
        "stopped",
        "decided",
        "draft",
        "archived",
        "draft",
    ]
    assert admin.get(EXPERIMENT).body["phase_index"] == 1


def test_verb__from_a_state_without_its_arrow__refused_with_the_way(
    admin: Program, items: Items
) -> None:
    refused = admin.post(f"{EXPERIMENT}/start", etag='"1"')
    assert (refused.status, refused.rules) == (422, ["state-allows"])
    assert refused.body["remedy"]


def test_activate__dry_run__would_run_and_does_not(admin: Program, items: Items) -> None:
    tried = admin.post(f"{EXPERIMENT}/activate?dry_run=1", etag='"1"')
    assert (tried.status, tried.body["item"]["state"]) == (200, "running")
    assert admin.get(EXPERIMENT).body["state"] == "draft"


def test_activate__stale_or_no_version__not_switched_on(admin: Program, items: Items) -> None:
    assert admin.post(f"{EXPERIMENT}/activate").status == 428
    assert admin.post(f"{EXPERIMENT}/activate", etag='"7"').status == 412
    assert admin.get(EXPERIMENT).body["state"] == "draft"


def test_stop__without_a_version__stops_all_the_same(admin: Program, items: Items) -> None:
    admin.post(f"{INSTRUMENT}/activate", etag='"1"')
    stopped = admin.post(f"{INSTRUMENT}/stop")
    assert (stopped.status, stopped.body["item"]["state"]) == (200, "stopped")
    assert admin.post(f"{INSTRUMENT}/stop", etag='"1"').status == 412


def test_approve__own_work__refused_by_its_rule(admin: Program) -> None:

    path = "/experiments/another-experiment"
    assert admin.post("/experiments", whole(owners=["Somebody else"])).status == 201
    admin.post(f"{path}/ask", etag='"1"')
    refused = admin.post(f"{path}/approve", etag='"2"')
    assert refused.rules == ["approver-is-another"]


def test_kill__listed_or_everything__one_action_with_a_reason(admin: Program, items: Items) -> None:
    for path in (EXPERIMENT, INSTRUMENT):
        assert admin.post(f"{path}/activate", etag='"1"').status == 200
    assert admin.post("/kill", {"reason": "", "everything": True}).rules == ["kill-has-reason"]
    assert admin.post("/kill", {"reason": "Errors"}).rules == ["kill-has-items"]
    listed = [{"kind": "experiment", "machine_name": "search-suggestions"}]
    one = admin.post("/kill", {"reason": "Errors", "items": listed})
    assert (one.status, one.body["stopped"]) == (200, listed)
    rest = admin.post("/kill", {"reason": "More errors", "everything": True})
    assert [row["machine_name"] for row in rest.body["stopped"]] == ["desktop-ui-interactions"]
    assert admin.get(f"{INSTRUMENT}/history").body["versions"][0]["kill"] == rest.body["kill"]
