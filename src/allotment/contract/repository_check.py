"""Writes the released versions of a schema repository, and checks a repository's rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allotment.contract.compatibility import compare
from allotment.contract.materialize import (
    JsonSchema,
    MaterializeError,
    materialize,
    to_yaml,
)
from allotment.contract.schema_files import SEMVER, read_yaml, version_key
from allotment.contract.schema_rules import METASCHEMA, broken_rules, is_draft_07
from allotment.contract.schemas import SchemaRepository
from allotment.contract.tables import TableNameError, event_tables

CURRENT: Final = "current.yaml"


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
    has one type per property, snake_case names, bounded numbers, and examples that validate; a
    version breaks no user of an older one of its major; no two titles share a table.
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
    yield from _check_compatibility(folder, versions)
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
    if schema.get("$schema") != METASCHEMA:
        yield Problem(file, f"$schema is {schema.get('$schema')!r}; expected {METASCHEMA!r}")
    for message in broken_rules(schema):
        yield Problem(file, message)


def _check_compatibility(folder: Path, versions: Sequence[str]) -> Iterator[Problem]:
    """Every version against all older ones of its major, so that no gap hides a break."""
    bodies = {}
    for version in versions:
        try:
            body = read_yaml(folder / f"{version}.yaml")
        except ValueError:
            continue  # the check of that version reports it, and the one that is no schema
        if is_draft_07(body):
            bodies[version] = body
    known = list(bodies)
    said: list[tuple[int, int, str]] = []
    for new in range(len(known)):
        for old in reversed(range(new)):
            if known[old].split(".")[0] != known[new].split(".")[0]:
                break
            for finding in compare(bodies[known[old]], bodies[known[new]]):
                key = f"{finding.path} {finding.kind} {finding.side}"
                within = any(old <= a and b <= new and k == key for a, b, k in said)
                if finding.breaks and not within:
                    said.append((old, new, key))
                    yield Problem(
                        folder / f"{known[new]}.yaml",
                        f"is not compatible with {known[old]} for an old {finding.side}: "
                        f"{finding}; raise the major version",
                    )
