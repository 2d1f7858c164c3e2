"""One constant of the law changed, in any language, fails its vectors; `make mutants` tries all."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.clients.law_changes import JAVASCRIPT, PHP, PYTHON, Change
from tests.clients.mutants import ROOT, languages, survives

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
    assert survives(languages()[name], change) == (change is None)


@pytest.mark.parametrize("name", ["Python", "JavaScript", "PHP"])
def test_law_changes__all__stand_once_in_the_sources(name: str) -> None:
    language = languages()[name]
    for change in language.changes:
        text = (ROOT / language.law / change.file).read_text(encoding="utf-8")
        assert text.count(change.before) == 1, change
    assert len({(change.what, change.after) for change in language.changes}) >= 35


def test_vectors__one_digit_changed__no_language_takes_them(tmp_path: Path) -> None:
    for language in languages().values():
        if language.name == "Python":
            continue  # it reads the repository's own: tests/vectors/test_case_files.py
        root = tmp_path / language.name
        root.mkdir()
        language.copy(root)
        reading = root / "vectors/reading.json"
        text = reading.read_text(encoding="utf-8")
        # A space that no reader of JSON would mind.
        reading.write_text(text.replace(": ", ":  ", 1), encoding="utf-8")
        with pytest.raises(RuntimeError, match="is not what SHA256SUMS lists"):
            language.passes(root)
