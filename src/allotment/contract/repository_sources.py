"""The hand-written schemas of several repositories as one namespace, and the versions they give."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from allotment.contract.materialize import JsonSchema, MaterializeError, materialize, to_yaml
from allotment.contract.repository_settings import RepositorySettings, repository_settings
from allotment.contract.schema_files import SEMVER, TITLE, read_yaml, version_key
from allotment.contract.schemas import SchemaNotFoundError, SchemaRepository


class Sources:
    """Reads every hand-written schema once; answers references between them, and to versions."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Never raises: a file that cannot be read is in `broken`, with the reason."""
        self.repositories = tuple(repository_settings(path) for path in paths)
        self.released = SchemaRepository(paths)
        self._by_uri: dict[str, tuple[JsonSchema, Path, RepositorySettings]] = {}
        self._by_file: dict[Path, JsonSchema] = {}
        self._done: dict[str, JsonSchema] = {}
        self._open: set[str] = set()
        self.broken: dict[Path, str] = {}
        for settings in self.repositories:
            for folder in folders(settings):
                self._take(settings, folder)

    def _take(self, settings: RepositorySettings, folder: Path) -> None:
        file = current_file(settings, folder)
        if file is None:
            return
        try:
            source = read_yaml(file)
        except (OSError, ValueError) as error:
            self.broken[file] = str(error)
            return
        self._by_file[file] = source
        self._by_uri.setdefault(str(source.get("$id")), (source, file, settings))

    def current(self, file: Path) -> JsonSchema | None:
        """What is written in a hand-written file; None where it cannot be read."""
        return self._by_file.get(file)

    def files(self) -> Iterator[tuple[Path, JsonSchema, RepositorySettings]]:
        """Every hand-written file that can be read, first repository first."""
        for settings in self.repositories:
            for folder in folders(settings):
                file = current_file(settings, folder)
                if file is not None and file in self._by_file:
                    yield file, self._by_file[file], settings

    def materialized(self, uri: str) -> JsonSchema:
        """What the hand-written file of a version gives, else the released version.

        Raises:
            LookupError: neither exists.
            MaterializeError: it cannot be materialised; the message names the file.
        """
        uri = uri.removesuffix(".yaml").removesuffix(".json")
        if uri in self._done:
            return self._done[uri]
        if uri not in self._by_uri:
            return self._version(uri)
        source, file, settings = self._by_uri[uri]
        if uri in self._open:
            raise MaterializeError(f"{uri} includes itself")
        self._open.add(uri)
        try:
            self._done[uri] = materialize(source, self.materialized, settings.bounds)
        except MaterializeError as error:
            raise MaterializeError(f"{file}: {error}") from error
        finally:
            self._open.discard(uri)
        return self._done[uri]

    def _version(self, uri: str) -> JsonSchema:
        try:
            return self.released.load(uri).body
        except SchemaNotFoundError as error:
            if uri.rpartition("/")[2] == "latest":
                raise LookupError("name a version: what is latest today is not tomorrow") from error
            raise LookupError(f"there is no schema {uri} ({error})") from error


def folders(settings: RepositorySettings) -> list[Path]:
    """Every folder of a repository that holds a version or a hand-written schema, in order."""
    found = []
    for place, below, names in os.walk(settings.folder):
        below[:] = sorted(n for n in below if not n.startswith(".") and n != "node_modules")
        if any(_is_schema(name, settings) for name in names):
            folder = Path(place)
            if not settings.ignores(f"/{folder.relative_to(settings.folder).as_posix()}"):
                found.append(folder)
    return found


def _is_schema(name: str, settings: RepositorySettings) -> bool:
    stem, _, extension = name.rpartition(".")
    return extension in {"yaml", "json"} and (
        stem == settings.current or SEMVER.fullmatch(stem) is not None
    )


def current_file(settings: RepositorySettings, folder: Path) -> Path | None:
    """The hand-written file of a folder."""
    for kind in settings.content_types:
        file = folder / f"{settings.current}.{kind}"
        if file.is_file():
            return file
    return None


def versions_in(folder: Path) -> list[str]:
    """The released versions in a folder, in whatever form, oldest first."""
    found = {
        stem
        for name in os.listdir(folder)  # noqa: PTH208 -- names only, and many folders
        for stem, _, extension in [name.rpartition(".")]
        if extension in {"yaml", "json"} and SEMVER.fullmatch(stem)
    }
    return sorted(found, key=version_key)


def same_schema(one: JsonSchema, other: JsonSchema) -> bool:
    """Whether two schemas say the same, however they are written."""
    return _canonical(one) == _canonical(other)


def _canonical(schema: JsonSchema) -> str:
    return json.dumps(_plain(schema), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:  # noqa: ANN401 -- any JSON
    """1.0 as 1, and what is required in one order."""
    if isinstance(value, dict):
        return {
            key: sorted(map(str, inner))
            if key == "required" and isinstance(inner, list)
            else _plain(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def gives(source: JsonSchema, materialized: JsonSchema, released: JsonSchema) -> bool:
    """Whether a hand-written schema gives a released version.

    Where it has no examples, the other tool makes one up for the version: that is no difference.
    """
    if "examples" not in source:
        released = {key: item for key, item in released.items() if key != "examples"}
    return same_schema(materialized, released)


def materialize_repository(paths: Sequence[Path], *, replace: bool = False) -> list[Path]:
    """Write the version and the links that each hand-written schema gives; return what was written.

    A released version does not change: where the file says something else, nothing is written at
    all, unless `replace` is set.

    Raises:
        MaterializeError: a schema cannot be materialised, or a released version would change.
    """
    sources = Sources(paths)
    for message in sources.broken.values():
        raise MaterializeError(message)
    planned: list[tuple[Path, str, RepositorySettings, JsonSchema]] = []
    for file, source, settings in sources.files():
        folder, version = file.parent, _version_of(source, file)
        body = sources.materialized(str(source["$id"]))
        fresh = False
        for kind in settings.content_types:
            target = folder / f"{version}.{kind}"
            if not target.exists():
                fresh = True
            elif not _is_given(source, body, target):
                if not replace:
                    raise MaterializeError(
                        f"{target} is released and {file.name} now gives something else; raise the "
                        f"version in the $id of {file}"
                    )
                fresh = True
        planned.append((folder, version, settings, body if fresh else {}))
    return [path for plan in planned for path in _write(*plan)]


def _is_given(source: JsonSchema, body: JsonSchema, target: Path) -> bool:
    try:
        return gives(source, body, read_yaml(target))
    except ValueError:
        return False


def _version_of(source: JsonSchema, file: Path) -> str:
    title, _, version = str(source.get("$id", "")).removeprefix("/").rpartition("/")
    if not SEMVER.fullmatch(version) or not TITLE.fullmatch(title):
        raise MaterializeError(f"{file}: $id is not a title and a version, such as /my/title/1.0.0")
    return version


def _write(
    folder: Path, version: str, settings: RepositorySettings, body: JsonSchema
) -> Iterator[Path]:
    for kind in settings.content_types if body else ():
        target = folder / f"{version}.{kind}"
        text = to_yaml(body) if kind == "yaml" else json.dumps(body, indent=2) + "\n"
        if not target.exists() or target.read_text("utf-8") != text:
            fresh = folder / f".{target.name}.new"
            fresh.write_text(text, "utf-8")
            fresh.replace(target)  # a reader sees all of it or nothing
            yield target
    for name, target_name in links(folder, version, settings).items():
        link = folder / name
        if link.is_symlink() and str(link.readlink()) == target_name:
            continue
        new = folder / f".{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(target_name)
        new.replace(link)
        yield link


def links(folder: Path, version: str, settings: RepositorySettings) -> dict[str, str]:
    """The links that belong to a version, and where each leads; `latest` only to the newest."""
    first = f"{version}.{settings.content_types[0]}"
    found = {version: first} if settings.links else {}
    if settings.latest and versions_in(folder)[-1:] in ([version], []):
        if settings.links:
            found["latest"] = first
        found |= {f"latest.{kind}": f"{version}.{kind}" for kind in settings.content_types}
    return found
