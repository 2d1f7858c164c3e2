"""Tools that some tests need and a laptop may lack: skipped by name there, demanded in CI."""

import os
import shutil

import pytest


def require_tool(*names: str) -> str:
    """The path of the first of these programs that is there.

    Outside CI the test that asks is reported as skipped by the tool's name; in CI it fails.
    """
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    message = f"needs {names[0]}, which is not installed"
    if os.environ.get("CI"):
        pytest.fail(f"{message}; .ci/run must install it")
    pytest.skip(message)
