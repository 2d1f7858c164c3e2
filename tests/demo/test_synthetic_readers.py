import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.sdk.stand_ins import EXPERIMENT, WEB_SCHEMA, Intake, Registry

from allotment.allocation import allocate, parse_experiment
from allotment_demo.synthetic_readers import (
    Plan,
    SyntheticReadersError,
    send,
    send_plan,
)

NAME = "related-articles-card"


def test_send__three_thousand__arrive_with_the_planted_rates(
    registry: Registry, intake: Intake
) -> None:
    told: list[int] = []
    began = time.process_time()
    counts = send(registry.url, intake.url, readers=3000, on_progress=told.append)
    assert time.process_time() - began < 15
    assert counts.enrolled == counts.readers == 3000
    assert counts.events == counts.accepted == len(intake.events)
    assert told == sorted(told)
    assert told[-1] == 3000
    for group, rate in (("control", 0.20), ("card", 0.26)):
        assert 1300 < counts.groups[group] < 1700
        assert counts.clicks[group] / counts.impressions[group] == pytest.approx(rate, abs=0.03)
    assert len({event["meta"]["id"] for event in intake.events}) == counts.events


def test_send__events__follow_the_law_and_say_that_they_are_synthetic(
    registry: Registry, intake: Intake
) -> None:
    before = datetime.now(UTC) - timedelta(minutes=11)
    counts = send(registry.url, intake.url, readers=50, seed=7)
    by_id = {
        allocate(parse_experiment(EXPERIMENT), f"synthetic-7-{n}").subject_id: allocate(
            parse_experiment(EXPERIMENT), f"synthetic-7-{n}"
        ).group
        for n in range(50)
    }
    impressions = {e["funnel_entry_token"] for e in intake.events if e["action"] == "impression"}
    assert len(impressions) == sum(counts.impressions.values())
    for event in intake.events:
        record = event["experiments"]
        assert record["assigned"][NAME] == by_id[record["subject_ids"][NAME]]
        assert record["coordinators"] == {NAME: "default"}
        assert event["$schema"] == WEB_SCHEMA
        assert event["action_source"] == "synthetic"
        assert event["funnel_entry_token"] in impressions
        assert before < datetime.fromisoformat(event["dt"]) <= datetime.now(UTC)


def test_send__same_seed__same_readers(registry: Registry, intake: Intake) -> None:
    first = send(registry.url, intake.url, readers=80)
    again = send(registry.url, intake.url, readers=80)
    other = send(registry.url, intake.url, readers=80, seed=2)
    assert (first.groups, first.clicks) == (again.groups, again.clicks)
    assert (first.groups, first.clicks) != (other.groups, other.clicks)


def test_send__experiment_began_just_now__no_event_is_older(
    registry: Registry, intake: Intake
) -> None:
    start = datetime.now(UTC) - timedelta(seconds=30)
    registry.experiments = [{**EXPERIMENT, "start": start.isoformat()}]
    send(registry.url, intake.url, readers=100)
    assert min(datetime.fromisoformat(e["dt"]) for e in intake.events) >= start - timedelta(
        milliseconds=1
    )


@pytest.mark.parametrize("kind", ["mw-user", "session", "edge-unique"])
def test_send_plan__own_experiment__for_every_identifier_type(
    registry: Registry, intake: Intake, kind: str
) -> None:
    own = {**EXPERIMENT, "name": "a-a-run", "user_identifier_type": kind, "groups": ["a", "b"]}
    registry.experiments = [own]
    plan = Plan(
        experiment="a-a-run", click_rates={"a": 1.0}, default_rate=0.0, readers=60, prefix="p"
    )
    counts = send_plan(registry.url, intake.url, plan)
    assert counts.clicks == {"a": counts.impressions["a"]}
    assert set(counts.groups) == {"a", "b"}
    units = {e["experiments"]["sampling_units"]["a-a-run"] for e in intake.events}
    assert units == {kind}


def test_send_plan__half_of_the_traffic__only_the_enrolled_send(
    registry: Registry, intake: Intake
) -> None:
    registry.experiments = [{**EXPERIMENT, "sample_rate": {"default": 0.5}}]
    counts = send_plan(registry.url, intake.url, Plan(readers=400))
    assert 130 < counts.enrolled < 270
    subjects = {e["experiments"]["subject_ids"][NAME] for e in intake.events}
    assert len(subjects) == counts.enrolled


def test_send_plan__no_such_experiment__says_what_to_do(registry: Registry, intake: Intake) -> None:
    with pytest.raises(SyntheticReadersError, match="'missing-one' did not appear"):
        send_plan(registry.url, intake.url, Plan(experiment="missing-one"), wait_seconds=0.5)


def test_send_plan__intake_refuses__is_an_error_that_counts(
    registry: Registry, intake: Intake
) -> None:
    intake.script = [(400, b'{"invalid":[]}')]
    with pytest.raises(SyntheticReadersError, match="rejected"):
        send_plan(registry.url, intake.url, Plan(readers=5))


def test_on_progress__raises__ends_the_run(registry: Registry, intake: Intake) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(registry.url, intake.url, readers=1000, on_progress=stop)
