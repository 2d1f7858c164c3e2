"""From events in real Iceberg tables to reports, over a real HTTP registry."""

import json
import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.analysis.synthetic import EXPERIMENT, TABLE, event, population, put, visits

from allotment.analysis import reports
from allotment.analysis.analyst import AnalysisError, Analyst, analyze, analyze_by_name
from allotment.analysis.configuration import ConfigurationSource
from allotment.analysis.rendering import render_text
from allotment.analysis.report import Report
from allotment.lake.query import QueryError, run_sql, snapshots

AFTER = datetime(2026, 12, 1, tzinfo=UTC)
DURING = datetime(2026, 11, 12, tzinfo=UTC)
RATES = {"control": 0.20, "card": 0.24}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5,000 subjects with a planted lift of 20%."""
    lake_dir = tmp_path_factory.mktemp("planted") / "lake"
    put(lake_dir, population(5_000, RATES, seed=11))
    return lake_dir


def counts(report: Report) -> list[tuple[str, int, int, int]]:
    return [(g.name, g.subjects, g.impressions, g.clicks) for g in report.groups]


def digits(report: Report) -> dict[str, Any]:
    return {k: v for k, v in report.to_json().items() if k not in {"computed_at", "inputs"}}


def test_analyze__planted_lift__interval_holds_the_truth_and_verdict_is_better(
    planted: Path,
) -> None:
    report = analyze(planted, EXPERIMENT, now=AFTER)
    result = report.comparisons[0].result
    assert result is not None
    assert result.lift.low < 0.2 < result.lift.high
    assert result.difference.low < 0.04 < result.difference.high
    assert result.difference.low > 0
    assert report.verdict.word == "better"
    assert report.sample_ratio.healthy is True
    assert sum(group.subjects for group in report.groups) == 5_000


def test_analyze__same_effect_while_running__keep_running(planted: Path) -> None:
    report = analyze(planted, EXPERIMENT, now=DURING)
    assert (report.verdict.word, report.over) == ("keep running", False)
    assert report.comparisons[0].result is not None


def test_analyze__no_effect__no_clear_change(tmp_path: Path) -> None:
    put(tmp_path, population(5_000, {"control": 0.2, "card": 0.2}, seed=5))
    report = analyze(tmp_path, EXPERIMENT, now=AFTER)
    result = report.comparisons[0].result
    assert result is not None
    assert result.difference.low < 0 < result.difference.high
    assert report.verdict.word == "no clear change"


def test_analyze__pinned_snapshot_twice__same_digits_though_events_came(tmp_path: Path) -> None:
    put(tmp_path, population(300, RATES, seed=1))
    first = analyze(tmp_path, EXPERIMENT, now=AFTER)
    put(tmp_path, visits("late", "control", 3, 3))
    again = analyze(tmp_path, EXPERIMENT, pinned=first.inputs.snapshots, now=AFTER)
    assert digits(again) == digits(first)
    assert digits(analyze(tmp_path, EXPERIMENT, now=AFTER)) != digits(first)


def test_analyze__same_rows_in_other_order_and_files__same_digits(tmp_path: Path) -> None:
    events = population(400, RATES, seed=2)
    put(tmp_path / "one", events)
    random.Random(3).shuffle(events)
    for part in range(4):
        put(tmp_path / "many", events[part::4])
    one, many = (analyze(tmp_path / name, EXPERIMENT, now=AFTER) for name in ("one", "many"))
    assert digits(one) == digits(many)


def test_analyze__events_that_are_no_evidence__not_counted(tmp_path: Path) -> None:
    put(
        tmp_path,
        [
            *visits("a", "control", 4, 1),
            *visits("b", "card", 3, 2),
            *visits("forced", "card", 5, 5, coordinator="forced"),
            *visits("rehearsed", "card", 5, 5, coordinator="rehearsal"),
            *visits("elsewhere", "card", 5, 5, stream="product_metrics.other"),
            *visits("early", "card", 5, 5, dt="2026-10-31T23:59:59.999Z"),
            *visits("late", "card", 5, 5, dt="2026-11-21T00:00:00.001Z"),
            *visits("other", "card", 5, 5, experiment="another"),
            *visits("stranger", "no-such-group", 5, 5),
            *visits("both", "control", 2, 1),
            *visits("both", "card", 2, 1, id="both-again"),
        ],
    )
    report = analyze(tmp_path, EXPERIMENT, now=AFTER)
    assert counts(report) == [("control", 1, 4, 1), ("card", 1, 3, 2)]
    assert report.mixed_subjects == 1


def test_analyze__own_and_other_elements__own_views_and_clicks_counted(tmp_path: Path) -> None:
    put(
        tmp_path,
        [
            *visits("a", "control", 4, 1),
            *visits("b", "card", 3, 2, instrument="card"),
            *visits("b", "card", 5, 5, instrument="links", id="links"),
            *visits("c", "card", 5, 5, instrument="another-experiment"),
        ],
    )
    report = analyze(tmp_path, EXPERIMENT, now=AFTER)
    assert counts(report) == [("control", 1, 4, 1), ("card", 2, 3, 2)]
    assert report.counted == "experiment"


def test_analyze__no_element_of_its_own__those_of_instruments_counted(tmp_path: Path) -> None:
    put(
        tmp_path,
        [
            *visits("a", "control", 4, 1, instrument="links"),
            *visits("b", "card", 5, 2, instrument="links"),
        ],
    )
    report = analyze(tmp_path, EXPERIMENT, now=AFTER)
    assert counts(report) == [("control", 1, 4, 1), ("card", 1, 5, 2)]
    assert report.counted == "instruments"
    assert "views and clicks of instruments" in render_text(report)


def test_analyze__event_sent_twice__counted_once(tmp_path: Path) -> None:
    put(tmp_path, visits("a", "control", 2, 1))
    put(tmp_path, visits("a", "control", 2, 1))
    assert counts(analyze(tmp_path, EXPERIMENT))[0] == ("control", 1, 2, 1)


def test_analyze__subject_seen_by_another_action__in_the_group_without_impression(
    tmp_path: Path,
) -> None:
    put(tmp_path, [event("a", "control", "experiment_exposure", 0)])
    report = analyze(tmp_path, EXPERIMENT, now=AFTER)
    assert counts(report)[0] == ("control", 1, 0, 0)
    assert report.groups[0].rate is None
    assert report.comparisons[0].result is None
    assert report.verdict.word == "no data"
    assert "NaN" not in json.dumps(report.to_json())


def test_analyze__empty_lake__no_data(tmp_path: Path) -> None:
    report = analyze(tmp_path / "lake", EXPERIMENT, now=AFTER)
    assert report.verdict.word == "no data"
    assert report.sample_ratio.p_value is None
    assert report.inputs.snapshots == {f"event.{TABLE}": None}


def test_analyze__one_group_missing__uneven_whatever_the_lift(tmp_path: Path) -> None:
    put(
        tmp_path,
        [e for n in range(300) for e in visits(f"s{n}", "card" if n % 3 else "control", 2, n % 2)],
    )
    report = analyze(tmp_path, EXPERIMENT, now=AFTER)
    assert report.verdict.word == "uneven groups"
    assert report.sample_ratio.healthy is False


def test_analyze__snapshot_not_kept__error_says_so(tmp_path: Path) -> None:
    put(tmp_path, visits("a", "control", 1, 0))
    with pytest.raises(QueryError, match="no snapshot 5 any more"):
        analyze(tmp_path, EXPERIMENT, pinned={f"event.{TABLE}": 5})


def test_render_text__report__says_verdict_and_inputs(planted: Path) -> None:
    report = analyze(planted, EXPERIMENT, now=AFTER)
    text = render_text(report)
    assert text.startswith("card: better\ncard is better: click-through is ")
    assert "configuration version 7, click_through_rate version 1" in text
    assert str(report.inputs.snapshots[f"event.{TABLE}"]) in text
    assert "as planned" in text
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


class Registry:
    """A real HTTP server with the analytics form of the experiments API."""

    def __init__(self) -> None:
        self.experiments: object = [{**EXPERIMENT, "active": True}]
        self.version: str | None = "7"
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.path == "/api/v1/experiments?format=analytics"
                body = json.dumps(registry.experiments).encode()
                self.send_response(200 if asked else 404)
                if registry.version is not None:
                    self.send_header("X-Allotment-Config-Version", registry.version)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def registry() -> Iterator[Registry]:
    found = Registry()
    yield found
    found.stop()


def live(**changes: object) -> dict[str, Any]:
    """The experiment, running now."""
    return {
        **EXPERIMENT,
        "active": True,
        "start": "2020-01-01T00:00:00Z",
        "end": "2120-01-01T00:00:00Z",
        **changes,
    }


def test_step__change_by_change__a_report_for_each_and_none_in_between(
    tmp_path: Path, registry: Registry
) -> None:
    lake_dir = tmp_path / "lake"
    future = {**live(start="2119-01-01T00:00:00Z"), "name": "future"}
    registry.experiments = [live(), future, {"name": "broken"}]
    put(lake_dir, visits("a", "control", 2, 1))
    analyst = Analyst(lake_dir, registry.url, tmp_path / "cache", report_seconds=0)
    assert [r.experiment for r in analyst.step()] == ["card"]
    assert analyst.step() == []
    put(lake_dir, visits("b", "card", 2, 1))
    assert len(analyst.step()) == 1
    registry.experiments = [live(version="8")]
    assert len(analyst.step()) == 1
    registry.experiments = [live(version="8", active=False)]
    stopped = analyst.step()
    assert [report.over for report in stopped] == [True]
    assert reports.latest(lake_dir, "card") == stopped[0]
    assert [r.inputs.config_version for r in reports.history(lake_dir, "card")] == [
        "8", "8", "7", "7",
    ]  # fmt: skip
    again = Analyst(lake_dir, registry.url, tmp_path / "cache", report_seconds=0)
    assert again.step() == []
    assert run_sql(lake_dir, "select count(*) from analysis.reports")[1] == [(4,)]


def phases() -> list[dict[str, Any]]:
    """One name, two runs: the first was stopped long before its planned end."""
    first = {"active": False, "stopped": "2026-11-10T00:00:00Z", "superseded": True}
    second = {"active": True, "phase_index": 1, "version": "9", "start": "2026-11-11T00:00:00Z"}
    return [{**EXPERIMENT, **first}, {**EXPERIMENT, **second}]


def test_analyze__two_phases__each_counts_the_events_of_its_own_time(tmp_path: Path) -> None:
    early, late = "2026-11-05T00:00:00Z", "2026-11-12T00:00:00Z"
    events = [
        event("a", "control", "impression", 1, dt=early),
        event("b", "card", "impression", 1, dt=early),
        event("c", "card", "impression", 1, dt=late),
    ]
    put(tmp_path / "lake", events)
    found = [analyze(tmp_path / "lake", phase, now=AFTER) for phase in phases()]
    assert [[group.subjects for group in report.groups] for report in found] == [[1, 1], [0, 1]]
    assert [(report.phase, report.stopped_early) for report in found] == [(0, True), (1, False)]
    assert Report.from_json(found[1].to_json()) == found[1]


def test_step__two_phases__reported_and_kept_apart(tmp_path: Path, registry: Registry) -> None:
    lake_dir = tmp_path / "lake"
    put(lake_dir, visits("a", "control", 2, 1))
    registry.experiments = phases()
    analyst = Analyst(lake_dir, registry.url, tmp_path / "cache", report_seconds=0)
    made = analyst.step()
    assert [report.phase for report in made] == [0, 1]
    assert analyst.step() == []
    for report in made:
        assert reports.latest(lake_dir, "card", report.phase) == report
    assert Analyst(lake_dir, registry.url, tmp_path / "cache", report_seconds=0).step() == []
    by_name = analyze_by_name(lake_dir, registry.url, tmp_path / "cache", "card")
    assert by_name.phase == 1
    first = analyze_by_name(lake_dir, registry.url, tmp_path / "cache", "card", 0)
    assert first.phase == 0
    with pytest.raises(AnalysisError, match="no phase 2; known are: 0, 1"):
        analyze_by_name(lake_dir, registry.url, tmp_path / "cache", "card", 2)


def test_step__changes_fast__no_more_than_one_report_in_the_time(
    tmp_path: Path, registry: Registry
) -> None:
    registry.experiments = [live()]
    analyst = Analyst(tmp_path / "lake", registry.url, tmp_path / "cache", report_seconds=3600)
    assert len(analyst.step()) == 1
    put(tmp_path / "lake", visits("a", "control", 2, 1))
    assert analyst.step() == []


def test_step__registry_down__last_good_copy_is_used(tmp_path: Path, registry: Registry) -> None:
    registry.experiments = [live()]
    Analyst(tmp_path / "lake", registry.url, tmp_path / "cache").step()
    registry.server.server_close()
    put(tmp_path / "lake", visits("a", "control", 2, 1))
    again = Analyst(tmp_path / "lake", "http://127.0.0.1:1", tmp_path / "cache")
    assert [counts(report)[0] for report in again.step()] == [("control", 1, 2, 1)]


@pytest.mark.parametrize("version", [None, "6", "", "x"])
def test_step__answer_emptied_without_a_version_to_vouch__the_last_good_stays(
    tmp_path: Path, registry: Registry, version: str | None
) -> None:
    registry.experiments = [live()]
    lake_dir, cache_dir = tmp_path / "lake", tmp_path / "cache"
    Analyst(lake_dir, registry.url, cache_dir).step()
    registry.experiments, registry.version = [], version
    put(lake_dir, visits("a", "control", 2, 1))
    for name in ("running", "started anew"):
        found = ConfigurationSource(registry.url, cache_dir).current()
        assert [item["name"] for item in found.experiments] == ["card"], name
        assert found.version == 7
    made = Analyst(lake_dir, registry.url, cache_dir).step()
    assert [(report.experiment, report.over) for report in made] == [("card", False)]


def test_current__emptied_with_a_version_as_high__believed(
    tmp_path: Path, registry: Registry
) -> None:
    source = ConfigurationSource(registry.url, tmp_path)
    assert len(source.current().experiments) == 1
    registry.experiments = []
    found = source.current()
    assert (found.experiments, found.version) == ((), 7)
    registry.version = None
    assert ConfigurationSource(registry.url, tmp_path).current().experiments == ()


@pytest.mark.parametrize("answer", [{}, None, [5], "x", [{"name": "card"}]])
def test_current__nothing_that_can_be_read__the_last_good_stays(
    tmp_path: Path, registry: Registry, answer: object
) -> None:
    source = ConfigurationSource(registry.url, tmp_path)
    good = source.current()
    registry.experiments, registry.version = answer, "8"
    assert source.current() == good


def test_current__copy_on_disk_damaged__the_registry_is_asked(
    tmp_path: Path, registry: Registry
) -> None:
    for copy in ("", "[]", '{"experiments": 5}', '{"experiments": [], "fetched_at": "x"}'):
        (tmp_path / "analyst-experiments.json").write_text(copy)
        source = ConfigurationSource(registry.url, tmp_path)
        assert len(source.current().experiments) == 1


def test_analyze__stopped_before_its_end__decides_nothing_then_or_later(planted: Path) -> None:
    stopped = {**EXPERIMENT, "active": False, "stopped": "2026-11-11T00:00:00Z"}
    for now in (DURING, AFTER):
        found = analyze(planted, stopped, now=now)
        assert (found.verdict.word, found.stopped_early) == ("stopped early", True)
    late = analyze(planted, {**stopped, "stopped": "2026-11-30T00:00:00Z"}, now=AFTER)
    assert (late.verdict.word, late.stopped_early) == ("better", False)


def test_analyze__not_said_whether_switched_on__not_taken_for_stopped(tmp_path: Path) -> None:
    assert analyze(tmp_path, {**EXPERIMENT}, now=DURING).over is False
    assert analyze(tmp_path, {**EXPERIMENT, "active": False}, now=DURING).over is True


def test_step__registry_never_answered__error_says_so(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="start the registry"):
        Analyst(tmp_path / "lake", "http://127.0.0.1:1", tmp_path / "cache").step()


def test_run__until_stopped__report_appears(tmp_path: Path, registry: Registry) -> None:
    registry.experiments = [live()]
    stop = threading.Event()
    analyst = Analyst(tmp_path / "lake", registry.url, tmp_path / "cache", every_seconds=0.05)
    thread = threading.Thread(target=analyst.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 60
    while reports.latest(tmp_path / "lake", "card") is None and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    thread.join()
    assert reports.latest(tmp_path / "lake", "card") is not None


def test_latest__no_analyst_yet__none(tmp_path: Path) -> None:
    assert reports.latest(tmp_path / "lake", "card") is None
    assert snapshots(tmp_path / "lake") == {}


def test_analyze_by_name__unknown__error_lists_the_known(
    tmp_path: Path, registry: Registry
) -> None:
    with pytest.raises(AnalysisError, match=r"no experiment 'crad' .* known are: card"):
        analyze_by_name(tmp_path / "lake", registry.url, tmp_path / "cache", "crad")
    report = analyze_by_name(tmp_path / "lake", registry.url, tmp_path / "cache", "card")
    assert report.verdict.word == "no data"
