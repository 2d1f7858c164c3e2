"""What a schema repository says about itself in a settings file at its top.

Ours is `.allotment-schemas.yaml`; where there is none, the `.jsonschema-tools.yaml` that public
event schema repositories have is read. Keys that only another tool needs are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from allotment.contract.schema_files import (
    CONTENT_TYPES,
    SETTINGS_FILES,
    read_yaml,
    schema_folder,
    settings_file,
)
from allotment.contract.schema_rules import RULES, SAFE_BOUNDS, Bounds

FIXED: Final[Mapping[str, str]] = {"schemaTitleField": "title", "schemaVersionField": "$id"}
"""Keys of the other tool that have one value here."""


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """How one repository is laid out and which rules it leaves out."""

    root: Path
    """The repository."""
    folder: Path
    """Where in it the schemas are: `schemaBasePath`, else `jsonschema/` if there is that."""
    file: Path | None = None
    content_types: tuple[str, ...] = (CONTENT_TYPES[0],)
    """`contentTypes`: in which forms each version is written; links lead to the first."""
    current: str = "current"
    """`currentName`: the hand-written file, without its extension."""
    links: bool = True
    """`shouldSymlinkExtensionless`."""
    latest: bool = True
    """`shouldSymlinkLatest`."""
    bounds: Bounds = SAFE_BOUNDS
    """`enforcedNumericBounds`."""
    skips: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = ()
    """`skipSchemaTestCases`: patterns of `$id`s, and the rules that are left out for them."""
    ignored: tuple[re.Pattern[str], ...] = ()
    """`ignoreSchemas`: patterns of `$id`s of which nothing is checked or written."""
    problems: tuple[str, ...] = field(default=(), compare=False)
    """What in the file could not be understood; the default stands in its place."""

    def skips_rule(self, uri: str, rule: str) -> bool:
        """Whether a rule is left out for a version."""
        return any(rule in rules and pattern.search(uri) for pattern, rules in self.skips)

    def ignores(self, uri: str) -> bool:
        """Whether nothing is to be said of a version or a title."""
        return any(pattern.search(uri) for pattern in self.ignored)


def repository_settings(repository: Path) -> RepositorySettings:
    """The settings of a repository. Never raises; `problems` says what could not be read."""
    file, folder = settings_file(repository), schema_folder(repository)
    if file is None:
        return RepositorySettings(repository, folder)
    try:
        given = read_yaml(file) if file.read_bytes().strip() else {}
    except (OSError, ValueError) as error:
        return RepositorySettings(repository, folder, file, problems=(str(error),))
    return _Reader(repository, folder, file, given).settings()


class _Reader:
    """Takes the keys of a settings file one by one, and notes what they may not be."""

    def __init__(self, root: Path, folder: Path, file: Path, given: Mapping[str, Any]) -> None:
        self._root, self._folder, self._file, self._given = root, folder, file, given
        self._problems: list[str] = []

    def settings(self) -> RepositorySettings:
        for key, value in FIXED.items():
            if self._given.get(key, value) not in (value, [value]):
                self._note(key, f"only {value!r} is understood")
        return RepositorySettings(
            root=self._root,
            folder=self._base(),
            file=self._file,
            content_types=self._content_types(),
            current=self._name(),
            links=self._flag("shouldSymlinkExtensionless"),
            latest=self._flag("shouldSymlinkLatest"),
            bounds=self._bounds(),
            skips=tuple(self._skips()),
            ignored=tuple(self._patterns("ignoreSchemas", self._given.get("ignoreSchemas") or [])),
            problems=tuple(self._problems),
        )

    def _note(self, key: str, what: str) -> None:
        self._problems.append(f"{key}: {what}; it is {self._given.get(key)!r}")

    def _base(self) -> Path:
        given = self._given.get("schemaBasePath")
        if given is not None and (
            not isinstance(given, str) or (self._root / given).resolve() != self._folder.resolve()
        ):
            self._note("schemaBasePath", "give a folder of the repository")
        return self._folder

    def _content_types(self) -> tuple[str, ...]:
        # The other tool writes both where its file says nothing.
        otherwise = CONTENT_TYPES if self._file.name == SETTINGS_FILES[1] else CONTENT_TYPES[:1]
        given = self._given.get("contentTypes")
        if given is None:
            return otherwise
        if (
            not isinstance(given, list)
            or not given
            or not set(map(str, given)) <= set(CONTENT_TYPES)
        ):
            self._note("contentTypes", f"give a list of {' and '.join(CONTENT_TYPES)}")
            return otherwise
        return tuple(given)

    def _name(self) -> str:
        given = self._given.get("currentName", "current")
        if not isinstance(given, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", given):
            self._note("currentName", "give a file name without its extension")
            return "current"
        return given

    def _flag(self, key: str) -> bool:
        given = self._given.get(key, True)
        if not isinstance(given, bool):
            self._note(key, "give true or false")
            return True
        return given

    def _bounds(self) -> Bounds:
        given = self._given.get("enforcedNumericBounds")
        if given is None:
            return SAFE_BOUNDS
        numbers = isinstance(given, list) and all(type(n) in (int, float) for n in given)
        if not numbers or len(given) != len(SAFE_BOUNDS):
            self._note("enforcedNumericBounds", "give two numbers")
            return SAFE_BOUNDS
        return given[0], given[1]

    def _skips(self) -> Iterator[tuple[re.Pattern[str], frozenset[str]]]:
        key = "skipSchemaTestCases"
        given = self._given.get(key) or {}
        if not isinstance(given, dict):
            self._note(key, "give a map from patterns of $id to lists of rules")
            return
        for pattern, rules in given.items():
            named = [rules] if isinstance(rules, str) else rules
            if not isinstance(named, list):
                self._problems.append(f"{key}, {pattern!r}: give a list of rules")
                continue
            for rule in named:
                if rule not in RULES:
                    self._problems.append(f"{key}, {pattern!r}: {rule!r} is no rule")
            for compiled in self._patterns(key, [pattern]):
                yield compiled, frozenset(rule for rule in named if isinstance(rule, str))

    def _patterns(self, key: str, given: object) -> Iterator[re.Pattern[str]]:
        if not isinstance(given, list):
            self._note(key, "give a list of patterns")
            return
        for text in given:
            try:
                yield re.compile(text)
            except (re.error, TypeError) as error:
                self._problems.append(f"{key}, {text!r}: is no regular expression: {error}")
