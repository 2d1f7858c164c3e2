"""Streams, sites, layers, teams and people through the management API."""

from __future__ import annotations

import pytest
from tests.registry.manage_api.conftest import Program

from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import AuditEntry, Site, Stream

pytestmark = pytest.mark.django_db
STREAM = {
    "name": "product_metrics.other",
    "schema_title": "analytics/product_metrics/web/base",
    "attributes": ["page_id"],
    "settings": {"canary_events_enabled": True},
}


def test_stream__made_read_and_changed__from_the_version_that_was_read(admin: Program) -> None:
    made = admin.post("/streams", STREAM)
    assert made.status == 201
    assert Stream.objects.get(name="product_metrics.other").settings == STREAM["settings"]
    path = "/streams/product_metrics.other"
    found = admin.get(path)
    assert found.headers["ETag"] == made.headers["ETag"]
    changed = found.body | {"description": "For others"}
    assert admin.put(path, changed).status == 428
    done = admin.put(path, changed, etag=found.headers["ETag"])
    assert (done.status, done.body["description"]) == (200, "For others")
    stale = admin.put(path, found.body, etag=found.headers["ETag"])
    assert (stale.status, stale.rules) == (412, ["nobody-wrote-meanwhile"])


def test_stream__history_and_way_back__from_the_version_that_was_read(admin: Program) -> None:
    path = "/streams/product_metrics.other"
    made = admin.post("/streams?reason=New", STREAM)
    changed = admin.put(
        f"{path}?reason=More",
        STREAM | {"attributes": ["page_id", "page_title"]},
        etag=made.headers["ETag"],
    )
    newest, first = admin.get(f"{path}/history").body["versions"]
    assert (newest["revision"], newest["reason"], first["reason"]) == (2, "More", "New")
    assert [(c["sign"], c["was"]) for c in newest["changes"]] == [("+", "")]
    assert first["record"]["attributes"] == ["page_id"]
    stale = admin.post(f"{path}/revert", {"revision": 1}, etag=made.headers["ETag"])
    assert stale.rules == ["nobody-wrote-meanwhile"]
    done = admin.post(f"{path}/revert", {"revision": 1}, etag=changed.headers["ETag"])
    assert (done.status, done.body["attributes"]) == (200, ["page_id"])
    none = admin.post(f"{path}/revert", {"revision": 9}, etag=done.headers["ETag"])
    assert none.rules == ["version-is-kept"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"name": "short"}, "name-has-form"),
        ({"name": "product_metrics.web_base"}, "name-is-free"),
        ({"schema_title": "no/such/title"}, "value-has-form"),
        ({"settings": {"canary_events_enabeld": True}}, "setting-is-known"),
    ],
)
def test_stream__broken__refused_by_the_rule_of_the_form(
    admin: Program, changes: dict[str, object], rule: str
) -> None:
    refused = admin.post("/streams", STREAM | changes)
    assert refused.status == 422
    assert rule in refused.rules, refused.body


def test_site__cap_and_exception__granted_and_taken_back(
    admin: Program, items: tuple[AnyItem, AnyItem]
) -> None:
    made = admin.post("/sites?reason=Busy", {"name": "frwiki", "cap": 0.2})
    assert (made.status, made.body["cap"]) == (201, 0.2)
    assert admin.post("/sites", {"name": "frwiki"}).rules == ["site-is-free"]
    path = "/experiments/search-suggestions/exceptions"
    granted = admin.post(path, {"site": "frwiki", "cap": 0.5, "reason": "Rare event"})
    assert (granted.status, granted.body["cap"]) == (200, 0.5)
    assert admin.get("/exceptions").body["total"] == 1
    assert admin.ask("delete", f"{path}/frwiki").status == 204
    assert admin.ask("delete", f"{path}/frwiki").status == 404
    removed = admin.ask("delete", "/sites/frwiki", etag=made.headers["ETag"])
    assert (removed.status, Site.objects.count()) == (204, 0)


def test_layer__used_by_nobody__renamed_and_wholly_free(admin: Program) -> None:
    made = admin.post("/layers", {"name": "chrome"})
    assert (made.status, made.body["free"]) == (201, 1.0)
    etag = made.headers["ETag"]
    done = admin.put("/layers/chrome", {"name": "desktop-chrome"}, etag=etag)
    assert done.status == 200
    assert admin.put("/layers/desktop-chrome", {"name": "other"}, etag=etag).status == 412


def test_team__unknown_member__named_and_owned_team_stays(
    admin: Program, items: tuple[AnyItem, AnyItem]
) -> None:
    refused = admin.post("/teams", {"name": "Web team", "members": ["nobody-of-this-name"]})
    assert refused.status == 422
    assert "nobody-of-this-name" in refused.body["detail"]
    kept = admin.ask("delete", "/teams/Search%20team", etag=admin.etag("/teams/Search%20team"))
    assert kept.status == 409
    assert "owns" in kept.body["detail"]


def test_person__made_and_switched_off__once_shown_password_and_no_more_tokens(
    programs: dict[str, Program],
) -> None:
    admin = programs["admin"]
    made = admin.post("/people", {"name": "newcomer", "role": "author"})
    assert made.status == 201
    assert len(made.body["password"]) > 12
    assert admin.post("/people", {"name": "newcomer"}).status == 422
    assert admin.post("/people/viewer/switch", {"on": False}).body["active"] is False
    assert programs["viewer"].get("/me").status == 401
    last = admin.post("/people/admin/role", {"role": "viewer"})
    assert (last.status, "only admin" in last.body["detail"]) == (409, True)


def test_audit__filtered__newest_first_with_the_token(programs: dict[str, Program]) -> None:
    programs["admin"].post("/layers", {"name": "chrome"})
    found = programs["admin"].get("/audit?action=make-layer").body
    assert found["total"] == 1
    entry = found["items"][0]
    assert (entry["who"], entry["name"]) == ("admin", "chrome")
    assert entry["detail"]["token"]
    assert programs["admin"].get("/audit").body["total"] == AuditEntry.objects.count()
