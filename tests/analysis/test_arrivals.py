"""What came in the last day, out of a real lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.analysis.synthetic import event, put

from allotment.analysis import arrivals
from allotment.analysis.arrivals import Source

NOW = datetime(2026, 11, 10, 12, 20, tzinfo=UTC)
CARD = Source("card", "product_metrics.web_base", "event.product_metrics_web_base")


def seen(subject: str, group: str, hours: float, **changes: str) -> dict[str, object]:
    moment = (NOW - timedelta(hours=hours)).isoformat()
    found = event(subject, group, "click", int(hours * 10), dt=moment, **changes)
    return found | {"mediawiki": {"database": "frwiki"}}


def test_of_last_day__two_groups__by_hour_and_group(tmp_path: Path) -> None:
    put(
        tmp_path,
        [
            seen("ada", "control", 0.1),
            seen("bob", "card", 0.2),
            seen("cy", "card", 3),
            seen("dan", "card", 3, coordinator="forced"),
            seen("long-ago", "card", 30),
            seen("elsewhere", "card", 1, experiment="other"),
        ],
    )
    found = arrivals.of_last_day(tmp_path, CARD, NOW)
    assert found is not None
    assert found.parts == {"control": 1, "card": 2}
    assert dict(found.hours) == {
        datetime(2026, 11, 10, 12, tzinfo=UTC): {"control": 1, "card": 1},
        datetime(2026, 11, 10, 9, tzinfo=UTC): {"card": 1},
    }
    assert found.forced == 1
    assert found.sites == (("frwiki", 4),)
    assert found.last == NOW - timedelta(hours=0.1)
    assert found.refused == ()


def test_of_last_day__instrument__by_action(tmp_path: Path) -> None:
    put(tmp_path, [seen("ada", "x", 1, instrument="clicks"), seen("bob", "x", 1)])
    source = Source("clicks", CARD.stream, CARD.table, experiment=False)
    found = arrivals.of_last_day(tmp_path, source, NOW)
    assert found is not None
    assert found.parts == {"click": 1}


def test_of_last_day__no_table__nothing_came(tmp_path: Path) -> None:
    found = arrivals.of_last_day(tmp_path / "empty", CARD, NOW)
    assert found is not None
    assert (found.parts, found.hours, found.last) == ({}, (), None)


def test_of_last_day__takes_too_long__not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, [seen("ada", "control", 0.1)] * 3)
    monkeypatch.setattr(arrivals, "SECONDS", 0.5)
    monkeypatch.setattr(
        arrivals,
        "_OF_EXPERIMENT",
        "SELECT make_timestamptz(2026, 1, 1, 0, 0, 0) AS hour, hour AS moment, '' AS site,"
        " 'x' AS part FROM range(100000000000) t(n) WHERE n % 7 = 8 AND $name <> $stream"
        " AND $since <> ''",
    )
    assert arrivals.of_last_day(tmp_path, CARD, NOW) is None
