"""The files of cases: made anew they are the committed bytes, and their digests are listed."""

import re
import shutil
from pathlib import Path

import pytest
from tests.vector_files import FOLDER, read_vectors, run_program

PROGRAMS = sorted(path.name for path in FOLDER.glob("make_*.py"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_file_of_cases__made_anew__same_bytes(program: str) -> None:
    made = run_program(program)
    name = program.removeprefix("make_").replace(".py", ".json")
    committed = (FOLDER / name).read_bytes()
    again = made["document"](made["LAW"], made["cases"]())
    assert committed == again.encode("ascii"), "run: make vectors"
    assert len(committed) < 4_000_000


def test_digests__all_files__are_listed() -> None:
    digests = run_program("case_files.py")["digests"]()
    assert (FOLDER / "SHA256SUMS").read_text() == digests, "run: make vectors"
    listed = {line.split()[1] for line in digests.splitlines()}
    made = {name.removeprefix("make_").replace(".py", ".json") for name in PROGRAMS}
    assert listed == made | {"reading.json"}


def test_reference__every_file__is_there_with_its_number_of_cases() -> None:
    page = (FOLDER.parent / "docs/reference/test-vectors.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+\.json)` \| ([\d,]+) \|", page, re.MULTILINE))
    found = {}
    for path in FOLDER.glob("*.json"):
        content = read_vectors(path.name)
        found[path.name] = f"{len(content.get('cases') or content['rates']):,}"
    assert told == found


def test_read_vectors__one_digit_changed__refused(tmp_path: Path) -> None:
    for name in ("reading.json", "SHA256SUMS"):
        shutil.copy(FOLDER / name, tmp_path)
    assert read_vectors("reading.json", tmp_path) == read_vectors("reading.json")
    text = (tmp_path / "reading.json").read_text()
    (tmp_path / "reading.json").write_text(text.replace("0.5", "0.6", 1))
    with pytest.raises(ValueError, match=r"reading\.json is not what SHA256SUMS lists"):
        read_vectors("reading.json", tmp_path)
