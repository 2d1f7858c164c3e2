"""The files of schema repositories: where they are, whether they changed, and how they are read.

A repository is a folder, or a folder with the repository's schemas below `jsonschema/`. In it,
`<title>/<version>.yaml` (or `.json`) is one released version. A look at all files reads names,
sizes and times, never contents, so that it can be taken every few seconds.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

SEMVER: Final = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)
TITLE: Final = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*", re.ASCII)
CONTENT_TYPES: Final = ("yaml", "json")
"""Extensions of version files; of two files of one version the first is read."""
SUB_FOLDER: Final = "jsonschema"
SETTINGS_FILES: Final = (".allotment-schemas.yaml", ".jsonschema-tools.yaml")
"""Ours first; the other is that of public event schema repositories."""
LARGEST_FILE: Final = 4 << 20
"""Bytes of a schema file; real ones have some ten thousand."""
MOST_LEVELS: Final = 64
MOST_PARTS: Final = 200_000
"""Values in a schema, large and small; real ones have some thousand."""

Key = tuple[str, str]
"""Title and version."""


@dataclass(frozen=True, slots=True)
class VersionFile:
    """One released version as a look finds it. Equal to another when nothing about it changed."""

    path: str
    size: int
    changed: int
    """Time of the last change, in nanoseconds since 1970."""
    inode: int


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a repository found."""

    files: dict[Key, VersionFile] = field(default_factory=dict)
    problem: str | None = None
    """Why the folder could not be looked at; `files` is then empty and says nothing."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2: only what JSON knows too. A date, `yes` and `on` are texts, a key comes once."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- the signature of the class above
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {twice!r} comes twice in a map", node.start_mark
            )
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


for _tag, _form, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(rf"(?:{_form})\Z", re.ASCII),
        ["" if sign == "\0" else sign for sign in _first],
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """One schema file, YAML or JSON.

    Raises:
        ValueError: it is neither, or not a map of what JSON knows, or too large; the message names
            the file.
        OSError: it cannot be read.
    """
    return parse_schema(path, path.read_bytes())


def parse_schema(path: Path, text: bytes) -> dict[str, Any]:
    """The map that a schema file's text holds.

    Raises:
        ValueError: as `read_yaml`.
    """
    if len(text) > LARGEST_FILE:
        raise ValueError(f"{path}: has {len(text)} bytes; a schema has at most {LARGEST_FILE}")
    kind = "JSON" if path.suffix == ".json" else "YAML"
    try:
        found = json.loads(text) if kind == "JSON" else yaml.load(text, Loader=_Loader)  # noqa: S506 -- a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not {kind}: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: a schema is a map, not {type(found).__name__}")  # noqa: TRY004 -- of data, not of a call
    odd = _why_not_json(found)
    if odd is not None:
        raise ValueError(f"{path}: {odd}")
    return found


def _why_not_json(schema: dict[str, Any]) -> str | None:
    """What YAML can say and JSON cannot, or what would take too long to look at; None if nothing.

    An alias stands for all that it names, so a short file can hold endlessly many parts.
    """
    level: list[object] = [schema]
    seen = depth = 0
    while level:
        seen += len(level)
        depth += 1
        if depth > MOST_LEVELS or seen > MOST_PARTS:
            return f"has more than {MOST_LEVELS} levels or {MOST_PARTS} parts"
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                for key in item:
                    if not isinstance(key, str):
                        return f"the key {key!r} is no text; write it in quotes"
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, float) and item - item != 0:
                return f"{item} is no number of JSON"
            elif item is not None and not isinstance(item, str | int | float):
                return f"a {type(item).__name__} is no value of JSON"
        level = below
    return None


def settings_file(repository: Path) -> Path | None:
    """The file at the top of a repository in which it says how it is laid out."""
    return next((file for name in SETTINGS_FILES if (file := repository / name).is_file()), None)


def schema_folder(repository: Path) -> Path:
    """Where in a repository its schemas are.

    That is the `schemaBasePath` of its settings file if it names a folder of the repository, else
    `jsonschema/` if there is that, else the top.
    """
    file = settings_file(repository)
    named = None
    if file is not None:
        try:
            status = file.stat()
            named = _base_path(file, status.st_mtime_ns, status.st_size)
        except OSError:
            named = None
    if named is not None:
        given = repository / named
        if given.is_dir() and given.resolve().is_relative_to(repository.resolve()):
            return given
    below = repository / SUB_FOLDER
    return below if below.is_dir() else repository


@lru_cache(maxsize=64)
def _base_path(file: Path, changed: int, size: int) -> str | None:
    """The `schemaBasePath` of a settings file; read again only when the file has changed."""
    del changed, size
    try:
        found = read_yaml(file).get("schemaBasePath")
    except (OSError, ValueError):
        return None
    return found if isinstance(found, str) else None


def version_key(version: str) -> tuple[int, int, int]:
    """Orders versions as numbers: 1.10.0 after 1.9.0."""
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch)


def look(repository: Path) -> Look:
    """Every released version in a repository, by title and version.

    A file that is a symlink is found only where it leads to a file inside the repository; folders
    that are symlinks, and names that begin with a dot, are passed over.
    """
    top = schema_folder(repository)
    files: dict[Key, VersionFile] = {}
    waiting = [(os.fspath(top), "")]
    try:
        while waiting:
            folder, title = waiting.pop()
            waiting += [
                (f"{folder}/{name}", f"{title}/{name}" if title else name)
                for name in _look_into(folder, title, repository, files)
            ]
    except OSError as error:
        return Look(problem=f"{top}: cannot be looked at: {error.strerror or error}")
    return Look(files)


def _look_into(
    folder: str, title: str, repository: Path, files: dict[Key, VersionFile]
) -> list[str]:
    """Add the version files of one folder; return the names of the folders in it."""
    below: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name[0] == ".":
                continue
            if entry.is_dir(follow_symlinks=False):
                below.append(name)
                continue
            stem, _, extension = name.rpartition(".")
            if extension not in CONTENT_TYPES or not SEMVER.fullmatch(stem):
                continue
            if entry.is_symlink() and not _stays_inside(entry.path, repository):
                continue
            held = files.get((title, stem))
            if held is not None and held.path.endswith(CONTENT_TYPES[0]):
                continue
            try:
                status = entry.stat()
            except FileNotFoundError:  # it went away since, or the symlink leads nowhere
                continue
            files[title, stem] = VersionFile(
                entry.path, status.st_size, status.st_mtime_ns, status.st_ino
            )
    return below


def _stays_inside(link: str, repository: Path) -> bool:
    return Path(link).resolve().is_relative_to(repository.resolve())


def merged(looks: Sequence[Look]) -> dict[str, dict[str, VersionFile]]:
    """All repositories as one namespace, by title and version; of two equal the first wins."""
    found: dict[str, dict[str, VersionFile]] = {}
    for one in looks:
        for (title, version), file in one.files.items():
            found.setdefault(title, {}).setdefault(version, file)
    return found
