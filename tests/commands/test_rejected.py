"""`allotment rejected list|show|replay`, run as commands against a real intake and a real lake."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.intake.conftest import JSON, event
from tests.replay.rejected_parts import LATE, SECRET, RejectedLab, rejected_lab

from allotment.commands.rejected_hints import HINTS
from allotment.lake.query import run_sql

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = DOCS / "how-to" / "mend-and-replay-rejected-events.md"
REFERENCE = DOCS / "reference" / "intake.md"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RejectedLab]:
    """Three kinds of rejected events: in the lake, and one still in the journal."""
    with rejected_lab(tmp_path_factory.mktemp("rejected")) as parts:
        parts.astray(2)
        parts.intake.send(event(action=5), "/v1/events?sdk=js/0.1.0")
        parts.move()
        parts.intake.request("POST", "/v1/events", "{", content_type=JSON)
        yield parts


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[RejectedLab]:
    with rejected_lab(tmp_path) as found:
        yield found


def ok(parts: RejectedLab, *arguments: str) -> str:
    found = parts.command(*arguments)
    assert found.code == 0, found.said
    return found.said


def test_list__all__newest_first_with_what_waits_in_the_journal(shared: RejectedLab) -> None:
    lines = ok(shared, "list").splitlines()
    assert [line.split()[2] for line in lines[:-1]] == [
        "malformed_json",
        "invalid",
        "unknown_stream",
        "unknown_stream",
    ]
    assert lines[-1] == "4 of 4 rejected events"
    assert re.match(
        r"[0-9a-f-]{8,}  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  malformed_json  -  -  ", lines[0]
    )
    assert lines[1].endswith("product_metrics.web_base  js/0.1.0  '.action' should be string")
    assert "1 of 4 rejected events; --limit 4 shows all" in ok(shared, "list", "--limit", "1")


SLY = "a\x1b]52;c;cm0=\x07\x9b2J\u202ex"


def test_list_and_show__signs_for_the_terminal__as_escapes(parts: RejectedLab) -> None:
    parts.intake.send({**event(), "$schema": f"/{SLY}/1.0.0", "meta": {"stream": SLY * 12}})
    parts.intake.request("POST", "/v1/events", f"{SLY}{{".encode(), content_type=JSON)
    names = [one.id or "" for one in parts.rejections()]
    found = [ok(parts, "list"), *(ok(parts, "list", "--by", by) for by in ("stream", "schema"))]
    found += [ok(parts, "show", name) for name in names]
    found.append(parts.command("replay", *names, "--yes").said)
    for said in found:
        assert all(line.isprintable() for line in said.split("\n")), said
    assert "a\\x1b]52;c;cm0=\\x07\\x9b2J\\u202ex" in found[0]
    assert len(max(found[0].splitlines(), key=len)) < 400


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--reason", "invalid"], 1),
        (["--stream", LATE], 2),
        (["--stream", "unknown"], 3),
        (["--schema", "analytics/product_metrics/web/base"], 3),
        (["--schema", "/analytics/product_metrics/web/base/1.3.0"], 3),
        (["--schema", "analytics/product_metrics/web/bas"], 0),
        (["--sdk", "js"], 1),
        (["--sdk", "js/0.1.0"], 1),
        (["--sdk", "js/9"], 0),
        (["--since", "1h"], 4),
        (["--until", "1h"], 0),
        (["--since", "2999-01-01"], 0),
        (["--text", "SHOULD BE STRING"], 1),
        (["--text", SECRET], 2),
        (["--text", "'; drop table x --"], 0),
        (["--reason", "invalid", "--stream", LATE], 0),
    ],
)
def test_list__filter__is_kept(shared: RejectedLab, arguments: list[str], count: int) -> None:
    found = json.loads(ok(shared, "list", "--format", "json", *arguments))
    assert len(found) == count
    assert SECRET not in json.dumps(found)


@pytest.mark.parametrize(
    ("by", "counts"),
    [
        ("reason", {"unknown_stream": 2, "invalid": 1, "malformed_json": 1}),
        ("stream", {"unknown": 3, "product_metrics.web_base": 1}),
        ("schema", {"/analytics/product_metrics/web/base/1.3.0": 3, None: 1}),
        ("sdk", {None: 3, "js/0.1.0": 1}),
    ],
)
def test_list__by__counts(shared: RejectedLab, by: str, counts: dict[str | None, int]) -> None:
    found = json.loads(ok(shared, "list", "--by", by, "--format", "json"))
    assert {row[by]: row["events"] for row in found} == counts
    most = max(counts, key=lambda name: counts[name])
    assert ok(shared, "list", "--by", by).startswith(f"{counts[most]}  {most or '-'}  20")


def test_list__nothing_there_yet__says_so(tmp_path: Path) -> None:
    with rejected_lab(tmp_path) as parts:
        assert ok(parts, "list") == "0 of 0 rejected events\n"
        assert ok(parts, "list", "--by", "reason") == "0 rejected events\n"


def test_list__as_a_process__tells_the_same(shared: RejectedLab) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "allotment", "rejected", "list", "--data", str(shared.data)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == ok(shared, "list")


def test_list__time_that_is_none__one_sentence(shared: RejectedLab) -> None:
    found = shared.command("list", "--since", "yesterday")
    assert found.code == 1
    assert found.said.startswith("allotment: --since is 'yesterday'; write ")


def test_show__beginning_of_an_id__all_of_it_and_what_to_do(shared: RejectedLab) -> None:
    (one,) = shared.rejections(reason="invalid")
    assert one.id is not None
    shown = ok(shared, "show", one.id[:18])
    assert f"id           {one.id}" in shown
    assert "sdk          js" in shown
    assert "errors\n  '.action' should be string\nraw\n  {\n" in shown
    assert '    "action": 5,' in shown
    assert HINTS["invalid"] in shown


def test_show__no_such_id__or_several__says_so(shared: RejectedLab) -> None:
    assert "no rejected event has an id that begins with 'zz'" in shared.command("show", "zz").said
    several = shared.command("show", "")
    assert several.code == 1
    assert "4 ids begin with ''" in several.said


def test_hints__every_reason_of_the_reference__has_one() -> None:
    table = REFERENCE.read_text().split("### Reasons")[1].split("\n\n")[2]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    reasons = set(re.findall(r"`([a-z_]+)`", " ".join(cells)))
    assert len(reasons) > 10
    assert reasons <= set(HINTS)


def test_replay__by_filter__asks_first(parts: RejectedLab) -> None:
    parts.astray(2)
    parts.intake.send(event(action=5))
    parts.move()
    parts.mend_streams()
    declined = parts.command("replay", "--reason", "unknown_stream", answer="n\n")
    assert declined.code == 1
    assert "Send 2 rejected events again?" in declined.said
    assert parts.stored() == []
    checked = ok(parts, "replay", "--reason", "unknown_stream", "--dry-run")
    assert checked.endswith("2 would be sent\n")
    assert parts.stored() == []
    assert ok(parts, "replay", "--reason", "unknown_stream", "--yes").endswith("2 sent\n")
    assert len(parts.stored()) == 2
    assert ok(parts, "replay", "--reason", "unknown_stream", "--yes") == (
        "no rejected event to send\n"
    )
    assert ok(parts, "list").count("(replayed)") == 2


def test_replay__mended_fields__arrives_and_is_recorded(parts: RejectedLab) -> None:
    parts.intake.send(event(action=5, extra=1))
    (one,) = parts.rejections()
    name = one.id or ""
    first = parts.command("replay", name, "--set", 'action="click"')
    assert first.code == 1
    assert f"{name}  stays rejected: '' should NOT have additional properties" in first.said
    assert ok(parts, "replay", name, "--set", 'action="click"', "--remove", "extra") == (
        f"{name}  sent\n1 sent\n"
    )
    assert parts.stored("action") == [("click",)]
    assert "replay       done" in ok(parts, "show", name)


def test_replay__mended_file__arrives(parts: RejectedLab, tmp_path: Path) -> None:
    parts.intake.request("POST", "/v1/events", "{", content_type=JSON)
    (one,) = parts.rejections()
    mended = tmp_path / "mended.json"
    mended.write_text(json.dumps(event(action="by hand")))
    assert ok(parts, "replay", one.id or "", "--file", str(mended)).endswith("1 sent\n")
    assert parts.stored("action, meta.dt") == [("by hand", one.received)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name rejected events by their ids, or by filters"),
        (["ID", "--set", "action=click"], """a text needs its quotes: '"click"'"""),
        (["ID", "--file", "/nowhere.json"], "/nowhere.json cannot be read"),
        (["--since", "1h", "--yes", "--file", "/nowhere.json"], "4 are chosen; give one id"),
    ],
)
def test_replay__cannot_be_understood__one_sentence(
    shared: RejectedLab, arguments: list[str], words: str
) -> None:
    (one,) = shared.rejections(reason="invalid")
    found = shared.command("replay", *[a.replace("ID", one.id or "") for a in arguments])
    assert found.code == 1
    assert words in found.said


def test_replay__intake_gone__one_sentence(parts: RejectedLab) -> None:
    parts.astray(1)
    parts.move()
    parts.intake.kill()
    found = parts.command("replay", "--since", "1h", "--yes")
    assert found.code == 1
    assert "set ALLOTMENT_INTAKE_URL" in found.said


def test_how_to__its_commands__do_what_the_page_says(
    parts: RejectedLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.astray(2)
    parts.intake.send(event(action=5, extra=1))
    parts.intake.request("POST", "/v1/events", "{", content_type=JSON)
    parts.move()
    parts.mend_streams()
    (tmp_path / "mended.json").write_text(json.dumps(event(action="by hand")))
    monkeypatch.chdir(tmp_path)
    page = HOW_TO.read_text()
    commands = re.findall(r"^\$ allotment rejected (.*)$", page, re.MULTILINE)
    assert len(commands) > 6
    said = []
    for command in commands:
        chosen = {"reason": "malformed_json" if "--file" in command else "invalid"}
        (one,) = parts.rejections(**chosen)
        arguments = [(one.id or "")[:12] if a == "ID" else a for a in shlex.split(command)]
        found = parts.command(*arguments, answer="y\n")
        assert found.code == 0, f"{command}\n{found.said}"
        said.append(found.said)
    assert re.search(r"2  unknown_stream  .*\n1  ", said[0])
    assert "2 sent" in said[4]
    assert len(parts.stored()) == 4
    for sql in re.findall(r"```sql\n(.*?)```", page, re.DOTALL):
        rows = run_sql(parts.data / "lake", sql).rows
        assert [row[2] for row in rows].count("done") == 3


def test_replay__as_a_process__says_what_became_of_each_and_nothing_else(
    parts: RejectedLab,
) -> None:
    parts.astray(1)
    parts.move()
    parts.mend_streams()
    arguments = ("rejected", "replay", "--reason", "unknown_stream", "--yes")
    found = subprocess.run(
        [sys.executable, "-m", "allotment", *arguments],
        env={**os.environ, "ALLOTMENT_DATA": str(parts.data), "ALLOTMENT_INTAKE_URL": parts.url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines()[-1] == "1 sent"
    assert found.stderr == "", "nothing of what its libraries log"
