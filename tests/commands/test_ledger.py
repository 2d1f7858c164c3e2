"""`allotment ledger`: what it prints, and how it exits."""

import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from tests.lake.lake_parts import WEB, Writer, web_event

from allotment.commands.ledger import show, since_time
from allotment.contract.schemas import SchemaRepository
from allotment.journal.segments import SegmentReader
from allotment.lake.catalog import EVENT, open_catalog
from allotment.lake.sink import Sink
from allotment.lake.tables import event_schemas

NOW = datetime(2026, 11, 22, 8, 15, tzinfo=UTC)


def test_ledger__balanced_then_a_row_gone_then_no_lab__exit_0_1_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Writer(tmp_path / "journal")
    meta = {"stream": "product_metrics.web_base", "dt": datetime.now(UTC).isoformat(), "id": "1"}
    journal.append([orjson.dumps(web_event(1, meta=meta))])
    schema = event_schemas(SchemaRepository([]))[WEB]
    with closing(open_catalog(tmp_path / "lake")) as catalog:
        assert Sink(SegmentReader(journal.directory), catalog, {WEB: schema}).step() == 1
    command = [sys.executable, "-m", "allotment", "ledger", "--data", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.endswith("\nBalanced.\n")
    assert "product_metrics.web_base" in found.stdout
    assert show(tmp_path, "1h", "another", as_json=False, minutes=False) == 0
    assert "web_base" not in capsys.readouterr().out
    with closing(open_catalog(tmp_path / "lake")) as catalog:
        catalog.load_table((EVENT, WEB)).delete()
    assert show(tmp_path, "2d", None, as_json=True, minutes=False) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["balanced"] is False
    assert told["streams"][0]["difference"] == 1
    assert show(tmp_path / "nothing", "1h", None, as_json=True, minutes=False) == 2
    assert "--data" in capsys.readouterr().err
    assert show(tmp_path, "yesterday", None, as_json=True, minutes=False) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("1h", NOW - timedelta(hours=1)),
        ("2d", NOW - timedelta(days=2)),
        ("90s", NOW - timedelta(seconds=90)),
        ("2026-11-22T08:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T08:00:00+02:00", datetime(2026, 11, 22, 6, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
    ],
)
def test_since_time__duration_or_time__read(text: str, expected: datetime) -> None:
    assert since_time(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "1", "1w", "999999d", "yesterday", "-1h"])
def test_since_time__neither__says_what_to_give(text: str) -> None:
    with pytest.raises(ValueError, match="neither a duration"):
        since_time(text, NOW)
