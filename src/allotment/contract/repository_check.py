"""Writes the released versions of a schema repository, and checks a repository's rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from allotment.contract.materialize import (
    SAFE_INTEGER,
    JsonSchema,
    MaterializeError,
    materialize,
    to_yaml,
    walk,
)
from allotment.contract.schemas import SEMVER, SchemaRepository, read_yaml, version_key
from allotment.contract.tables import TableNameError, event_tables

CURRENT: Final = "current.yaml"
_SNAKE_CASE: Final = re.compile(r"\$?[a-z]+[a-z0-9_]*", re.ASCII)
_METASCHEMA: Final = "https://json-schema.org/draft-07/schema#"
_PLAIN_TYPES: Final = frozenset(
    {"string", "integer", "number", "boolean", "object", "array", "null"}
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one file of a repository, and where in it."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def materialize_repository(paths: Sequence[Path], *, replace: bool = False) -> list[Path]:
    """Write `X.Y.Z.yaml` and the symlinks of every `current.yaml`; return what was written.

    A released version does not change: where the file exists and would differ, nothing is written
    unless `replace` is set.

    Raises:
        MaterializeError: a schema cannot be materialised, or a released version would change.
    """
    sources = _Sources(paths)
    planned: list[tuple[Path, str, str]] = []
    for folder, source in sources.current():
        version = _version_of(source, folder)
        text = to_yaml(sources.materialized(str(source["$id"])))
        target = folder / f"{version}.yaml"
        if target.exists() and target.read_text("utf-8") != text and not replace:
            raise MaterializeError(
                f"{target} is released and {CURRENT} now gives something else; raise the version "
                f"in the $id of {folder / CURRENT}"
            )
        planned.append((folder, version, text))
    return [path for plan in planned for path in _write(*plan)]


def check_repository(paths: Sequence[Path]) -> list[Problem]:
    """Everything that breaks the rules of a schema repository; empty when all is well.

    The rules: a folder is its title; `$id` is `/title/version`; the newest version is what
    `current.yaml` gives; symlinks point where they say; a released version is flat, valid draft-07,
    has one type per property, snake_case names, bounded numbers, and examples that validate; no two
    titles share a table.
    """
    sources = _Sources(paths)
    problems: list[Problem] = []
    for root in paths:
        if not root.is_dir():
            problems.append(Problem(root, "there is no such folder"))
            continue
        for folder in sorted({file.parent for file in root.rglob("*.yaml")}):
            problems.extend(_check_folder(root, folder, sources))
    try:
        event_tables(SchemaRepository(paths))
    except TableNameError as error:
        problems.append(Problem(paths[0], str(error)))
    return problems


class _Sources:
    """The hand-written schemas of all folders as one namespace; answers references between them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._by_uri: dict[str, JsonSchema] = {}
        self._folders: dict[str, Path] = {}
        self._done: dict[str, JsonSchema] = {}
        self._open: set[str] = set()
        for root in self._paths:
            for file in sorted(root.rglob(CURRENT)):
                try:
                    source = read_yaml(file)
                except ValueError:
                    continue  # the check of that folder reports it
                self._by_uri.setdefault(str(source.get("$id")), source)
                self._folders.setdefault(str(source.get("$id")), file.parent)

    def current(self) -> Iterator[tuple[Path, JsonSchema]]:
        for root in self._paths:
            for file in sorted(root.rglob(CURRENT)):
                try:
                    yield file.parent, read_yaml(file)
                except ValueError as error:
                    raise MaterializeError(str(error)) from error

    def materialized(self, uri: str) -> JsonSchema:
        """What `current.yaml` gives for its own version, else the released file.

        Raises:
            LookupError: neither exists.
            MaterializeError: it cannot be materialised.
        """
        if uri in self._done:
            return self._done[uri]
        source = self._by_uri.get(uri)
        if source is None:
            return self._released(uri)
        if uri in self._open:
            raise MaterializeError(f"{uri} includes itself")
        self._open.add(uri)
        try:
            self._done[uri] = materialize(source, self.materialized)
        except MaterializeError as error:
            raise MaterializeError(f"{self._folders[uri] / CURRENT}: {error}") from error
        finally:
            self._open.discard(uri)
        return self._done[uri]

    def _released(self, uri: str) -> JsonSchema:
        title, _, version = uri.strip("/").rpartition("/")
        if SEMVER.fullmatch(version) and ".." not in title.split("/"):
            for root in self._paths:
                file = root / title / f"{version}.yaml"
                if file.is_file():
                    return read_yaml(file)
        raise LookupError(f"there is no schema {uri}")


def _version_of(source: JsonSchema, folder: Path) -> str:
    version = str(source.get("$id", "")).rpartition("/")[2]
    if not SEMVER.fullmatch(version):
        raise MaterializeError(f"{folder / CURRENT}: $id does not end in a version such as 1.0.0")
    return version


def _write(folder: Path, version: str, text: str) -> Iterator[Path]:
    target = folder / f"{version}.yaml"
    if not target.exists() or target.read_text("utf-8") != text:
        target.write_text(text, "utf-8")
        yield target
    links = [version]
    newest = max((_versions(folder)), key=version_key)
    if newest == version:
        links += ["latest", "latest.yaml"]
    for name in links:
        link = folder / name
        if link.is_symlink() and str(link.readlink()) == target.name:
            continue
        fresh = folder / f".{name}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target.name)
        fresh.replace(link)
        yield link


def _versions(folder: Path) -> list[str]:
    return sorted(
        (f.stem for f in folder.glob("*.yaml") if SEMVER.fullmatch(f.stem)), key=version_key
    )


def _check_folder(root: Path, folder: Path, sources: _Sources) -> Iterator[Problem]:
    title = folder.relative_to(root).as_posix()
    versions = _versions(folder)
    current = folder / CURRENT
    if not current.is_file():
        yield Problem(folder, f"there is no {CURRENT}")
    elif not versions:
        yield Problem(folder, "there is no released version; run: allotment schemas materialize")
    else:
        yield from _check_current(current, title, versions[-1], sources)
    for version in versions:
        yield from _check_version(folder / f"{version}.yaml", title, version)
        yield from _check_link(folder / version, f"{version}.yaml")
    if versions:
        yield from _check_link(folder / "latest", f"{versions[-1]}.yaml")
        yield from _check_link(folder / "latest.yaml", f"{versions[-1]}.yaml")


def _check_current(current: Path, title: str, newest: str, sources: _Sources) -> Iterator[Problem]:
    try:
        source = read_yaml(current)
    except ValueError as error:
        yield Problem(current, str(error))
        return
    expected = f"/{title}/{newest}"
    if source.get("$id") != expected:
        yield Problem(
            current,
            f"$id is {source.get('$id')!r} but the newest released version is {expected}; "
            "run: allotment schemas materialize",
        )
        return
    try:
        text = to_yaml(sources.materialized(expected))
    except (MaterializeError, LookupError) as error:
        yield Problem(current, str(error))
        return
    released = current.parent / f"{newest}.yaml"
    if released.read_text("utf-8") != text:
        yield Problem(
            released, f"is not what {CURRENT} gives; raise the version in its $id, then materialize"
        )


def _check_link(link: Path, target: str) -> Iterator[Problem]:
    if not link.is_symlink() or str(link.readlink()) != target:
        yield Problem(link, f"must be a symlink to {target}; run: allotment schemas materialize")


def _check_version(file: Path, title: str, version: str) -> Iterator[Problem]:
    try:
        schema = read_yaml(file)
    except ValueError as error:
        yield Problem(file, str(error))
        return
    if schema.get("title") != title:
        yield Problem(file, f"title is {schema.get('title')!r}; its folder says {title!r}")
    if schema.get("$id") != f"/{title}/{version}":
        yield Problem(file, f"$id is {schema.get('$id')!r}; expected '/{title}/{version}'")
    if schema.get("$schema") != _METASCHEMA:
        yield Problem(file, f"$schema is {schema.get('$schema')!r}; expected {_METASCHEMA!r}")
    for at, node in walk(schema):
        for message in _check_node(node):
            yield Problem(file, f"{at or '/'}: {message}")
    yield from _check_examples(file, schema)


def _check_node(node: JsonSchema) -> Iterator[str]:
    kind = node.get("type")
    if not isinstance(kind, str) or kind not in _PLAIN_TYPES:
        yield f"type is {kind!r}; give exactly one type"
    if "$ref" in node or "allOf" in node:
        yield "a released version has no $ref and no allOf"
    yield from _check_names(node)
    if kind == "array" and not isinstance(node.get("items"), dict):
        yield "an array says what its items are"
    if kind == "object" and not ("properties" in node or "additionalProperties" in node):
        yield "an object says what its properties are"
    if kind in ("integer", "number"):  # a tuple: it may be a list
        yield from _check_bounds(node)
    if ("format" in node or "pattern" in node) and "maxLength" not in node:
        yield "a text with a format or a pattern has a maxLength"


def _check_names(node: JsonSchema) -> Iterator[str]:
    properties = node.get("properties", {})
    for name in properties:
        if not _SNAKE_CASE.fullmatch(name):
            yield f"property {name!r} is not snake_case"
    for name in node.get("required", []):
        if name not in properties:
            yield f"required property {name!r} is not described"


def _check_bounds(node: JsonSchema) -> Iterator[str]:
    low, high = node.get("minimum"), node.get("maximum")
    if low is None or high is None or low < -SAFE_INTEGER or high > SAFE_INTEGER:
        yield f"a number has bounds within ±{SAFE_INTEGER}; they are {low} and {high}"


def _check_examples(file: Path, schema: dict[str, Any]) -> Iterator[Problem]:
    body = {key: item for key, item in schema.items() if key not in {"$id", "$schema"}}
    try:
        validator = jsonschema_rs.Draft7Validator(
            body, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, ValueError) as error:
        yield Problem(file, f"is no valid draft-07 schema: {error}")
        return
    examples = schema.get("examples")
    if not isinstance(examples, list) or not examples:
        yield Problem(file, "has no example")
        return
    for place, example in enumerate(examples):
        for violation in validator.iter_errors(example):
            yield Problem(file, f"/examples/{place}: {violation.message}")
        named = example.get("$schema") if isinstance(example, dict) else None
        if "$schema" in schema.get("properties", {}) and named != schema.get("$id"):
            yield Problem(file, f"/examples/{place}: its $schema is {named!r}, not the $id")
