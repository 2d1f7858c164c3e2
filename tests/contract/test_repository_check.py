"""Materialising a repository and finding what is wrong with one, on real folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from tests.contract.foreign_repository import Repositories

from allotment.contract.materialize import MaterializeError
from allotment.contract.repository_check import check_repository
from allotment.contract.repository_sources import materialize_repository

HEADER = "$schema: 'https://json-schema.org/draft-07/schema#'\ntype: object\n"
PART = f"""title: part
$id: /part/1.0.0
{HEADER}properties:
  a:
    type: integer
examples:
- a: 1
"""
WHOLE = f"""title: deep/whole
$id: /deep/whole/1.0.0
{HEADER}allOf:
- $ref: /part/1.0.0#
properties:
  b:
    type: string
examples:
- b: x
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for title, text in {"part": PART, "deep/whole": WHOLE}.items():
        (tmp_path / title).mkdir(parents=True)
        (tmp_path / title / "current.yaml").write_text(text)
    return tmp_path


def messages(root: Path) -> list[str]:
    return [
        f"{problem.path.relative_to(root)}: {problem.message}"
        for problem in check_repository([root]).problems
    ]


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_materialize__fresh__versions_and_symlinks_then_nothing_to_do(root: Path) -> None:
    written = materialize_repository([root])
    assert sorted(path.relative_to(root).as_posix() for path in written) == [
        "deep/whole/1.0.0",
        "deep/whole/1.0.0.yaml",
        "deep/whole/latest",
        "deep/whole/latest.yaml",
        "part/1.0.0",
        "part/1.0.0.yaml",
        "part/latest",
        "part/latest.yaml",
    ]
    assert (root / "deep/whole/latest").readlink() == Path("1.0.0.yaml")
    assert "minimum: -9007199254740991" in (root / "deep/whole/1.0.0").read_text()
    assert materialize_repository([root]) == []
    assert messages(root) == []


def test_materialize__released_would_change__refused_and_nothing_written(root: Path) -> None:
    materialize_repository([root])
    before = (root / "part/1.0.0.yaml").read_text()
    change(root / "part/current.yaml", "type: integer", "type: string")
    change(root / "deep/whole/current.yaml", "/deep/whole/1.0.0", "/deep/whole/1.1.0")

    with pytest.raises(
        MaterializeError, match=r"part/1\.0\.0\.yaml is released.*raise the version"
    ):
        materialize_repository([root])
    assert (root / "part/1.0.0.yaml").read_text() == before
    assert not (root / "deep/whole/1.1.0.yaml").exists()
    assert materialize_repository([root], replace=True)
    assert (root / "part/1.0.0.yaml").read_text() != before


def test_materialize__new_version__latest_moves_and_old_one_stays(root: Path) -> None:
    materialize_repository([root])
    change(root / "part/current.yaml", "/part/1.0.0", "/part/1.1.0")
    materialize_repository([root])
    assert (root / "part/latest").readlink() == Path("1.1.0.yaml")
    assert (root / "part/1.0.0.yaml").exists()
    assert messages(root) == [], "the whole goes on including the released part 1.0.0"


def test_materialize__parts_include_each_other__says_which(root: Path) -> None:
    change(
        root / "part/current.yaml", "properties:", "allOf:\n- $ref: /deep/whole/1.0.0#\nproperties:"
    )
    with pytest.raises(MaterializeError, match="includes itself"):
        materialize_repository([root])


def test_materialize__part_in_another_folder__found(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (root / "part").rename(other / "part")
    materialize_repository([root / "deep", other])
    assert (other / "part/1.0.0.yaml").exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("part/1.0.0.yaml", "title: part", "title: other", "title is 'other'"),
        ("part/1.0.0.yaml", "$id: /part/1.0.0", "$id: /part/1.0.1", "$id is '/part/1.0.1'"),
        ("part/1.0.0.yaml", "draft-07", "draft-06", "$schema is"),
        ("part/1.0.0.yaml", "  a:", "  camelCase:", "'camelCase' is not snake_case"),
        ("part/1.0.0.yaml", "    minimum: -9007199254740991\n", "", "bounds within"),
        ("part/1.0.0.yaml", "maximum: 9007199254740991", "maximum: 9007199254740992", "bounds"),
        ("part/1.0.0.yaml", "type: integer", "type: [integer, 'null']", "exactly one type"),
        ("part/1.0.0.yaml", "type: integer", "type: array", "what its items are"),
        ("part/1.0.0.yaml", "type: integer", "type: number\n    format: x", "has a maxLength"),
        ("part/1.0.0.yaml", "- a: 1", "- a: one", "/examples/0: "),
        (
            "part/1.0.0.yaml",
            "properties:",
            "required: [zzz]\nproperties:",
            "'zzz' is not described",
        ),
        ("part/1.0.0.yaml", "type: object", "type: thing", "/type: is not as JSON Schema"),
        (
            "part/1.0.0.yaml",
            "type: object",
            "type: object\nminProperties: -1",
            "not as JSON Schema demands it",
        ),
        ("part/1.0.0.yaml", "title: part", "title: [", "not YAML"),
        ("part/current.yaml", "title: part", "title: [", "not YAML"),
        ("part/current.yaml", "type: integer", "type: string", "is not what current.yaml gives"),
        (
            "part/current.yaml",
            "/part/1.0.0",
            "/part/2.0.0",
            "newest released version is /part/1.0.0",
        ),
        (
            "deep/whole/current.yaml",
            "/part/1.0.0#",
            "/part/7.0.0#",
            "there is no schema /part/7.0.0",
        ),
    ],
)
def test_check__one_fault__found_and_named(
    root: Path, file: str, old: str, new: str, message: str
) -> None:
    materialize_repository([root])
    change(root / file, old, new)
    assert any(message in found for found in messages(root)), messages(root)


def test_check__structure__missing_files_and_wrong_links(root: Path) -> None:
    materialize_repository([root])
    (root / "part/latest").unlink()
    (root / "part/1.0.0").unlink()
    (root / "part/1.0.0").symlink_to("current.yaml")
    (root / "deep/whole/current.yaml").unlink()
    (root / "fresh").mkdir()
    (root / "fresh/current.yaml").write_text(PART.replace("part", "fresh"))
    found = "\n".join(messages(root))
    assert "part/latest: must be a symlink to 1.0.0.yaml" in found
    assert "part/1.0.0: must be a symlink to 1.0.0.yaml" in found
    assert "deep/whole: there is no current.yaml" in found
    assert "fresh: there is no released version" in found


def test_check__no_such_folder__said(tmp_path: Path) -> None:
    assert [str(p) for p in check_repository([tmp_path / "x"]).problems] == [
        f"{tmp_path / 'x'}: [structure-file-is-readable] there is no such folder"
    ]


def test_check__two_titles_of_one_table__both_named(tmp_path: Path) -> None:
    for title in ("a/b", "analytics/a_b"):
        (tmp_path / title).mkdir(parents=True)
        (tmp_path / title / "current.yaml").write_text(
            f"title: {title}\n$id: /{title}/1.0.0\n{HEADER}properties:\n  meta:\n"
            "    type: object\n    properties:\n      dt:\n        type: string\n"
            "        format: date-time\n        maxLength: 64\nexamples:\n- {}\n"
        )
    materialize_repository([tmp_path])
    (problem,) = check_repository([tmp_path]).problems
    assert "'a/b' and 'analytics/a_b' would share the table 'a_b'" in str(problem)


def release(root: Path, version: str, *changes: tuple[str, str]) -> None:
    current = root / "part/current.yaml"
    text = current.read_text()
    before = text.split("$id: /part/")[1].split("\n")[0]
    change(current, f"/part/{before}", f"/part/{version}")
    for old, new in changes:
        change(current, old, new)
    materialize_repository([root])


def test_check__break_within_a_major__told_for_whom(root: Path) -> None:
    materialize_repository([root])
    release(root, "1.1.0", ("type: integer", "type: integer\n    maximum: 9"))
    (found,) = messages(root)
    assert found == (
        "part/1.1.0.yaml: is not compatible with 1.0.0 for an old producer: "
        "a: maximum 9007199254740991 is now 9; raise the major version"
    )


def test_check__later_version_of_the_same_break__told_once(root: Path) -> None:
    materialize_repository([root])
    release(root, "1.1.0", ("type: integer", "type: integer\n    maximum: 9"))
    release(root, "1.2.0", ("maximum: 9", "maximum: 9\n    description: d"))
    assert len(messages(root)) == 1
    release(root, "1.3.0", ("maximum: 9", "maximum: 8"))
    assert [found.split(":")[0] for found in messages(root)] == [
        "part/1.1.0.yaml",
        "part/1.3.0.yaml",
    ]


def test_check__break_that_neighbors_hide__found(root: Path) -> None:
    materialize_repository([root])
    with_b = "properties:\n  b:\n    type: string\n  a:\n"
    release(root, "1.1.0", ("properties:\n  a:\n", with_b))
    release(root, "1.2.0", (with_b, "properties:\n  a:\n"))
    release(root, "1.3.0", ("properties:\n  a:\n", with_b.replace("string", "boolean")))
    assert [found.split("; ")[0] for found in messages(root)] == [
        (
            "part/1.2.0.yaml: is not compatible with 1.1.0 for an old consumer: "
            "b: the field is no longer described"
        ),
        *(
            "part/1.3.0.yaml: is not compatible with 1.1.0 for an old "
            f'{side}: b: the type "string" is now "boolean"'
            for side in ("producer", "consumer")
        ),
    ]


def test_check__malformed_version_between__only_its_own_fault(root: Path) -> None:
    materialize_repository([root])
    release(root, "1.1.0")
    change(root / "part/1.0.0.yaml", "type: object", "type: object\nminProperties: -1")
    assert any("not as JSON Schema demands it" in found for found in messages(root))
    assert not any("not compatible" in found for found in messages(root))


def test_check__break_at_a_major__allowed(root: Path) -> None:
    materialize_repository([root])
    release(root, "2.0.0", ("type: integer", "type: string"), ("- a: 1", "- a: x"))
    assert messages(root) == []


def test_check__type_changes_at_a_major__told_where_there_is_a_table(root: Path) -> None:
    receive_time = "meta: {type: object, properties: {dt: {type: string, format: date-time,"
    change(
        root / "part/current.yaml",
        "properties:\n",
        f"properties:\n  {receive_time} maxLength: 40}}}}}}\n",
    )
    materialize_repository([root])
    release(root, "2.0.0", ("type: integer", "type: string"), ("- a: 1", "- a: x"))
    release(root, "2.1.0", ("- a: x", "- a: y"))
    found = check_repository([root]).problems
    assert [(problem.path.name, problem.rule) for problem in found] == [
        ("2.0.0.yaml", "schema-keeps-column-types")
    ]
    assert "a is a text, and a whole number since 1.0.0" in found[0].message


def rules(*roots: Path) -> list[tuple[str, str]]:
    report = check_repository(roots)
    return [(problem.path.name, problem.rule) for problem in report.problems]


def test_check__foreign_repositories__no_problem_and_what_was_left_out_is_counted(
    foreign: Repositories,
) -> None:
    folders: list[tuple[int, int]] = []
    report = check_repository(foreign.paths, lambda done, of: folders.append((done, of)))
    assert [str(problem) for problem in report.problems] == []
    assert (report.titles, report.versions) == (120, len(foreign.released))
    assert report.versions >= 400
    assert set(report.skipped) == {
        "schema-deterministic-types",
        "schema-enforced-numeric-bounds",
        "schema-snake-case-properties",
    }
    assert folders[-1] == (120, 120)
    assert materialize_repository(foreign.paths) == []


def test_check__rule_left_out_by_settings__counted_for_that_id_only(root: Path) -> None:
    materialize_repository([root])
    change(root / "part/1.0.0.yaml", "type: integer", "type: [integer, 'null']")
    change(root / "deep/whole/1.0.0.yaml", "type: string", "type: [string, 'null']")
    (root / ".allotment-schemas.yaml").write_text(
        "skipSchemaTestCases:\n  /part/: [schema-deterministic-types]\n"
    )
    report = check_repository([root])
    assert report.skipped == {"schema-deterministic-types": 1}
    assert {p.path.parent.name for p in report.problems if "types" in p.rule} == {"whole"}


def test_check__settings_that_cannot_be_read__told(root: Path) -> None:
    materialize_repository([root])
    (root / ".allotment-schemas.yaml").write_text("contentTypes: xml\n")
    assert rules(root) == [(".allotment-schemas.yaml", "structure-settings-are-readable")]


def test_check__ignored_title__nothing_said_or_written(root: Path) -> None:
    (root / ".allotment-schemas.yaml").write_text("ignoreSchemas: [^/deep/]\n")
    materialize_repository([root])
    assert not (root / "deep/whole/1.0.0.yaml").exists()
    assert rules(root) == []


def test_check__title_in_two_repositories__told_at_the_second(root: Path, tmp_path: Path) -> None:
    materialize_repository([root])
    other = tmp_path / "other/jsonschema"
    shutil.copytree(root / "part", other / "part", symlinks=True)
    shutil.copytree(root / "part", tmp_path / "third/part", symlinks=True)
    report = check_repository([tmp_path / "third", tmp_path / "other"])
    (problem,) = report.problems
    assert (problem.path, problem.rule) == (other / "part", "structure-one-namespace")
    assert f"is in {tmp_path / 'third/part'} too" in problem.message


def test_check__content_types__each_there_and_alike(root: Path) -> None:
    (root / ".allotment-schemas.yaml").write_text("contentTypes: [yaml, json]\n")
    written = materialize_repository([root])
    assert {path.name for path in written} == {
        *("1.0.0.yaml", "1.0.0.json", "1.0.0", "latest", "latest.yaml", "latest.json"),
    }
    assert rules(root) == []
    (root / "part/1.0.0.json").write_text('{"title": "part"}')
    (root / "deep/whole/1.0.0.json").unlink()
    assert sorted(rules(root)) == [
        ("1.0.0.json", "structure-content-types"),
        ("1.0.0.json", "structure-content-types"),
    ]


def test_check__structure__each_fault_by_its_rule(root: Path) -> None:
    materialize_repository([root])
    (root / "part/current").write_text("x")
    assert rules(root) == [("current", "structure-current-exists")]
    (root / "part/current").unlink()
    (root / "part").rename(root / "moved")
    assert {rule for _, rule in rules(root)} == {
        "structure-folder-is-title",
        "structure-id-is-path",
        "structure-current-is-newest",
    }


def test_check__written_otherwise__no_difference(root: Path) -> None:
    change(root / "part/current.yaml", "examples:\n- a: 1\n", "")
    materialize_repository([root])
    file = root / "part/1.0.0.yaml"
    body = yaml.safe_load(file.read_text())
    file.write_text(json.dumps({**dict(reversed(body.items())), "examples": [{"a": -5.0}]}))
    assert rules(root) == []
    assert materialize_repository([root]) == []
    change(file, "integer", "number")
    assert ("1.0.0.yaml", "structure-current-is-materialized") in rules(root)


@pytest.mark.parametrize(
    "text",
    [
        "required: 5",
        "properties: [a]",
        "type: 5",
        "allOf: {}",
        "title: [a]",
        "$id: 5",
        "5",
        "a: &a [*a]",
        "properties: {a: {$ref: 5}}",
        "enum: 3",
        "examples: 5",
        "allOf: [false]",
    ],
)
def test_check__malformed__told_never_an_exception(root: Path, text: str) -> None:
    materialize_repository([root])
    for name in ("current.yaml", "1.0.0.yaml"):
        (root / "part" / name).write_text(text)
    found = check_repository([root]).problems
    assert any(problem.path.parent.name == "part" for problem in found)
    with pytest.raises(MaterializeError):
        materialize_repository([root])
