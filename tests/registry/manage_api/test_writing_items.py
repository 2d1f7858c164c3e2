"""Writing items through the management API: by the same rules as the forms, and losing nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.registry.manage_api.conftest import Program

from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import AuditEntry, ConfigurationVersion, Experiment

pytestmark = pytest.mark.django_db
EXPERIMENT = "/experiments/search-suggestions"
Items = tuple[AnyItem, AnyItem]


def whole(**changes: object) -> dict[str, Any]:
    """The body of a POST that every rule accepts; keywords change it."""
    return {
        "machine_name": "another-experiment",
        "name": "Another",
        "owners": ["Search team"],
        "end": "2035-01-31T09:00:00Z",
        "stream": "product_metrics.web_base",
        "attributes": ["performer_is_logged_in"],
        "sites": [{"site": "frwiki", "rate": 0.1}],
        "risk_level": "low",
        "acknowledged": True,
        "identifier_type": "edge-unique",
        "groups": [{"name": "control"}, {"name": "other"}],
    } | changes


def test_create__sound_plan__stored_with_the_newest_schema_and_an_owner(
    programs: dict[str, Program],
) -> None:
    made = programs["author"].post("/experiments", whole())
    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    assert made.headers["Location"] == "/api/v1/manage/experiments/another-experiment"
    item = made.body["item"]
    assert made.body["stored"] is True
    assert item["plan"]["schema_id"].startswith("/analytics/product_metrics/web/base/")
    # An author who is in no owning team would lock themselves out.
    assert item["plan"]["owners"] == ["Search team", "@author"]
    assert item["creator"] == "author"


def test_create__read_back_and_put__changes_nothing(admin: Program) -> None:
    admin.post("/experiments", whole())
    path = "/experiments/another-experiment"
    found = admin.get(path)
    again = admin.put(path, found.body["plan"], etag=found.headers["ETag"])
    assert (again.status, again.body["changes"]) == (200, [])
    assert admin.etag(path) == '"1"'


def test_create__holdout__covers_what_is_switched_on_after_it(admin: Program) -> None:
    groups = [{"name": "held-out", "weight": 5}, {"name": "open", "weight": 95}]
    every = {"default_rate": 1, "sites": []}
    layer = "layer:" + "long-" * 12 + "est"
    admin.post("/layers", {"name": layer.removeprefix("layer:")})
    covers = ["all", layer]
    plan = whole(machine_name="holdout-of-2035", groups=groups, holds_out=covers, **every)
    assert admin.post("/experiments", plan).status == 201
    admin.post("/experiments", whole(**every))
    for name in ("holdout-of-2035", "another-experiment"):
        path = f"/experiments/{name}"
        assert admin.post(f"{path}/activate", {}, etag=admin.etag(path)).status == 200
    holdout, covered = (
        admin.get(f"/experiments/{name}").body for name in ("holdout-of-2035", "another-experiment")
    )
    assert (holdout["plan"]["holds_out"], holdout["holdouts"]) == (covers, [])
    assert covered["plan"]["holds_out"] == []
    assert covered["holdouts"] == [
        {"name": "holdout-of-2035", "begin": 0, "end": 838_861, "environments": ["production"]}
    ]


@pytest.mark.parametrize(
    ("changes", "rule", "field"),
    [
        ({"holds_out": ["nothing"]}, "holdout-covers-known", "holds_out"),
        ({"machine_name": "short"}, "name-has-form", "machine_name"),
        ({"machine_name": "Search-Suggestions"}, "name-is-free", "machine_name"),
        ({"stream": "no.such.stream"}, "stream-exists", "stream"),
        ({"attributes": ["page_secret"]}, "attribute-has-field", "attributes"),
        ({"environments": ["moon"]}, "environment-is-known", "environments"),
        ({"identifier_type": "shoe-size"}, "identifier-type-is-known", "identifier_type"),
        ({"primary_metric": "happiness"}, "metric-is-known", "primary_metric"),
        ({"schema_id": "/other/1.0.0"}, "schema-fits-stream", "schema_id"),
        ({"layer": "nowhere"}, "layer-is-known", "layer"),
        ({"groups": [{"name": "control"}]}, "groups-are-enough", "groups"),
        ({"groups": [{"name": "a"}, {"name": "a"}]}, "group-named-once", "groups"),
        ({"groups": [{"name": "a"}, {"name": "b", "weight": 0}]}, "weights-are-positive", "groups"),
        (
            {"sites": [{"site": "frwiki", "rate": 0.1}, {"site": "frwiki", "rate": 0.2}]},
            "site-listed-once",
            "sites",
        ),
        ({"start": "2035-02-01T00:00:00Z"}, "end-after-start", "end"),
        ({"acknowledged": False}, "guidelines-acknowledged", "acknowledged"),
        ({"targeting": {"page_id": {"sounds_like": 3}}}, "condition-can-be-met", "targeting"),
        ({"targeting": {"shoe": {"equals": 3}}}, "condition-can-be-met", "targeting"),
        ({"smaple_rate": 1}, "key-is-known", "smaple_rate"),
        ({"default_rate": 1.5}, "value-has-form", "default_rate"),
        ({"end": "tomorrow"}, "value-has-form", "end"),
    ],
)
def test_create__broken_configuration__refused_by_the_named_rule(
    admin: Program, items: Items, changes: dict[str, Any], rule: str, field: str
) -> None:
    for query in ("", "?dry_run=1"):
        refused = admin.post(f"/experiments{query}", whole(**changes))
        assert refused.status == 422, refused.body
        named = {(r["rule"], r["field"].split(".")[-1]) for r in refused.body["refusals"]}
        assert (rule, field) in named, refused.body
        assert all(r["remedy"] and r["what"] for r in refused.body["refusals"])
    assert Experiment.objects.count() == 1


@pytest.mark.parametrize(
    ("raw", "rules"),
    [
        (b'{"name": "a", "name": "b"}', ["key-given-once"]),
        (b'{"default_rate": NaN}', []),
        (b'{"name": "\\u0000"}', []),
        (b'{"name": "\\ud800"}', []),
        (b"[" * 100_000, []),
        (b"\xff", []),
        (b"no json", []),
    ],
)
def test_create__body_with_a_trap__refused_as_unreadable(
    admin: Program, raw: bytes, rules: list[str]
) -> None:
    refused = admin.ask("post", "/experiments", raw=raw)
    assert (refused.status, refused.rules) == (400, rules)


def test_replace__without_a_version__asked_for_it(admin: Program, items: Items) -> None:
    plan = admin.get(EXPERIMENT).body["plan"]
    assert admin.put(EXPERIMENT, plan).status == 428
    assert admin.put(EXPERIMENT, plan, etag="*").status == 428


def test_replace__two_clients_from_one_version__second_is_told(
    admin: Program, programs: dict[str, Program], items: Items
) -> None:
    found = admin.get(EXPERIMENT)
    plan, etag = found.body["plan"], found.headers["ETag"]
    first = admin.put(f"{EXPERIMENT}?reason=Mine", plan | {"name": "First"}, etag=etag)
    assert (first.status, first.headers["ETag"]) == (200, '"2"')
    second = programs["owner"].put(EXPERIMENT, plan | {"name": "Second"}, etag=etag)
    assert (second.status, second.rules) == (412, ["nobody-wrote-meanwhile"])
    stored = admin.get(EXPERIMENT).body
    assert stored["plan"]["name"] == "First"
    assert admin.get(f"{EXPERIMENT}/history").body["versions"][0]["reason"] == "Mine"


def test_replace__dry_run__says_what_it_would_do_and_stores_nothing(
    admin: Program, items: Items
) -> None:
    found = admin.get(EXPERIMENT)
    entries = AuditEntry.objects.count()
    number = ConfigurationVersion.current().number
    sites = [{"site": "frwiki", "rate": 0.2}, {"site": "dewiki", "rate": 0.1}]
    tried = admin.put(
        f"{EXPERIMENT}?dry_run=1", found.body["plan"] | {"sites": sites}, etag=found.headers["ETag"]
    )
    assert tried.status == 200
    assert tried.body["stored"] is False
    assert [change["label"] for change in tried.body["changes"]] == ["Traffic on frwiki"]
    assert tried.body["effects"] == [
        "Traffic on frwiki 10% → 20%: nobody moves: raising a rate never does."
    ]
    assert admin.get(EXPERIMENT).body == found.body
    assert AuditEntry.objects.count() == entries
    assert ConfigurationVersion.current().number == number


def test_change__one_field__others_stay(admin: Program, items: Items) -> None:
    etag = admin.etag(EXPERIMENT)
    done = admin.ask("patch", EXPERIMENT, {"hypothesis": "It helps."}, etag=etag)
    assert done.status == 200
    assert done.body["item"]["plan"]["hypothesis"] == "It helps."
    assert len(done.body["item"]["plan"]["sites"]) == 2
    wrong = admin.ask("patch", EXPERIMENT, {"groups": 3}, etag=done.headers["ETag"])
    assert (wrong.status, wrong.rules) == (422, ["value-has-form"])
    nobody = admin.ask("patch", EXPERIMENT, {"owners": []}, etag=done.headers["ETag"])
    assert nobody.rules == ["owner-is-named"]
    template = {"owners": [], "is_template": True}
    kept = admin.ask("patch", EXPERIMENT, template, etag=done.headers["ETag"])
    assert (kept.status, kept.body["item"]["plan"]["owners"]) == (200, [])


def test_clone__template__new_draft_of_the_caller(
    programs: dict[str, Program], items: Items
) -> None:
    made = programs["author"].post(
        f"{EXPERIMENT}/clone", {"machine_name": "search-suggestions-2", "acknowledged": True}
    )
    assert made.status == 201
    assert made.body["item"]["plan"]["owners"] == ["Search team", "@author"]
    assert made.body["item"]["state"] == "draft"


def test_revert__older_revision__new_version_with_the_old_plan(
    admin: Program, items: Items
) -> None:
    admin.ask("patch", EXPERIMENT, {"name": "Worse"}, etag='"1"')
    done = admin.post(f"{EXPERIMENT}/revert", {"revision": 1}, etag='"2"')
    assert (done.status, done.headers["ETag"]) == (200, '"3"')
    assert done.body["item"]["plan"]["name"] == "Search suggestions"
    none = admin.post(f"{EXPERIMENT}/revert", {"revision": 9}, etag='"3"')
    assert (none.status, none.rules) == (422, ["version-is-kept"])


def test_publish__owner_says_so__shown_and_in_the_audit_log_with_the_token(
    programs: dict[str, Program], items: Items
) -> None:
    done = programs["owner"].post(f"{EXPERIMENT}/publish", {"public": True})
    assert (done.status, done.body["public"]) == (200, True)
    entry = AuditEntry.objects.order_by("-number").first()
    assert entry is not None
    assert (entry.action, entry.who) == ("publish", "owner")
    assert entry.detail["token"] == programs["owner"].token.split("_")[1]
    assert entry.request
