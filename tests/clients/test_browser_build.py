"""The browser scripts inside the Python package are what their source builds."""

import gzip
import subprocess
from pathlib import Path

from tests.required_tools import require_tool

SHIPPED = Path(__file__).parents[2] / "src/allotment/sdk/browser"


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_browser_scripts__built_anew__same_bytes(js_folder: Path, tmp_path: Path) -> None:
    subprocess.run(
        [require_tool("node"), "build.mjs", str(tmp_path)], cwd=js_folder, check=True, timeout=120
    )
    built, shipped = files(tmp_path), files(SHIPPED)
    assert {"allotment.js", "allotment.mjs", "clickThroughRate.mjs"} <= set(built)
    assert set(built) == set(shipped)
    for name, content in built.items():
        assert content == shipped[name], f"{name} is older than its source; run: make clients"


def test_browser_scripts__shipped__are_small_and_say_what_they_are() -> None:
    for name, limit in {
        "core.mjs": 5_000,
        "allotment.js": 5_000,
        "clickThroughRate.mjs": 1_000,
    }.items():
        script = (SHIPPED / name).read_bytes()
        assert len(gzip.compress(script, 9)) <= limit, name
    for name in ("core.mjs", "allotment.js", "allotment.mjs"):
        said = (SHIPPED / name).read_bytes()
        assert said.startswith(b"/*! Allotment 0.1.0 | Apache-2.0 */"), name


PROGRAM = """
import { createClient, evaluate, type Membership } from "BROWSER/allotment.mjs";
import { clickThroughRate } from "BROWSER/clickThroughRate.mjs";
import { useFakeExperiments } from "BROWSER/testing.mjs";

const allotment = createClient();
allotment.getExperiment("a").use(clickThroughRate({ selector: "a", friendlyName: "b" }));
export const who: Membership = allotment.getCurrentUserExperiments();
useFakeExperiments(allotment).stubExperiment("a", "b").sendExposure();
evaluate({ name: "a", groups: ["b"] }, "1");
// @ts-expect-error -- the name must be given
allotment.getExperiment();
// @ts-expect-error -- a private part has another name in the build
allotment._integration;
"""


def test_types__program_of_a_site__compiler_takes_it(js_folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.mts"
    program.write_text(PROGRAM.replace("BROWSER", str(SHIPPED)))
    options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022"]
    done = subprocess.run(
        [require_tool("node"), js_folder / "node_modules/typescript/bin/tsc", *options, program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
