"""The schema repository: finds a schema by the `$schema` that an event names, and by nothing else.

Several folders form one namespace. A uri is `/title/major.minor.patch`, all of it literal: no
suffix, no `..`, no address with a scheme. It is looked up among the files that the last look at the
folders found, so nothing outside them can be read, nothing is ever fetched, and an unknown uri
costs no look at the disk.

A released version never changes. One that was loaded is served as it was loaded for as long as the
process lives; a file that was changed or taken away since is a problem that is told, no reason to
hold events to something else than before.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from allotment.contract.schema_files import (
    SEMVER,
    TITLE,
    Key,
    Look,
    VersionFile,
    look,
    merged,
    parse_schema,
    version_key,
)
from allotment.contract.well_formed import malformed

_URI: Final = re.compile(f"/(?P<title>{TITLE.pattern})/(?P<version>{SEMVER.pattern})", re.ASCII)
_LONGEST_URI: Final = 512
_SETTLED_SECONDS: Final = 1.0
"""A file that was changed so recently may still be written; it is taken at a later look."""


class SchemaNotFoundError(LookupError):
    """No schema of that uri; the message says what was asked for and where it was looked for."""


class SchemaUnusableError(SchemaNotFoundError):
    """There is a file of that uri, but no event can be held to it; the message says why."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One released version of a schema, materialised. `body` is shared: never change it."""

    title: str
    version: str
    body: dict[str, Any]

    @property
    def uri(self) -> str:
        """What an event that follows this schema has as its `$schema`."""
        return f"/{self.title}/{self.version}"


def shipped_repository() -> Path:
    """The folder of the schemas that come with Allotment."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parents[1] / "schemas"


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A version as it was read, and the digest of the file that it was read from."""

    schema: Schema
    digest: bytes


class SchemaRepository:
    """Reads schemas from folders, and remembers them. Safe to use from several threads."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """No path at all means the shipped repository. Of two equal uris the first folder wins."""
        self._paths = tuple(paths) or (shipped_repository(),)
        self._reading = threading.Lock()
        self._looking = threading.RLock()
        self._looks: tuple[Look, ...] | None = None
        self._index: Mapping[str, Mapping[str, VersionFile]] = {}
        self._loaded: dict[str, _Loaded] = {}
        self._unusable: dict[str, tuple[VersionFile, str]] = {}
        self._altered: dict[str, str] = {}
        self._gone: dict[str, str] = {}

    def load(self, uri: str) -> Schema:
        """The schema of a uri such as `/analytics/product_metrics/web/base/1.3.0`.

        Raises:
            SchemaNotFoundError: the uri has another form, or names nothing in the folders.
            SchemaUnusableError: it names a file that cannot be used.
        """
        held = self._loaded.get(uri)
        if held is not None:
            return held.schema
        match = _URI.fullmatch(uri) if len(uri) <= _LONGEST_URI else None
        if match is None:
            raise _not_known(uri, "give /title/major.minor.patch, as in the schema's $id")
        title, version = match["title"], match["version"]
        file = self._files().get(title, {}).get(version)
        if file is None:
            known = self.versions(title)
            raise _not_known(
                uri,
                f"{title} has versions {', '.join(known)}"
                if known
                else "no such title in the schema repository",
            )
        return self._read_once(uri, (title, version), file).schema

    def titles(self) -> list[str]:
        """Every title that has a released version, in order."""
        return sorted(title for title in self._files() if TITLE.fullmatch(title))

    def versions(self, title: str) -> list[str]:
        """The released versions of a title, oldest first; empty where the title is not known."""
        return sorted(self._files().get(title, ()), key=version_key)

    def latest(self, title: str) -> Schema:
        """The newest released version of a title that can be used.

        Raises:
            SchemaNotFoundError: the title is not known, or none of its versions can be used.
        """
        first: SchemaNotFoundError | None = None
        for version in reversed(self.versions(title)):
            try:
                return self.load(f"/{title}/{version}")
            except SchemaNotFoundError as error:
                first = first or error
        if first is not None:
            raise first
        raise SchemaNotFoundError(f"schema title {title!r} is not in the schema repository")

    def refresh(self) -> bool:
        """Look at the folders again; whether anything changed since the last look.

        Cheap where nothing did: names, sizes and times of files are looked at, not contents. New
        files are read, so that `problems` tells of those that cannot be used. Never raises.
        """
        with self._looking:
            held = self._looks
            if held is None:
                self._files()
                return False
            told = self.problems
            fresh = tuple(
                self._settled(before, look(path))
                for path, before in zip(self._paths, held, strict=True)
            )
            if fresh == held:
                return told != self.problems
            before, after = self._index, merged(fresh)
            for title, versions in after.items():
                for version, file in versions.items():
                    known = before.get(title, {}).get(version)
                    if known != file:
                        self._take_up((title, version), file)
            self._looks, self._index = fresh, after
            return True

    def examine(self) -> None:
        """Read every version that was not read yet, only to know which ones cannot be used."""
        for title, versions in self._files().items():
            for version, file in versions.items():
                uri = f"/{title}/{version}"
                if uri not in self._loaded and uri not in self._unusable:
                    found = _read((title, version), file)
                    if isinstance(found, str):
                        self._unusable[uri] = (file, found)

    @property
    def problems(self) -> list[str]:
        """What is wrong with the files, as far as they were read: one sentence each, in order."""
        folders = [one.problem for one in self._looks or () if one.problem]
        unusable = [why for _, why in list(self._unusable.values())]
        return [*folders, *sorted({*unusable, *self._altered.values(), *self._gone.values()})]

    def _files(self) -> Mapping[str, Mapping[str, VersionFile]]:
        """The versions that the last look found, by title; takes the first look."""
        if self._looks is None:
            with self._looking:
                if self._looks is None:
                    looks = tuple(look(path) for path in self._paths)
                    self._index = merged(looks)
                    self._looks = looks
        return self._index

    def _settled(self, held: Look, fresh: Look) -> Look:
        """A fresh look without the files that may still be written, and with what must not go.

        A folder that cannot be looked at just now has not lost its files, and a version that was
        loaded stays.
        """
        if fresh.problem is not None:
            return Look(held.files, fresh.problem)
        now = time.time_ns()
        files: dict[Key, VersionFile] = {}
        for key, file in fresh.files.items():
            before = held.files.get(key)
            self._gone.pop(_uri(key), None)
            if before == file or not 0 <= now - file.changed < _SETTLED_SECONDS * 1e9:
                files[key] = file
            elif before is not None:
                files[key] = before
        for key, file in held.files.items():
            uri = _uri(key)
            if key in fresh.files:
                continue
            if uri in self._loaded:
                files[key] = file
                self._gone[uri] = (
                    f"{file.path}: was taken away after it was released; {uri} is served on as it"
                    " was until the next start"
                )
            else:
                self._unusable.pop(uri, None)
        return Look(files)

    def _take_up(self, key: Key, file: VersionFile) -> None:
        """Read a file that is new or was changed."""
        uri = _uri(key)
        held = self._loaded.get(uri)
        if held is None:
            try:
                self._read_once(uri, key, file)
            except SchemaUnusableError:
                return  # `problems` tells of it
            return
        try:
            same = sha256(Path(file.path).read_bytes()).digest() == held.digest
        except OSError:
            same = False
        if same:
            self._altered.pop(uri, None)
        else:
            self._altered[uri] = (
                f"{file.path}: was changed after it was released; {uri} is served on as it was"
                " until the next start. Put it back, and release a new version"
            )

    def _read_once(self, uri: str, key: Key, file: VersionFile) -> _Loaded:
        """Read a file, but one that several threads ask for only once."""
        with self._reading:
            held = self._loaded.get(uri)
            if held is not None:
                return held
            known = self._unusable.get(uri)
            found = known[1] if known and known[0] == file else _read(key, file)
            if isinstance(found, str):
                self._unusable[uri] = (file, found)
                raise SchemaUnusableError(f"schema {uri!r} cannot be used: {found}")
            self._unusable.pop(uri, None)
            self._loaded[uri] = found
            return found


def _uri(key: Key) -> str:
    return f"/{key[0]}/{key[1]}"


def _not_known(uri: str, why: str) -> SchemaNotFoundError:
    return SchemaNotFoundError(f"schema {uri[:_LONGEST_URI]!r} is not known: {why}")


def _read(key: Key, file: VersionFile) -> _Loaded | str:
    """A version's file, or why no event can be held to it."""
    title, version = key
    uri = _uri(key)
    try:
        path = Path(file.path)
        text = path.read_bytes()
        body = parse_schema(path, text)
    except (OSError, ValueError) as error:
        return str(error)
    if body.get("$id") != uri:
        return f"{file.path}: has $id {body.get('$id')!r}; it must be {uri!r}"
    if body.get("title") != title:
        return f"{file.path}: has title {body.get('title')!r}; it must be {title!r}"
    found = malformed(body)
    if found:
        return f"{file.path}: {found[0]}"
    return _Loaded(Schema(title, version, body), sha256(text).digest())
