"""The browser scripts inside the Python package are what their source builds."""

import gzip
import subprocess
from pathlib import Path

from tests.required_tools import require_tool

SHIPPED = Path(__file__).parents[2] / "src/allotment/sdk/browser"


def test_browser_scripts__built_anew__same_bytes(js_folder: Path, tmp_path: Path) -> None:
    subprocess.run(
        [require_tool("node"), "build.mjs", str(tmp_path)], cwd=js_folder, check=True, timeout=120
    )
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {path.name for path in SHIPPED.iterdir()} == {"allotment.js", "allotment.mjs"}
    for name in names:
        assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes(), (
            f"{name} is older than its source; run: npm run build (in clients/js)"
        )


def test_browser_script__shipped__is_small_and_says_what_it_is() -> None:
    script = (SHIPPED / "allotment.js").read_bytes()
    assert script.startswith(b"/*! Allotment 0.1.0 | Apache-2.0 */")
    assert len(gzip.compress(script)) < 8_000
