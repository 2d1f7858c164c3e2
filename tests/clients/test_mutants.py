"""One constant of the law changed, in any language, fails its vectors; `make mutants` tries all."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.clients.law_changes import JAVASCRIPT, PHP, PYTHON, Change
from tests.clients.mutants import NAMES, ROOT, language, survives

# A change takes 0.3 s in PHP, 1 s in Python, 3 s in JavaScript.
TRIED = [
    *[("PHP", change) for change in (None, *PHP)],
    *[("Python", change) for change in (None, *PYTHON[::6])],
    *[("JavaScript", change) for change in (None, *JAVASCRIPT[::9])],
]


@pytest.mark.parametrize(
    ("name", "change"), TRIED, ids=lambda given: getattr(given, "what", given) or "unchanged"
)
def test_law__one_thing_changed__fails_its_vectors(name: str, change: Change | None) -> None:
    assert survives(language(name), change) == (change is None)


@pytest.mark.parametrize("name", NAMES)
def test_law_changes__all__stand_once_in_the_sources(name: str) -> None:
    known = language(name)
    for change in known.changes:
        text = (ROOT / known.law / change.file).read_text(encoding="utf-8")
        assert text.count(change.before) == 1, change
    assert len({(change.what, change.after) for change in known.changes}) >= 35


# Python reads the repository's own vectors: tests/vectors/test_case_files.py
@pytest.mark.parametrize("name", ["JavaScript", "PHP"])
def test_vectors__one_digit_changed__not_taken(name: str, tmp_path: Path) -> None:
    known = language(name)
    known.copy(tmp_path)
    reading = tmp_path / "vectors/reading.json"
    text = reading.read_text(encoding="utf-8")
    # A space that no reader of JSON would mind.
    reading.write_text(text.replace(": ", ":  ", 1), encoding="utf-8")
    with pytest.raises(RuntimeError, match="is not what SHA256SUMS lists"):
        known.passes(tmp_path)
