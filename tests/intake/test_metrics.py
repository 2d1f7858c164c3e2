"""`GET /metrics` over real HTTP: what Prometheus would read after what clients did."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest
from tests.intake.conftest import STREAMS, Intake, StandIn, StartIntake, event, wait_until

from allotment.intake.metrics import BUCKETS, Metrics, render

WEB_STREAM = "product_metrics.web_base"
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\\n]*",?)+)\})? (\S+)')


def samples(text: str, worker: int = 0) -> dict[str, float]:
    """Every sample of one worker by its name and other labels; each family is declared before."""
    found: dict[str, float] = {}
    declared: set[str] = set()
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("#"):
            _, word, name, _ = line.split(" ", 3)
            assert word in {"HELP", "TYPE"}
            declared.add(name)
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        assert re.sub("_(bucket|sum|count)$", "", match[1]) in declared
        key = line.rpartition(" ")[0].removeprefix("allotment_intake_")
        assert key.count(f'worker="{worker}"') == 1
        key = re.sub(r'worker="\d+",?', "", key).removesuffix("{}")
        assert key not in found
        found[key] = float(match[3])
    return found


def measured(intake: Intake) -> dict[str, float]:
    reply = intake.request("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples(reply.body.decode())


def events(stream: str, outcome: str) -> str:
    return f'events_total{{stream="{stream}",outcome="{outcome}"}}'


def test_metrics__events_of_every_fate__counted_by_stream_and_reason(
    start_intake: StartIntake,
) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    app_event = event(meta={"stream": "product_metrics.app_base"})
    made_up = [event(meta={"stream": f"made-up-{n}"}) for n in range(5)]
    assert intake.send([event(), event(), app_event, event(extra=1), 5, *made_up]).status == 207
    assert intake.send(event()).status == 201
    assert intake.request("POST", "/v1/events", "[", content_type="text/plain").status == 400
    found = measured(intake)
    assert {k: v for k, v in found.items() if k.startswith("events_total")} == {
        events(WEB_STREAM, "accepted"): 3,
        events(WEB_STREAM, "invalid"): 1,
        events("product_metrics.app_base", "schema_mismatch"): 1,
        events("unknown", "not_an_object"): 1,
        events("unknown", "unknown_stream"): 5,
        events("unknown", "malformed_json"): 1,
    }
    assert found['requests_total{status="201"}'] == 1
    assert found['requests_total{status="207"}'] == 1
    assert found['requests_total{status="400"}'] == 1
    assert found["request_seconds_count"] == 3
    assert found["journal_available"] == 1
    assert found["configuration_version"] == 7
    assert 0 <= found["configuration_age_seconds"] < 60


def test_metrics__no_configuration_ever__503_timed_and_no_age(
    start_intake: StartIntake, registry: StandIn
) -> None:
    registry.status = 500
    intake = start_intake()
    assert intake.send(event()).status == 503
    found = measured(intake)
    assert found['requests_total{status="503"}'] == 1
    assert found["request_seconds_count"] == 1
    assert not [key for key in found if key.startswith("configuration_")]
    assert not [key for key in found if key.startswith("events_total")]


def test_metrics__journal_full__nothing_counted_as_accepted(start_intake: StartIntake) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    intake.limit_files(0)
    assert intake.send(event()).status == 503
    assert intake.send(event(), "/v1/events?hasty=true").status in {202, 503}
    found = measured(intake)
    assert found["journal_available"] == 0
    assert events(WEB_STREAM, "accepted") not in found
    assert found['requests_total{status="503"}'] >= 1


@pytest.mark.parametrize("hasty", [False, True])
def test_metrics__one_topic_cannot_be_written__they_say_what_the_tally_says(
    start_intake: StartIntake, hasty: bool
) -> None:
    """A file stands where the folder of the rejected ones would; the accepted ones are durable."""
    intake = start_intake()
    wait_until(intake.ready, "ready")
    (intake.data / "journal" / "rejected").write_bytes(b"")
    status = intake.send(
        [event(), event(), event(extra=1)], "/v1/events?hasty=1" if hasty else "/v1/events"
    ).status
    assert status == (202 if hasty else 503)
    wait_until(lambda: events(WEB_STREAM, "accepted") in measured(intake), "what is stored counts")
    found = measured(intake)
    assert found[events(WEB_STREAM, "accepted")] == 2
    assert events(WEB_STREAM, "invalid") not in found
    assert found["hasty_lost_total"] == (1 if hasty else 0)
    wait_until(intake.ready, "ready again")
    intake.stop()
    tally: Counter[str] = Counter()
    for line in intake.records("ledger"):
        tally[line["outcome"]] += line["events"]
    assert tally == {"accepted": 2, **({"lost": 1} if hasty else {})}


def test_metrics__hasty__202_timed_and_its_events_counted(start_intake: StartIntake) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    assert intake.send([event(), event(extra=1)], "/v1/events?hasty=true").status == 202
    wait_until(lambda: events(WEB_STREAM, "accepted") in measured(intake), "the event is stored")
    found = measured(intake)
    assert found[events(WEB_STREAM, "invalid")] == 1
    assert found['requests_total{status="202"}'] == 1
    assert found["hasty_lost_total"] == 0


def test_metrics__stream_leaves_the_configuration__its_count_stays(
    start_intake: StartIntake, registry: StandIn
) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    assert intake.send(event()).status == 201
    registry.serve({k: v for k, v in STREAMS.items() if k != WEB_STREAM}, "8")
    wait_until(lambda: measured(intake)["configuration_version"] == 8, "the new configuration")
    assert intake.send(event()).status == 400
    found = measured(intake)
    assert found[events(WEB_STREAM, "accepted")] == 1
    assert found[events("unknown", "unknown_stream")] == 1


def text_of(metrics: Metrics) -> dict[str, float]:
    return samples(render({0: metrics.snapshot({})}))


def test_answered__durations_around_the_bounds__cumulative_buckets() -> None:
    metrics = Metrics()
    for seconds in (0.0, 0.001, 0.0011, 0.3, 60.0):
        metrics.answered(201, seconds)
    found = text_of(metrics)
    buckets = [found[f'request_seconds_bucket{{le="{bound!r}"}}'] for bound in BUCKETS]
    assert all(lower <= upper for lower, upper in pairwise(buckets))
    assert found['request_seconds_bucket{le="0.001"}'] == 2
    assert found['request_seconds_bucket{le="0.0025"}'] == 3
    assert found['request_seconds_bucket{le="0.25"}'] == 3
    assert found['request_seconds_bucket{le="0.5"}'] == 4
    assert found['request_seconds_bucket{le="10.0"}'] == 4
    assert found['request_seconds_bucket{le="+Inf"}'] == found["request_seconds_count"] == 5
    assert found["request_seconds_sum"] == sum((0.0, 0.001, 0.0011, 0.3, 60.0))


def test_lost__events_answered_202__counted() -> None:
    metrics = Metrics()
    metrics.lost(3)
    assert text_of(metrics)["hasty_lost_total"] == 3
