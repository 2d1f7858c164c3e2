"""The whole configuration over the management API: read, planned, and applied all or nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.registry.manage_api.conftest import Program, program
from tests.registry.manage_api.test_writing_items import whole

from allotment.registry import lifecycle, placing
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import (
    Account,
    AuditEntry,
    CapException,
    Experiment,
    Layer,
    Site,
    Stream,
    Team,
)

pytestmark = pytest.mark.django_db
Items = tuple[AnyItem, AnyItem]
Entry = dict[str, Any]
WEB = "analytics/product_metrics/web/base"


def entries(asks: Program) -> dict[tuple[str, str], Entry]:
    return {(e["kind"], e["name"]): e for e in asks.get("/configuration").body["entries"]}


def change(found: Entry, **changes: object) -> Entry:
    """An entry for a request from one of an answer."""
    kept = {name: found[name] for name in ("kind", "name", "version")}
    return kept | {"document": found["document"] | changes}


def new(kind: str, called: str, **document: object) -> Entry:
    return {"kind": kind, "name": called, "document": document}


@pytest.fixture
def places(items: Items) -> None:
    placing.save_site(Site(name="frwiki", family="wikipedia", cap=Decimal("0.1")))
    placing.save_layer(Layer(name="chrome"))
    placing.grant_exception(items[0], "frwiki", Decimal(1), reason="Small")


def test_configuration__read_and_applied_as_it_is__changes_nothing(
    admin: Program, places: None
) -> None:
    found = entries(admin)
    assert {kind for kind, _ in found} == {
        *("team", "layer", "site", "stream", "exception", "instrument", "experiment")
    }
    count = AuditEntry.objects.count()
    for way in ("plan", "apply"):
        done = admin.post(f"/configuration/{way}", {"entries": [change(e) for e in found.values()]})
        assert done.status == 200, done.body
        assert done.body["stored"] is (way == "apply")
        told = {(e["kind"], e["name"]): (e["done"], e["refusals"]) for e in done.body["entries"]}
        assert told == dict.fromkeys(found, ("same", []))
    assert entries(admin) == found
    assert AuditEntry.objects.count() == count


def test_apply__everything_new_in_any_order__each_after_what_it_needs(admin: Program) -> None:
    document = whole(
        stream="product_metrics.fresh",
        layer="fresh",
        layer_share=0.5,
        sites=[{"site": "family:fresh", "rate": 0.5}],
    )
    asked = [
        new("experiment", "another-experiment", **document),
        new("exception", "another-experiment@freshwiki", item="another-experiment")
        | {
            "document": {"item": "another-experiment", "site": "freshwiki", "cap": 0.5}
            | {"reason": "Small site"}
        },
        new("stream", "product_metrics.fresh", name="product_metrics.fresh", schema_title=WEB),
        new("site", "freshwiki", name="freshwiki", family="fresh", cap=0.1),
        new("layer", "fresh", name="fresh"),
        new("team", "Fresh team", name="Fresh team", members=["author"]),
    ]
    planned = admin.post("/configuration/plan", {"entries": asked})
    assert [e["done"] for e in planned.body["entries"]] == ["created"] * 6, planned.body
    assert not Experiment.objects.exists()
    done = admin.post("/configuration/apply", {"entries": asked, "reason": "From files"})
    assert done.status == 200, done.body
    assert [e["kind"] for e in done.body["entries"]] == [
        *("team", "layer", "site", "stream", "exception", "experiment")
    ]
    stored = Experiment.objects.get()
    assert (stored.stream.name, stored.creator) == (
        "product_metrics.fresh",
        Account.objects.get(username="admin"),
    )
    assert CapException.objects.get().machine_name == "another-experiment"
    assert admin.get("/experiments/another-experiment/history").body["versions"][0]["reason"] == (
        "From files"
    )


def test_apply__one_of_several_refused__none_is_stored_and_all_faults_are_told(
    admin: Program, items: Items
) -> None:
    asked = [
        new("team", "Fresh team", name="Fresh team"),
        new("experiment", "another-experiment", **whole(groups=[{"name": "a"}, {"name": "a"}])),
        new("experiment", "third-experiment", **whole(machine_name="other-name-1")),
        new("stream", "product_metrics.fresh", name="product_metrics.fresh", schema_title="none"),
        new("site", "frwiki", name="frwiki", colour="red"),
    ]
    planned = {
        e["name"]: e for e in admin.post("/configuration/plan", {"entries": asked}).body["entries"]
    }
    assert planned["Fresh team"]["done"] == "created"
    assert {name: e["refusals"][0]["rule"] for name, e in planned.items() if e["refusals"]} == {
        "another-experiment": "group-named-once",
        "third-experiment": "name-stays",
        "product_metrics.fresh": "value-has-form",
        "frwiki": "key-is-known",
    }
    refused = admin.post("/configuration/apply", {"entries": asked})
    assert refused.status == 422
    assert refused.body["detail"] == "4 of 5 entries are refused; nothing is changed."
    assert "experiment another-experiment: groups" in {r["field"] for r in refused.body["refusals"]}
    assert Team.objects.count() == 1
    assert Experiment.objects.count() == 1


def test_apply__somebody_wrote_meanwhile__all_of_it_refused(
    admin: Program, items: Items, places: None
) -> None:
    found = entries(admin)
    experiment = found["experiment", "search-suggestions"]
    site = found["site", "frwiki"]
    admin.ask("patch", "/experiments/search-suggestions", {"name": "Other"}, etag='"1"')
    asked = [change(site, label="French"), change(experiment, name="Mine")]
    refused = admin.post("/configuration/apply", {"entries": asked})
    assert (refused.status, refused.rules) == (412, ["nobody-wrote-meanwhile"])
    assert Site.objects.get().label == ""
    fresh = entries(admin)["experiment", "search-suggestions"]
    asked[1] = change(fresh, name="Mine")
    assert admin.post("/configuration/apply", {"entries": asked}).status == 200
    assert Site.objects.get().label == "French"
    made_meanwhile = admin.post(
        "/configuration/apply", {"entries": [new("site", "frwiki", name="frwiki")]}
    )
    assert made_meanwhile.rules == ["nobody-wrote-meanwhile"]


def test_plan__live_experiment__semantic_diff_and_effects(admin: Program, items: Items) -> None:
    lifecycle.activate(items[0])
    found = entries(admin)["experiment", "search-suggestions"]
    assert (found["state"], found["removable"]) == ("running", False)
    sites = [{"site": "frwiki", "rate": 0.2}, {"site": "dewiki", "rate": 0.1}]
    entry = admin.post("/configuration/plan", {"entries": [change(found, sites=sites)]})
    (told,) = entry.body["entries"]
    assert told["done"] == "changed"
    assert [c["label"] for c in told["changes"]] == ["Traffic on frwiki"]
    assert told["effects"] == [
        "Traffic on frwiki 10% → 20%: nobody moves: raising a rate never does."
    ]
    removed = admin.post("/configuration/apply", {"entries": [change(found) | {"document": None}]})
    assert (removed.status, removed.rules) == (422, ["state-allows"])


def test_plan__stream__key_by_key_and_a_lost_block_only_if_meant(admin: Program) -> None:
    stream = Stream.objects.get(name="product_metrics.web_base")
    stream.settings = {"producers": {"eventgate": {"use_edge_uniques": True}}}
    lifecycle.save_stream(stream, expected=stream.revision)
    found = entries(admin)["stream", "product_metrics.web_base"]
    less = change(found, settings={"producers": {}})
    (told,) = admin.post("/configuration/plan", {"entries": [less]}).body["entries"]
    assert "block-not-lost" in {r["rule"] for r in told["refusals"]}
    (told,) = admin.post("/configuration/plan", {"entries": [less | {"meant": True}]}).body[
        "entries"
    ]
    assert [(c["sign"], c["label"]) for c in told["changes"]] == [
        ("-", "settings.producers.eventgate")
    ]


def test_apply__without_document__item_archived_and_places_removed(
    admin: Program, items: Items, places: None
) -> None:
    found = entries(admin)
    gone = [
        change(found[key]) | {"document": None}
        for key in (
            ("experiment", "search-suggestions"),
            ("exception", "search-suggestions@frwiki"),
            ("site", "frwiki"),
        )
    ]
    done = admin.post("/configuration/apply", {"entries": gone})
    assert [(e["kind"], e["done"]) for e in done.body["entries"]] == [
        *(("experiment", "removed"), ("exception", "removed"), ("site", "removed"))
    ]
    assert Experiment.objects.get().state(items[0].changed).value == "archived"
    assert not Site.objects.exists()
    owning = found["team", "Search team"]
    refused = admin.post("/configuration/apply", {"entries": [change(owning) | {"document": None}]})
    assert (refused.status, refused.rules) == (409, ["owns-nothing"])
    layer = found["layer", "chrome"]
    refused = admin.post("/configuration/apply", {"entries": [change(layer) | {"document": None}]})
    assert refused.rules == ["stays-once-made"]


def test_rights__of_each_entry__told_by_a_plan_and_refused_by_a_write(
    programs: dict[str, Program], items: Items, places: None
) -> None:
    author = programs["author"]
    found = entries(author)
    asked = [
        change(found["experiment", "search-suggestions"], name="Taken over"),
        change(found["site", "frwiki"], label="Mine"),
        change(found["team", "Search team"], members=["author"]),
        new("experiment", "another-experiment", **whole()),
    ]
    viewer = program(Account.objects.get(username="viewer"), "read")
    planned = viewer.post("/configuration/plan", {"entries": asked})
    assert [e["done"] for e in planned.body["entries"]] == [
        *("changed", "changed", "created", "changed")
    ]
    assert all(e["forbidden"] for e in planned.body["entries"])
    for entry in asked:
        refused = author.post("/configuration/apply", {"entries": [entry]})
        assert (refused.status, refused.rules) == (403, ["role-allows-it"]), entry
    own = new("experiment", "another-experiment", **whole(owners=["@author"]))
    assert author.post("/configuration/apply", {"entries": [own]}).status == 200


def test_apply__named_twice_or_unknown_item__refused(admin: Program) -> None:
    site = new("site", "frwiki", name="frwiki")
    refused = admin.post("/configuration/apply", {"entries": [site, site]})
    assert refused.rules == ["entry-given-once"]
    lost = new("exception", "nothing@frwiki", item="nothing", site="frwiki", cap=1, reason="So")
    assert admin.post("/configuration/apply", {"entries": [lost]}).rules == ["item-is-known"]
