"""What a repository's settings file says, and what is told of one that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from allotment.contract.repository_settings import repository_settings


def settings_of(root: Path, text: str, name: str = ".allotment-schemas.yaml") -> list[str]:
    (root / name).write_text(text)
    return list(repository_settings(root).problems)


def test_settings__none__yaml_at_the_top(tmp_path: Path) -> None:
    found = repository_settings(tmp_path)
    assert (found.folder, found.content_types, found.current) == (tmp_path, ("yaml",), "current")
    assert found.problems == ()


def test_settings__of_the_other_tool__read_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "jsonschema").mkdir()
    text = (
        "schemaBasePath: ./schemas/\nlogLevel: info\nschemaBaseUris: [./schemas/]\n"
        "currentName: next\nenforcedNumericBounds: [-10, 10]\nshouldSymlinkLatest: false\n"
        "skipSchemaTestCases:\n  '/legacy/.*': [schema-is-secure]\nignoreSchemas: ['^/old/']\n"
    )
    assert settings_of(tmp_path, text, ".jsonschema-tools.yaml") == []
    found = repository_settings(tmp_path)
    assert found.folder == tmp_path / "schemas"
    assert (found.content_types, found.current) == (("yaml", "json"), "next")
    assert (found.bounds, found.links, found.latest) == ((-10, 10), True, False)
    assert found.skips_rule("/legacy/a/1.0.0", "schema-is-secure")
    assert not found.skips_rule("/legacy/a/1.0.0", "schema-is-valid")
    assert not found.skips_rule("/a/1.0.0", "schema-is-secure")
    assert found.ignores("/old/a")
    assert not found.ignores("/a/old")


def test_settings__two_files__ours_counts(tmp_path: Path) -> None:
    settings_of(tmp_path, "currentName: theirs\n", ".jsonschema-tools.yaml")
    settings_of(tmp_path, "currentName: ours\n")
    assert repository_settings(tmp_path).current == "ours"


def test_settings__base_outside_the_repository__not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (problem,) = settings_of(inside, "schemaBasePath: ..\n")
    assert problem == "schemaBasePath: give a folder of the repository; it is '..'"
    assert repository_settings(inside).folder == inside


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "a schema is a map"),
        ("{", "not YAML"),
        ("schemaBasePath: 5", "schemaBasePath: give a folder"),
        ("contentTypes: [xml]", "contentTypes: give a list of yaml and json"),
        ("contentTypes: []", "contentTypes: give a list of yaml and json"),
        ("currentName: a/b", "currentName: give a file name"),
        ("shouldSymlinkLatest: sometimes", "shouldSymlinkLatest: give true or false"),
        ("enforcedNumericBounds: [1, x]", "enforcedNumericBounds: give two numbers"),
        ("schemaTitleField: name", "schemaTitleField: only 'title' is understood"),
        ("skipSchemaTestCases: [a]", "skipSchemaTestCases: give a map"),
        ("skipSchemaTestCases: {a: [schema-is-nice]}", "'schema-is-nice' is no rule"),
        ("skipSchemaTestCases: {a: 5}", "give a list of rules"),
        ("skipSchemaTestCases: {'(': [schema-is-valid]}", "is no regular expression"),
        ("ignoreSchemas: [5]", "is no regular expression"),
        ("ignoreSchemas: 5", "ignoreSchemas: give a list of patterns"),
    ],
)
def test_settings__fault__told_and_default_stands(tmp_path: Path, text: str, problem: str) -> None:
    (told,) = settings_of(tmp_path, text)
    assert problem in told
    assert repository_settings(tmp_path).content_types == ("yaml",)


def test_settings__empty_file__defaults(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "\n") == []
