"""The last day's subjects of an experiment, out of a real lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from tests.analysis.synthetic import EXPERIMENT, event, put

from allotment.analysis import subjects
from allotment.analysis.experiment import parse_experiment

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
CARD = parse_experiment(EXPERIMENT)


def seen(
    subject: str, hours: float, site: str = "frwiki", group: str = "control", **changes: str
) -> dict[str, object]:
    moment = (NOW - timedelta(hours=hours)).isoformat()
    found = event(subject, group, "click", int(hours * 10), dt=moment, **changes)
    return found | {"mediawiki": {"database": site}}


def drawn(subject: str) -> int:
    return int(sha256(subject.encode()).hexdigest()[:6], 16)


def test_of_last_day__events_of_two_sites__each_subject_once_by_site(tmp_path: Path) -> None:
    put(
        tmp_path,
        [
            seen("ada", 1),
            seen("ada", 2),
            seen("bob", 23, group="card"),
            seen("cy", 3, "dewiki"),
            seen("long-ago", 30),
            seen("forced", 1, coordinator="forced"),
            seen("elsewhere", 1, experiment="other"),
        ],
    )
    found = subjects.of_last_day(tmp_path, CARD, NOW)
    assert found is not None
    assert {site: set(them) for site, them in found.drawn.items()} == {
        "frwiki": {drawn("ada"), drawn("bob")},
        "dewiki": {drawn("cy")},
    }
    assert sum(map(len, found.drawn.values())) == 3
    assert {group: set(them) for group, them in found.assigned.items()} == {
        "control": {drawn("ada"), drawn("cy")},
        "card": {drawn("bob")},
    }


def test_of_last_day__nobody_or_no_table__none(tmp_path: Path) -> None:
    assert subjects.of_last_day(tmp_path / "empty", CARD, NOW) is None
    put(tmp_path / "old", [seen("long-ago", 30)])
    assert subjects.of_last_day(tmp_path / "old", CARD, NOW) is None
