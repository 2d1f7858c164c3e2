"""Configuration in files: what is written is what is read, whatever the values are."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allotment.commands.configuration_files import (
    name_of,
    new_path,
    read_folder,
    text_of,
    write_folder,
)
from allotment.contract.check.reading import FilesError, documents_in

WORDS = st.text() | st.sampled_from(
    [
        "yes",
        "null",
        "~",
        "1e5",
        "0o7",
        "1_000",
        "2026-11-22",
        "- a",
        "a: b",
        " a",
        "a ",
        "#",
        "\n a",
        "a\x85b",
        "\u2028",
        "\r\n",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | WORDS
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
EXPERIMENT: dict[str, Any] = {
    "machine_name": "search-suggestions",
    "name": "Search",
    "description": "Two lines,\nas people write them.",
    "start": None,
    "end": "2035-01-31T09:00:00Z",
    "default_rate": 0,
    "sites": [{"site": "frwiki", "rate": 0.00000001}],
    "attributes": [],
    "targeting": {"page_id": {"in": [1, 2]}},
}
TEXT = """\
kind: experiment
machine_name: search-suggestions
name: Search
description: |-
  Two lines,
  as people write them.
start: null
end: '2035-01-31T09:00:00Z'
default_rate: 0
sites:
  - site: frwiki
    rate: 0.00000001
attributes: []
targeting:
  page_id:
    in:
      - 1
      - 2
"""


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=st.dictionaries(st.sampled_from(string.ascii_lowercase), VALUES, max_size=5))
def test_text_of__any_values__read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text_of("site", document), "utf-8", newline="\n")
    (found,) = documents_in(path)
    assert found.value == {"kind": "site", **document}
    assert found.repeated == []


def test_text_of__experiment__stable_and_for_people() -> None:
    assert text_of("experiment", EXPERIMENT) == TEXT


def test_write_folder__names_of_any_kind__files_below_the_folder(tmp_path: Path) -> None:
    names = ["/^wiki\\.[a-z]+/", "../../etc", ".hidden", "Équipe de recherche", "a.b@frwiki"]
    things = [("stream", name, {"name": name}) for name in names]
    write_folder(tmp_path, things)
    assert {name for _, name in read_folder(tmp_path)} == set(names)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parent for path in files} == {tmp_path / "streams"}
    assert len(files) == len(names)
    assert new_path(tmp_path, "stream", ".hidden").name == "%2Ehidden.yaml"


def test_write_folder__again__same_values_leave_the_file_with_its_comments(tmp_path: Path) -> None:
    things: list[tuple[str, str, dict[str, Any]]] = [
        ("experiment", "search-suggestions", EXPERIMENT),
        ("team", "A", {"name": "A"}),
    ]
    done = write_folder(tmp_path, things)
    assert (len(done.written), done.kept, done.stale) == (2, 0, ())
    path = tmp_path / "experiments" / "search-suggestions.yaml"
    own = tmp_path / "mine.yml"
    own.write_text(f"# Why we do this\n{path.read_text()}")
    path.unlink()
    done = write_folder(tmp_path, things)
    assert (done.written, done.kept) == ((), 2)
    changed = ("experiment", "search-suggestions", EXPERIMENT | {"name": "Other"})
    done = write_folder(tmp_path, [changed])
    assert done.written == (own,)
    assert "name: Other" in own.read_text()
    assert [filed.name for filed in done.stale] == ["A"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: a", "has no “kind”"),
        ("kind: shoe\nname: a", "has no “kind”"),
        ("- kind: site", "has no “kind”"),
        ("kind: site\nname: a\nname: b", "bad.yaml:3: “name” stands twice"),
        ("kind: site\nlabel: a", "does not say what the site is called"),
        ("kind: exception\nitem: a", "does not say what the exception is called"),
        ("kind: team\nname: A", "both hold the team A"),
        ("kind: [", "cannot be read"),
        ("kind: &a [*a]", "cannot be read"),
    ],
)
def test_read_folder__file_that_cannot_be_used__named_with_the_reason(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "a.yaml").write_text("kind: team\nname: A\n")
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(FilesError, match=told.replace("[", r"\[")) as caught:
        read_folder(tmp_path)
    assert "bad.yaml" in str(caught.value)


def test_place__field_of_a_refusal__line_of_the_nearest_thing(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(TEXT)
    (filed,) = read_folder(tmp_path).values()
    assert filed.place("sites.0.rate") == f"{path}:12"
    assert filed.place("sites.7") == f"{path}:10"
    assert filed.place("unheard_of") == f"{path}:1"
    assert name_of("exception", {"item": "a", "site": "b"}) == "a@b"
