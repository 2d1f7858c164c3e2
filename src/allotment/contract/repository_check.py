"""Finds what is wrong with schema repositories, by named rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from allotment.contract.column_types import type_changes
from allotment.contract.compatibility import compare
from allotment.contract.materialize import JsonSchema, MaterializeError
from allotment.contract.repository_settings import RepositorySettings
from allotment.contract.repository_sources import (
    Sources,
    current_file,
    folders,
    gives,
    links,
    same_schema,
    versions_in,
)
from allotment.contract.schema_files import read_yaml
from allotment.contract.schema_rules import broken_rules
from allotment.contract.tables import tables_and_conflicts
from allotment.contract.well_formed import malformed

Progress = Callable[[int, int], None]
"""Told how many folders are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one file of a repository. `rule` is a name of `schema_rules.RULES`."""

    path: Path
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: [{self.rule}] {self.message}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found, and how much it looked at."""

    problems: tuple[Problem, ...]
    skipped: dict[str, int]
    """By rule, how many problems the settings leave out."""
    titles: int
    versions: int


@dataclass(frozen=True, slots=True)
class _Folder:
    """One title of one repository."""

    settings: RepositorySettings
    path: Path
    title: str
    versions: list[str]

    def uri(self, version: str) -> str:
        return f"/{self.title}/{version}"


def check_repository(paths: Sequence[Path], progress: Progress | None = None) -> Report:
    """Hold repositories, as one namespace, to all of `schema_rules.RULES`. Never raises.

    What the settings of a repository leave out for a version is counted, not told.
    """
    sources = Sources(paths)
    problems: list[Problem] = []
    skipped: Counter[str] = Counter()
    found = _folders(sources)
    first: dict[str, Path] = {}
    for settings in sources.repositories:
        if not settings.root.is_dir():
            rule = "structure-file-is-readable"
            problems.append(Problem(settings.root, rule, "there is no such folder"))
        for message in settings.problems:
            where = settings.file or settings.root
            problems.append(Problem(where, "structure-settings-are-readable", message))
    tables, conflicts = tables_and_conflicts(sources.released)
    with_table = frozenset(tables.values())
    for done, folder in enumerate(found):
        for uri, problem in _check_folder(folder, sources, first, with_table):
            if folder.settings.skips_rule(uri, problem.rule):
                skipped[problem.rule] += 1
            else:
                problems.append(problem)
        if progress is not None:
            progress(done + 1, len(found))
    for message, title in {why: title for title, why in conflicts.items()}.items():
        problems.append(Problem(first.get(title, paths[0]), "structure-one-table", message))
    versions = sum(len(folder.versions) for folder in found)
    return Report(tuple(problems), dict(sorted(skipped.items())), len(first), versions)


def _folders(sources: Sources) -> list[_Folder]:
    return [
        _Folder(settings, path, path.relative_to(settings.folder).as_posix(), versions_in(path))
        for settings in sources.repositories
        for path in folders(settings)
    ]


def _check_folder(
    folder: _Folder, sources: Sources, first: dict[str, Path], with_table: Container[str]
) -> Iterator[tuple[str, Problem]]:
    """Each problem with the `$id` of the version that it is about."""
    title_uri = f"/{folder.title}/"
    other = first.setdefault(folder.title, folder.path)
    if other != folder.path:
        message = f"the title is in {other} too; of a version in both, that one counts"
        yield title_uri, Problem(folder.path, "structure-one-namespace", message)
    bodies: dict[str, JsonSchema] = {}
    for version in folder.versions:
        for problem in _check_version(folder, version, bodies):
            yield folder.uri(version), problem
    newest = folder.versions[-1] if folder.versions else None
    for problem in _check_current(folder, sources, bodies):
        yield folder.uri(newest) if newest else title_uri, problem
    for version in folder.versions:
        for problem in _check_links(folder, version):
            yield folder.uri(version), problem
    yield from _check_compatibility(folder, bodies)
    if folder.title in with_table:
        yield from _check_columns(folder, bodies)


def _check_version(
    folder: _Folder, version: str, bodies: dict[str, JsonSchema]
) -> Iterator[Problem]:
    """One version in all its forms; what can be used of it goes into `bodies`."""
    for kind in ("yaml", "json"):
        file = folder.path / f"{version}.{kind}"
        if not file.exists():
            if kind in folder.settings.content_types:
                message = f"the settings want each version as {kind} too; there is no such file"
                yield Problem(file, "structure-content-types", message)
            continue
        try:
            body = read_yaml(file)
        except (OSError, ValueError) as error:
            yield Problem(file, "structure-file-is-readable", str(error))
            continue
        if version in bodies:
            if not same_schema(bodies[version], body):
                message = f"does not say the same as {version}.yaml"
                yield Problem(file, "structure-content-types", message)
            continue
        bodies[version] = body
        yield from _check_body(folder, version, file, body)


def _check_body(folder: _Folder, version: str, file: Path, body: JsonSchema) -> Iterator[Problem]:
    if body.get("title") != folder.title:
        message = f"title is {body.get('title')!r}; its folder says {folder.title!r}"
        yield Problem(file, "structure-folder-is-title", message)
    if body.get("$id") != folder.uri(version):
        message = f"$id is {body.get('$id')!r}; expected {folder.uri(version)!r}"
        yield Problem(file, "structure-id-is-path", message)
    for broken in broken_rules(body, folder.settings.bounds):
        yield Problem(file, broken.rule, str(broken))


def _check_current(
    folder: _Folder, sources: Sources, bodies: dict[str, JsonSchema]
) -> Iterator[Problem]:
    name = f"{folder.settings.current}.{folder.settings.content_types[0]}"
    file = current_file(folder.settings, folder.path)
    bare = folder.path / folder.settings.current
    if bare.exists():
        message = f"is not read; the hand-written schema is {name}"
        yield Problem(bare, "structure-current-exists", message)
    if file is None:
        yield Problem(folder.path, "structure-current-exists", f"there is no {name}")
        return
    if not folder.versions:
        message = "there is no released version; run: allotment schemas materialize"
        yield Problem(folder.path, "structure-current-exists", message)
        return
    source = sources.current(file)
    if source is None:
        yield Problem(file, "structure-file-is-readable", sources.broken[file])
        return
    newest = folder.versions[-1]
    if source.get("$id") != folder.uri(newest):
        message = (
            f"$id is {source.get('$id')!r} but the newest released version is "
            f"{folder.uri(newest)}; run: allotment schemas materialize"
        )
        yield Problem(file, "structure-current-is-newest", message)
        return
    try:
        body = sources.materialized(folder.uri(newest))
    except (MaterializeError, LookupError) as error:
        yield Problem(file, "structure-current-is-materialized", str(error))
        return
    if newest in bodies and not gives(source, body, bodies[newest]):
        message = f"is not what {file.name} gives; raise the version in its $id, then materialize"
        released = folder.path / f"{newest}.{folder.settings.content_types[0]}"
        yield Problem(released, "structure-current-is-materialized", message)


def _check_links(folder: _Folder, version: str) -> Iterator[Problem]:
    for name, target in links(folder.path, version, folder.settings).items():
        link = folder.path / name
        if not link.is_symlink() or link.resolve() != (folder.path / target).resolve():
            message = f"must be a symlink to {target}; run: allotment schemas materialize"
            yield Problem(link, "structure-links", message)


def _usable(folder: _Folder, bodies: dict[str, JsonSchema]) -> list[str]:
    known = [version for version in folder.versions if version in bodies]
    return [version for version in known if not malformed(bodies[version])]


def _check_columns(folder: _Folder, bodies: dict[str, JsonSchema]) -> Iterator[tuple[str, Problem]]:
    """Every version against all older ones, whatever their major: they share a table."""
    versions = ((version, bodies[version]) for version in _usable(folder, bodies))
    for change in type_changes(versions):
        file = folder.path / f"{change.version}.{folder.settings.content_types[0]}"
        rule = "schema-keeps-column-types"
        yield folder.uri(change.version), Problem(file, rule, str(change))


def _check_compatibility(
    folder: _Folder, bodies: dict[str, JsonSchema]
) -> Iterator[tuple[str, Problem]]:
    """Every version against all older ones of its major, so that no gap hides a break."""
    known = _usable(folder, bodies)
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
                    message = (
                        f"is not compatible with {known[old]} for an old {finding.side}: "
                        f"{finding}; raise the major version"
                    )
                    kind = folder.settings.content_types[0]
                    file = folder.path / f"{known[new]}.{kind}"
                    rule = "schema-version-compatibility"
                    yield folder.uri(known[new]), Problem(file, rule, message)
