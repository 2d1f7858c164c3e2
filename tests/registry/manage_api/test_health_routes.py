"""What the pages tell of health, for programs: the same things, in words and in figures."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from tests.analysis.synthetic import event, put
from tests.registry.manage_api.conftest import Program
from tests.registry.test_lab_health import SOUND, publish

from allotment.registry import consumers, lifecycle
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account

pytestmark = pytest.mark.django_db
Items = tuple[AnyItem, AnyItem]


def test_health__nothing_known__nothing_ill_and_no_ledger(programs: dict[str, Program]) -> None:
    found = programs["viewer"].get("/health")
    assert found.status == 200
    assert found.body == {"ills": [], "ledger": None, "programs": []}


def test_health__events_are_nowhere_and_a_reader__figures_and_the_way_to_look(
    programs: dict[str, Program], own_data: Path
) -> None:
    lost = {**vars(SOUND), "missing": 10, "minutes": 2}
    publish(own_data, type(SOUND)(**lost))
    now = timezone.now()
    consumers.book(now).note("allotment-python 1.0", "10.0.0.2", 7, now)
    found = programs["viewer"].get("/health").body
    (ill,) = found["ills"]
    assert (ill["tone"], ill["name"], ill["rule"]) == ("bad", SOUND.stream, "")
    assert "Of 12,345 events of the last day 10 are nowhere." in ill["what"]
    assert "allotment ledger --since 1d" in ill["remedy"]
    (account,) = found["ledger"]["streams"]
    assert account == lost
    (reader,) = found["programs"]
    assert (reader["name"], reader["readers"], reader["held"]) == ("allotment-python", 1, [7])


def test_own_sessions__two_browsers__both_are_logged_out_and_nobody_else(
    programs: dict[str, Program],
) -> None:
    browsers = {who: Client() for who in ("viewer", "admin")}
    again = Client()
    again.force_login(Account.objects.get(username="viewer"))
    for who, browser in browsers.items():
        browser.force_login(Account.objects.get(username=who))
    assert programs["viewer"].post("/me/sessions").body == {"ended": 2}
    assert [b.get("/").status_code for b in (browsers["viewer"], again)] == [302, 302]
    assert browsers["admin"].get("/").status_code == 200


def test_waiting__draft_of_a_team__for_its_members_and_for_who_asks_for_all(
    programs: dict[str, Program], items: Items
) -> None:
    lifecycle.ask(items[0])
    names = {"search-suggestions", "desktop-ui-interactions"}
    found = programs["owner"].get("/waiting").body
    assert {matter["machine_name"] for matter in found["matters"]} < names
    assert found["total"] == len(found["matters"])
    everybodys = programs["admin"].get("/waiting?everybodys=true").body
    assert {matter["machine_name"] for matter in everybodys["matters"]} == names
    assert programs["viewer"].get("/waiting?everybodys=true").body == {"total": 0, "matters": []}


def test_arrivals__events_of_both_groups__counted_by_group_hour_and_site(
    programs: dict[str, Program], items: Items, own_data: Path
) -> None:
    hour = timezone.now() - timedelta(hours=1)
    put(
        own_data / "lake",
        [
            event(
                f"reader-{number}",
                group,
                "click",
                number,
                experiment=items[0].machine_name,
                dt=hour.isoformat(),
            )
            | {"mediawiki": {"database": "frwiki"}}
            for group in ("control", "described")
            for number in range(3)
        ],
    )
    found = programs["viewer"].get("/experiments/search-suggestions/arrivals").body["arrived"]
    assert found["parts"] == {"control": 3, "described": 3}
    assert [at["parts"] for at in found["hours"]] == [{"control": 3, "described": 3}]
    assert found["sites"] == {"frwiki": 6}
    assert (found["forced"], found["refused"]) == (0, {})


def test_arrivals__no_lake__not_known_rather_than_none(
    programs: dict[str, Program], items: Items
) -> None:
    path = "/instruments/desktop-ui-interactions/arrivals"
    assert programs["viewer"].get(path).body == {"arrived": None}
    assert programs["viewer"].get("/instruments/no-such-thing/arrivals").status == 404
