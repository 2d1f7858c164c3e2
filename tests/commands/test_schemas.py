"""`allotment schemas`, run as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.test_cli import run

WEB = "/analytics/product_metrics/web/base"


def test_diff__break_at_a_major__told_and_exit_1() -> None:
    found = run("schemas", "diff", f"{WEB}/1.5.0", f"{WEB}/2.0.0")
    assert found.returncode == 1, found.stderr
    assert '! producer  experiment.coordinator: no longer taken: "xLab"' in found.stdout
    assert f"1 of them break a user of {WEB}/1.5.0" in found.stdout


def test_diff__new_fields_only__exit_0() -> None:
    found = run("schemas", "diff", f"{WEB}/1.3.0", f"{WEB}/latest")
    assert found.returncode == 0, found.stderr
    assert "  none      agent.ua_string: the field is new" in found.stdout


def test_diff__unknown_schema__says_so() -> None:
    found = run("schemas", "diff", "/a/1.0.0", "/a/latest")
    assert found.returncode == 1
    assert "schema '/a/1.0.0' is not known" in found.stderr


def test_show__latest__newest_version() -> None:
    assert f'"$id": "{WEB}/2.1.0"' in run("schemas", "show", f"{WEB}/latest").stdout


def test_new__from_base__file_that_a_second_call_keeps(tmp_path: Path) -> None:
    ask = ("schemas", "new", "analytics/my/events", "--repository", str(tmp_path))
    found = run(*ask, "--from", "base")
    assert found.returncode == 0, found.stderr
    text = (tmp_path / "analytics/my/events/current.yaml").read_text()
    assert "$ref: /fragment/analytics/common/2.0.0#" in text
    again = run(*ask)
    assert again.returncode == 1
    assert "has a schema already" in again.stderr


def test_types__each_language__of_the_newest_version() -> None:
    shown = run("schemas", "types", f"{WEB}/latest").stdout
    assert "export interface AnalyticsProductMetricsWebBase {" in shown
    shown = run("schemas", "types", f"{WEB}/latest", "--language", "python").stdout
    assert "AnalyticsProductMetricsWebBase = TypedDict(" in shown


def test_check__shipped__counts_and_exit_0() -> None:
    found = run("schemas", "check")
    assert found.returncode == 0, found.stdout
    assert found.stdout.endswith(" titles: no problems\n")


def test_check__fault__rule_in_brackets_and_as_json(tmp_path: Path) -> None:
    run("schemas", "new", "analytics/my/events", "--repository", str(tmp_path))
    ask = ("schemas", "check", str(tmp_path), "schemas")
    found = run(*ask)
    assert found.returncode == 1
    folder = tmp_path / "analytics/my/events"
    assert f"{folder}: [structure-current-exists] there is no released version" in found.stdout
    told = json.loads(run(*ask, "--format", "json").stdout)
    assert told["left_out"] == {}
    assert told["titles"] > 1
    assert told["problems"] == [
        {
            "file": str(folder),
            "rule": "structure-current-exists",
            "message": "there is no released version; run: allotment schemas materialize",
        }
    ]


def test_materialize__malformed__says_where_and_writes_nothing(tmp_path: Path) -> None:
    run("schemas", "new", "analytics/my/events", "--repository", str(tmp_path))
    current = tmp_path / "analytics/my/events/current.yaml"
    current.write_text(current.read_text() + "required: 5\n")
    found = run("schemas", "materialize", str(tmp_path), "schemas")
    assert found.returncode == 1
    assert found.stderr.startswith(f"allotment: {current}: /required: is not as JSON Schema")
    assert not (current.parent / "1.0.0.yaml").exists()
