"""Answers that are kept: shaped once for each change, and never emptier than the truth."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from tests.registry.damage import damage

from allotment.registry import lifecycle, served
from allotment.registry.models import Experiment, Site, Stream
from allotment.registry.plan import ExperimentPlan, InstrumentPlan
from allotment.registry.served import Question

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
EXPERIMENTS, STREAMS = "/api/v1/experiments", "/w/api.php?action=streamconfigs"
HALF = timedelta(seconds=30)
SECONDS = 20.0
Make = Callable[..., ExperimentPlan]
MakeInstrument = Callable[..., InstrumentPlan]


@pytest.fixture(autouse=True)
def nothing_is_known() -> None:
    """What an earlier test had in its database is not held against what this one has."""
    served.forget()


def active(plan: ExperimentPlan | InstrumentPlan) -> None:
    lifecycle.activate(lifecycle.create(plan))


def names(path: str = EXPERIMENTS) -> list[str]:
    found = Client().get(path).json()
    return [row["name"] for row in found] if isinstance(found, list) else list(found)


def test_answer__nothing_changed__one_query_however_many_items(
    experiment_plan: Make, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        active(experiment_plan(machine_name=f"experiment-{number}"))
    first = Client().get(EXPERIMENTS)
    with django_assert_num_queries(1):
        assert Client().get(EXPERIMENTS).content == first.content
    with django_assert_num_queries(1):
        again = Client().get(EXPERIMENTS, headers={"if-none-match": first["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", [EXPERIMENTS, STREAMS, "/api/v1/instruments"])
def test_answer__shaped_anew__as_many_queries_for_ten_items_as_for_two(
    path: str,
    experiment_plan: Make,
    instrument_plan: MakeInstrument,
) -> None:
    counts = []
    for upto in (2, 10):
        for number in range(upto - 2 if upto == 10 else 0, upto):
            active(experiment_plan(machine_name=f"experiment-{upto}-{number}"))
            active(instrument_plan(machine_name=f"instrument-{upto}-{number}"))
        served.forget()
        with CaptureQueriesContext(connection) as asked:
            Client().get(path)
        counts.append(len(asked))
    assert counts[0] == counts[1] > 1


def test_answer__an_end_passes__gone_without_a_change(experiment_plan: Make) -> None:
    active(experiment_plan(attributes=("page_id",)))
    now = timezone.now()
    assert served.answer(Question("experiments"), now).documents
    later = now + timedelta(days=22)
    assert served.answer(Question("experiments"), later).documents == ()
    material = served.answer(Question("streams"), now).documents
    assert served.answer(Question("streams"), later).documents != material, "it asks no more"


@pytest.mark.django_db(transaction=True)
def test_answer__database_gone_after_an_answer__last_good_with_its_age(
    experiment_plan: Make, own_data: Path
) -> None:
    active(experiment_plan())
    first = Client().get(EXPERIMENTS)
    assert (first["Age"], first["X-Allotment-Config-Age"]) == ("0", "0")
    assert "X-Allotment-Config-Stale" not in first
    (copy,) = (own_data / "registry/answers").iterdir()
    os.utime(copy, (time.time() - 100,) * 2)
    damage("ALTER TABLE registry_experiment RENAME TO elsewhere")
    stale = Client().get(EXPERIMENTS)
    damage("ALTER TABLE elsewhere RENAME TO registry_experiment")
    assert stale.json() == first.json()
    assert stale["X-Allotment-Config-Stale"] == "database"
    assert stale["X-Allotment-Config-Version"] == first["X-Allotment-Config-Version"]
    assert 100 <= int(stale["X-Allotment-Config-Age"]) < 160
    assert stale["ETag"] == first["ETag"]


def test_answer__rows_vanish_without_a_change__never_empty(experiment_plan: Make) -> None:
    active(experiment_plan())
    first = Client().get(EXPERIMENTS)
    damage(
        "DELETE FROM registry_group",
        "DELETE FROM registry_experimentsite",
        "DELETE FROM registry_experiment",
    )
    stale = Client().get(EXPERIMENTS)
    assert stale.json() == first.json()
    assert stale["X-Allotment-Config-Stale"] == "vanished"


def test_answer__one_row_vanishes__others_served_and_it_is_named(experiment_plan: Make) -> None:
    active(experiment_plan(machine_name="one-that-stays"))
    active(experiment_plan(machine_name="one-that-goes"))
    names()
    gone = "(SELECT id FROM registry_experiment WHERE machine_name = 'one-that-goes')"
    damage(
        f"DELETE FROM registry_group WHERE experiment_id = {gone}",
        f"DELETE FROM registry_experimentsite WHERE experiment_id = {gone}",
        f"DELETE FROM registry_experiment WHERE id = {gone}",
    )
    for _ in range(2):  # and it stays missed
        answer = Client().get(EXPERIMENTS)
        assert [row["name"] for row in answer.json()] == ["one-that-stays"]
        assert answer["X-Allotment-Left-Out-Names"] == "one-that-goes"
        served.forget()


def test_answer__everything_stopped__empty_and_fresh(experiment_plan: Make) -> None:
    active(experiment_plan())
    names()
    lifecycle.kill(None, reason="it breaks search")
    answer = Client().get(EXPERIMENTS)
    assert answer.json() == []
    assert "X-Allotment-Config-Stale" not in answer
    assert "X-Allotment-Left-Out-Names" not in answer


def test_answer__damaged_item_is_killed__not_left_out_but_gone(experiment_plan: Make) -> None:
    active(experiment_plan())
    damage("UPDATE registry_experiment SET attributes = '{'")
    hurt = Client().get(EXPERIMENTS)
    assert hurt["X-Allotment-Left-Out-Names"] == "search-suggestions"
    lifecycle.kill(None, reason="it breaks search")
    served.forget()
    gone = Client().get(EXPERIMENTS)
    assert hurt.json() == gone.json() == []
    assert "X-Allotment-Left-Out-Names" not in gone
    assert gone["ETag"] != hurt["ETag"], "so that no consumer is told 304 and keeps its copy"


def test_answer__stream_of_items_is_gone__they_are_left_out_not_silently_lost(
    experiment_plan: Make, instrument_plan: MakeInstrument
) -> None:
    active(experiment_plan())
    active(instrument_plan())
    damage(*(f"UPDATE registry_{kind} SET stream_id = -1" for kind in ("experiment", "instrument")))
    assert Client().get(EXPERIMENTS)["X-Allotment-Left-Out-Names"] == "search-suggestions"
    told = Client().get("/api/v1/instruments")["X-Allotment-Left-Out-Names"]
    assert told == "desktop-ui-interactions"
    left = Client().get(STREAMS)["X-Allotment-Left-Out-Names"].split(",")
    assert "desktop-ui-interactions" in left
    assert served.left_out(timezone.now()) == ["desktop-ui-interactions", "search-suggestions"]
    known = "(SELECT MIN(id) FROM registry_stream)"
    damage(
        *(
            f"UPDATE registry_{kind} SET stream_id = {known}"
            for kind in ("experiment", "instrument")
        )
    )


def test_experiments__authority_mediawiki__users_alone(experiment_plan: Make) -> None:
    active(experiment_plan(machine_name="for-browsers"))
    active(experiment_plan(machine_name="for-accounts", identifier_type="mw-user"))
    assert names(f"{EXPERIMENTS}?format=config&authority=mediawiki") == ["for-accounts"]
    assert names(f"{EXPERIMENTS}?format=analytics&authority=mediawiki") == ["for-accounts"]


def host(name: str, domain: str) -> None:
    Site.objects.create(name=name, domain=domain)
    served.forget()


def test_experiments__authority_varnish__ranges_and_ended_ones_for_a_day(
    experiment_plan: Make,
) -> None:
    host("frwiki", "fr.wikipedia.org")
    active(experiment_plan())
    active(experiment_plan(machine_name="for-accounts", identifier_type="mw-user"))
    path = f"{EXPERIMENTS}?format=config&authority=varnish"
    answer = Client().get(path)
    assert answer["Content-Type"] == "application/json; charset=utf-8"
    (found,) = answer.json().values()
    assert set(found) == {"start", "end", "domains"}
    assert found["domains"] == {
        "fr.wikipedia.org": {"groups": {"control": [0, 3333], "described": [33333, 39999]}}
    }
    item = Experiment.objects.get(machine_name="search-suggestions")
    lifecycle.stop(item)
    (stopped,) = Client().get(path).json().values()
    assert stopped["end"] < found["end"]
    later = timezone.now() + timedelta(hours=25)
    assert served.answer(Question("experiments", authority="varnish"), later).documents == ()


@pytest.mark.parametrize(
    "query",
    ["authority=nginx", "environment=moon", "authority=varnish&format=analytics", "format=xml"],
)
def test_experiments__unknown_parameter__400(query: str) -> None:
    assert Client().get(f"{EXPERIMENTS}?{query}").status_code == 400


def test_experiments__environment__only_those_meant_for_it(experiment_plan: Make) -> None:
    active(experiment_plan(environments=("staging",)))
    assert names(f"{EXPERIMENTS}?environment=production") == []
    assert names(f"{EXPERIMENTS}?environment=staging") == ["search-suggestions"]
    assert names(f"{EXPERIMENTS}?environment=production&format=analytics") == []


def test_streams__pattern_and_defaults__looked_up_and_merged(settings: LazySettings) -> None:
    defaults = {"topic_prefixes": ["eqiad.", "codfw."], "canary_events_enabled": True}
    settings.ALLOTMENT = replace(settings.ALLOTMENT, stream_defaults=defaults)
    lifecycle.save_stream(
        Stream(
            name="/^wiki\\./",
            schema_title="analytics/product_metrics/web/base",
            settings={"canary_events_enabled": None},
        )
    )
    found = Client().get(f"{STREAMS}&streams=wiki.edit|product_metrics.web_base|none").json()
    assert list(found["streams"]) == ["wiki.edit", "product_metrics.web_base"]
    edit = found["streams"]["wiki.edit"]
    assert (edit["stream"], edit["topics"]) == (
        "/^wiki\\./",
        ["eqiad.wiki.edit", "codfw.wiki.edit"],
    )
    assert "canary_events_enabled" not in edit
    assert found["streams"]["product_metrics.web_base"]["canary_events_enabled"] is True
    everything = Client().get(f"{STREAMS}&all_settings=1").json()["streams"]
    assert everything["/^wiki\\./"]["topics"] == ["/^(eqiad\\.|codfw\\.)wiki\\./"]
    matching = Client().get(f"{STREAMS}&constraints=stream=wiki.view").json()["streams"]
    assert list(matching) == ["/^wiki\\./"]


def test_answer__half_a_minute_and_nothing_changed__confirmed_without_reading_an_item(
    experiment_plan: Make, own_data: Path
) -> None:
    active(experiment_plan())
    now = timezone.now()
    first = served.answer(Question("experiments"), now)
    (copy,) = (own_data / "registry/answers").iterdir()
    os.utime(copy, (time.time() - 100,) * 2)
    with CaptureQueriesContext(connection) as asked:
        assert served.answer(Question("experiments"), now + HALF) is first
    assert not [query for query in asked if '"registry_experiment"."schema_id"' in query["sql"]]
    assert time.time() - copy.stat().st_mtime < 60
    copy.unlink()
    served.answer(Question("experiments"), now + 2 * HALF)
    assert copy.exists()


@pytest.mark.parametrize("kind", ["experiments", "streams"])
def test_answer__changed_past_the_registry_and_back__seen_within_half_a_minute(
    experiment_plan: Make, kind: str
) -> None:
    active(experiment_plan())
    now, question = timezone.now(), Question(kind)
    first = served.answer(question, now)
    was = Experiment.objects.get().attributes
    Experiment.objects.update(attributes=["page_id"])
    changed = served.answer(question, now + HALF)
    assert changed.documents != first.documents
    Experiment.objects.update(attributes=was)
    assert served.answer(question, now + 2 * HALF).documents == first.documents


def test_answer__left_out_by_what_is_no_row__tried_again(settings: LazySettings) -> None:
    usual = settings.ALLOTMENT
    settings.ALLOTMENT = replace(usual, stream_defaults={"topics": "all"})
    now = timezone.now()
    assert served.answer(Question("streams"), now).left_out
    settings.ALLOTMENT = usual
    assert served.answer(Question("streams"), now + HALF).left_out == ()


def test_look__nothing_changed__who_asks_later_takes_one_query(
    experiment_plan: Make, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    active(experiment_plan())
    now = timezone.now()
    first = served.answer(Question("experiments"), now)
    served.look(now + served.LOOK_EVERY)
    with django_assert_num_queries(1):
        assert served.answer(Question("experiments"), now + HALF) is first


def test_look__changed_past_the_registry__shaped_before_anybody_asks(
    experiment_plan: Make, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    active(experiment_plan())
    now = timezone.now()
    served.answer(Question("experiments"), now)
    Experiment.objects.update(attributes=["page_id"])
    served.look(now + served.LOOK_EVERY)
    with django_assert_num_queries(1):
        (found,) = served.answer(Question("experiments"), now + served.LOOK_EVERY).documents
    assert found["contextual_attributes"] == ["page_id"]


@pytest.mark.django_db(transaction=True)
def test_keep_looking__database_gone_and_back__looks_on_and_ends_when_told(
    experiment_plan: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    active(experiment_plan())
    monkeypatch.setattr(served, "LOOK_EVERY", timedelta(milliseconds=20))
    served.answer(Question("experiments"), timezone.now())
    stop = threading.Event()
    looking = threading.Thread(target=served.keep_looking, args=(stop,))
    damage("ALTER TABLE registry_phase RENAME TO elsewhere")
    looking.start()
    try:
        until(lambda: "does not say what is stored" in caplog.text)
        damage("ALTER TABLE elsewhere RENAME TO registry_phase")
        served.answer(Question("experiments"), timezone.now())
        Experiment.objects.update(attributes=["page_id"])
        until(lambda: attributes() == ["page_id"])
    finally:
        stop.set()
        looking.join(SECONDS)
    assert not looking.is_alive()


def attributes() -> list[str]:
    (found,) = served.answer(Question("experiments"), timezone.now()).documents
    return list(found["contextual_attributes"])


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_answer__no_database_and_no_copy__the_error_itself() -> None:
    damage("ALTER TABLE registry_instrument RENAME TO elsewhere")
    with pytest.raises(DatabaseError):
        served.answer(Question("instruments"), timezone.now())
    damage("ALTER TABLE elsewhere RENAME TO registry_instrument")
