"""Types for instrument authors: they say what the schema says, and compile."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.contract.foreign_repository import Repositories

from allotment.contract.schemas import SchemaRepository
from allotment.contract.type_source import python_types, type_name, typescript_types

SCHEMA: dict[str, Any] = {
    "title": "analytics/a_b/c",
    "$id": "/analytics/a_b/c/1.0.0",
    "type": "object",
    "additionalProperties": False,
    "required": ["$schema"],
    "properties": {
        "$schema": {"type": "string", "description": "Which\nschema. */"},
        "kind": {"type": "string", "enum": ["x", "y"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "rates": {"type": "object", "additionalProperties": {"type": "number"}},
        "meta": {"type": "object", "properties": {"with-dash": {"type": "boolean"}}},
    },
}
WEB = SchemaRepository(()).latest("analytics/product_metrics/web/base").body
GOOD = {
    "$schema": "/x/1.0.0",
    "action": "click",
    "agent": {"client_platform": "mediawiki_js"},
    "meta": {"stream": "s"},
    "experiment": {"enrolled": "a", "coordinator": "default"},
}


def test_typescript__every_kind_of_field__as_the_schema_says() -> None:
    assert typescript_types(SCHEMA) == (
        "/** Events of /analytics/a_b/c/1.0.0 */\n"
        "export interface AnalyticsABC {\n"
        "  /** Which schema. * / */\n"
        "  $schema: string;\n"
        '  kind?: "x" | "y";\n'
        "  tags?: Array<string>;\n"
        "  rates?: Record<string, number>;\n"
        "  meta?: {\n"
        '    "with-dash"?: boolean;\n'
        "    [further: string]: unknown;\n"
        "  };\n"
        "}\n"
    )


FILLED: dict[str, Any] = {
    "title": "x",
    "$id": "/x/1.0.0",
    "required": ["a", "b", "dt", "meta", "o", "list"],
    "properties": {
        "a": {"type": "string", "default": "x"},
        "b": {"type": "string"},
        "any": True,
        "never": False,
        "dt": {"type": "string"},
        "list": {
            "type": "array",
            "items": {
                "required": ["n", "m"],
                "properties": {"n": {"type": "number", "default": 1}, "m": {"type": "number"}},
            },
        },
        "meta": {
            "required": ["dt", "id", "request_id", "stream"],
            "properties": {
                name: {"type": "string"} for name in ("dt", "id", "request_id", "stream")
            },
        },
        "o": {"required": ["dt"], "properties": {"dt": {"type": "string"}}},
    },
}


def test_typescript__fields_that_the_intake_fills__may_be_left_out() -> None:
    found = re.findall(r"([a-z_]+\??): ", typescript_types(FILLED))
    assert found == [
        *("a?", "b", "any?", "dt", "list", "n?", "m", "further"),
        *("meta", "dt?", "id?", "request_id?", "stream", "further"),
        *("o", "dt", "further", "further"),
    ]


def test_python__fields_that_the_intake_fills__may_be_left_out() -> None:
    text = python_types(FILLED)
    for left_out in ("a", "n", "id", "request_id"):
        assert f"'{left_out}': NotRequired[" in text
    assert text.count("'dt': str,") == 2  # at the top and in `o`, which are the author's
    assert "'never'" not in text
    assert FILLED["properties"]["meta"]["required"] == ["dt", "id", "request_id", "stream"]


def test_python__every_kind_of_field__as_the_schema_says() -> None:
    text = python_types(SCHEMA)
    assert "        # Which schema. */\n        '$schema': str,\n" in text
    assert "'kind': NotRequired[Literal['x', 'y']]," in text
    assert "'tags': NotRequired[list[str]]," in text
    assert "'rates': NotRequired[dict[str, float]]," in text
    assert "'meta': NotRequired[AnalyticsABCMeta]," in text
    assert "'with-dash': NotRequired[bool]," in text


@pytest.mark.parametrize(
    ("event", "returncode"),
    [
        (GOOD, 0),
        ({k: v for k, v in GOOD.items() if k != "action"}, 1),
        ({**GOOD, "experiment": {"coordinator": "xLab"}}, 1),
        ({**GOOD, "further": 1}, 1),
    ],
)
def test_python__web_base__type_checker_takes_what_the_schema_takes(
    tmp_path: Path, event: dict[str, Any], returncode: int
) -> None:
    program = tmp_path / "program.py"
    program.write_text(python_types(WEB) + f"\nevent: AnalyticsProductMetricsWebBase = {event!r}\n")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == returncode, checked.stdout
    assert subprocess.run([sys.executable, str(program)], check=False).returncode == 0


def test_type_name__title_that_begins_with_a_digit__still_a_name() -> None:
    assert type_name("2x/y-z") == "Event2xYZ"


def test_python__foreign_schemas__type_checker_takes_the_modules(
    foreign: Repositories, tmp_path: Path
) -> None:
    repository = SchemaRepository(foreign.paths)
    for number, title in enumerate(repository.titles()):
        body = repository.latest(title).body
        (tmp_path / f"module_{number}.py").write_text(python_types(body))
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "c"), "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_types__several_types__each_of_them() -> None:
    schema = {
        "title": "a",
        "$id": "/a/1.0.0",
        "properties": {"x": {"type": ["string", "null"]}, "y": {"type": ["integer", "boolean"]}},
    }
    assert "  x?: string | null;\n  y?: number | boolean;\n" in typescript_types(schema)
    assert "'x': NotRequired[str | None],\n        'y': NotRequired[int | bool]," in (
        python_types(schema)
    )


def test_python__names_that_would_be_one_class__are_two() -> None:
    part = {"type": "object", "properties": {"c": {"type": "string"}}}
    schema = {
        "title": "t",
        "$id": "/t/1.0.0",
        "properties": {"a_b": part, "a": {"type": "object", "properties": {"b": part}}, "aB": part},
    }
    classes = re.findall(r"^(\w+) = TypedDict", python_types(schema), re.MULTILINE)
    assert len(classes) == len(set(classes)) == 5
