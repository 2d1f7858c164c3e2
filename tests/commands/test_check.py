"""`allotment check`, run as a person or a CI job runs it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.contract.check.scenes import Changes, demo
from tests.test_cli import run

from allotment.contract.check import RULES


def write(folder: Path, name: str, document: object) -> str:
    path = folder / name
    path.write_text(json.dumps(document, indent=2))
    return str(path)


def current(changes: Changes | None = None) -> dict[str, object]:
    """The demo with dates that hold whenever this runs."""
    return demo(
        {
            "experiments/0/start": None,
            "experiments/0/end": "2099-01-01T00:00:00Z",
            "instruments/0/end": "2099-01-01T00:00:00Z",
            **(changes or {}),
        }
    )


DATES = ("--skip", "date-is-plausible", "--skip", "within-retention")


def test_check__sound_files__exit_0(tmp_path: Path) -> None:
    found = run("check", "--files", write(tmp_path, "lab.json", current()), *DATES)
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout == (
        "0 errors, 0 warnings, 0 notes in 2 streams, 1 instrument and 1 experiment.\n"
    )


def test_check__error__exit_1_with_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, "lab.json", current({"experiments/0/groups": ["a"]}))
    found = run("check", "--files", path)
    assert found.returncode == 1
    line = next(
        n for n, text in enumerate(Path(path).read_text().splitlines(), 1) if '"groups"' in text
    )
    assert f"{path}:{line}: error groups-are-enough" in found.stdout


def test_check__warning__exit_1_only_if_asked(tmp_path: Path) -> None:
    path = write(tmp_path, "lab.json", current())
    assert run("check", path, "--only", "date-is-plausible").returncode == 0
    asked = run("check", path, "--only", "date-is-plausible", "--fail-on", "warning")
    assert asked.returncode == 1


def test_check__two_files_and_a_previous__lost_block_is_told(tmp_path: Path) -> None:
    whole = current()
    parts = [write(tmp_path, f"{k}.json", {k: whole[k]}) for k in ("streams", "experiments")]
    before = write(tmp_path, "before.json", whole)
    stream = "streams/product_metrics.web_base/producers/metrics_platform_client"
    emptied = write(tmp_path, "after.json", {"streams": current({stream: {}})["streams"]})
    ask = ("check", "--previous", before, "--only", "block-not-lost", "--format", "json")
    assert run(*ask, "--files", *parts).returncode == 0
    found = run(*ask, "--files", emptied)
    assert found.returncode == 1, found.stderr
    (told, *_) = json.loads(found.stdout)["findings"]
    assert told["pointer"] == "/producers/metrics_platform_client"


def test_check__sarif__is_json_with_every_rule(tmp_path: Path) -> None:
    path = write(tmp_path, "lab.json", current({"instruments/0/sample_unit": "device"}))
    found = run("check", "--files", path, "--format", "sarif")
    assert found.returncode == 1
    sarif = json.loads(found.stdout)["runs"][0]
    assert len(sarif["tool"]["driver"]["rules"]) == len(RULES)
    assert "sample-unit-is-known" in {result["ruleId"] for result in sarif["results"]}


def test_check__nothing_to_check__exit_2_and_one_sentence(tmp_path: Path) -> None:
    for arguments in (
        ("--files", str(tmp_path / "missing.yaml")),
        ("--only", "no-such-rule", "--files", write(tmp_path, "a.json", current())),
        ("--data", str(tmp_path)),
    ):
        found = run("check", *arguments)
        assert found.returncode == 2, arguments
        assert found.stderr.startswith("allotment: ")
        assert "Traceback" not in found.stderr


def test_check__explain__says_what_a_rule_is_for() -> None:
    found = run("check", "--explain", "identifier-fits-stream")
    assert found.returncode == 0
    assert "265,000 events" in found.stdout
