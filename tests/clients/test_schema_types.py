"""The TypeScript types of schemas, held to events by the real compiler."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.contract.foreign_repository import Repositories

from allotment.contract.schemas import SchemaRepository
from allotment.contract.type_source import type_name, typescript_types

WEB = SchemaRepository(()).latest("analytics/product_metrics/web/base").body
NAME = "AnalyticsProductMetricsWebBase"
GOOD = {
    "$schema": "/x/1.0.0",
    "action": "click",
    "agent": {"client_platform": "mediawiki_js"},
    "meta": {"dt": "2026-01-15T09:30:00Z", "stream": "s"},
    "experiment": {"enrolled": "a", "coordinator": "default"},
}


def compiled(js_folder: Path, program: Path) -> str:
    """What the compiler of the lock says of a program; empty where it has no complaint."""
    tsc = js_folder / "node_modules/typescript/bin/tsc"
    options = {"strict": True, "noEmit": True, "types": [], "target": "es2022"}
    project = program.parent / "tsconfig.json"
    project.write_text(json.dumps({"compilerOptions": options, "files": [program.name]}))
    return subprocess.run(
        ["node", str(tsc), "-p", str(project)], capture_output=True, text=True, check=False
    ).stdout


def test_types__web_base__compiler_takes_what_the_schema_takes(
    js_folder: Path, tmp_path: Path
) -> None:
    wrong = [
        {key: value for key, value in GOOD.items() if key != "action"},
        {**GOOD, "experiment": {"coordinator": "xLab"}},
        {**GOOD, "further": 1},
        {**GOOD, "action": 5},
    ]
    lines = [typescript_types(WEB), f"export const good: {NAME} = {json.dumps(GOOD)};"]
    for number, event in enumerate(wrong):
        lines += ["// @ts-expect-error", f"export const bad{number}: {NAME} = {json.dumps(event)};"]
    program = tmp_path / "program.ts"
    program.write_text("\n".join(lines))
    assert compiled(js_folder, program) == ""
    program.write_text("\n".join(lines).replace("// @ts-expect-error", ""))
    assert compiled(js_folder, program).count("error TS") == len(wrong)


def test_types__foreign_schemas__compile_and_take_their_examples(
    js_folder: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    foreign = Repositories(tmp_path_factory.mktemp("foreign"), titles=40)
    repository = SchemaRepository(foreign.paths)
    lines = []
    for number, title in enumerate(repository.titles()):
        body = repository.latest(title).body
        for example in body.get("examples", []):
            text = json.dumps(example)
            lines.append(f"export const e{number}: {type_name(title)} = {text};")
        lines.append(typescript_types(body))
    program = tmp_path / "program.ts"
    program.write_text("\n".join(lines))
    assert compiled(js_folder, program) == ""
