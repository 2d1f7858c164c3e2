"""The schema repository: finds a schema by the `$schema` that an event names, and by nothing else.

Several folders form one namespace. A uri is `/title/major.minor.patch`, all of it literal: no
`latest`, no suffix, no `..`, no address with a scheme. So nothing outside the folders can be read
and nothing is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

SEMVER: Final = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)
_URI: Final = re.compile(
    r"/(?P<title>[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*)/(?P<version>" + SEMVER.pattern + ")", re.ASCII
)
_LONGEST_URI: Final = 512
_MOST_MISSES: Final = 1024


class SchemaNotFoundError(LookupError):
    """No schema of that uri; the message says what was asked for and where it was looked for."""


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


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which a date is text, as it is in JSON."""

    yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in found if not tag.endswith(":timestamp")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_yaml(path: Path) -> dict[str, Any]:
    """One schema file.

    Raises:
        ValueError: it is not YAML, or not a map.
        OSError: it cannot be read.
    """
    try:
        found = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 -- a safe loader
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: a schema is a map, not {type(found).__name__}")  # noqa: TRY004 -- of data, not of a call
    return found


def shipped_repository() -> Path:
    """The folder of the schemas that come with Allotment."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parents[1] / "schemas"


def version_key(version: str) -> tuple[int, int, int]:
    """Orders versions as numbers: 1.10.0 after 1.9.0."""
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch)


class SchemaRepository:
    """Reads schemas from folders; remembers them, since a released version never changes."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """No path at all means the shipped repository. Of two equal uris the first folder wins."""
        self._paths = tuple(paths) or (shipped_repository(),)
        self._loaded: dict[str, Schema] = {}
        self._miss = lru_cache(maxsize=_MOST_MISSES)(self._find)

    def load(self, uri: str) -> Schema:
        """The schema of a uri such as `/analytics/product_metrics/web/base/1.3.0`.

        Raises:
            SchemaNotFoundError: the uri has another form, or names nothing in the folders.
        """
        schema = self._loaded.get(uri)
        if schema is not None:
            return schema
        found = self._miss(uri) if len(uri) <= _LONGEST_URI else "it is too long"
        if isinstance(found, str):
            raise SchemaNotFoundError(f"schema {uri[:_LONGEST_URI]!r} is not known: {found}")
        self._loaded[uri] = found
        return found

    def _find(self, uri: str) -> Schema | str:
        """The schema, or why there is none. Remembered, so that a bad uri costs a lookup once."""
        match = _URI.fullmatch(uri)
        if match is None:
            return "give /title/major.minor.patch, as in the schema's $id"
        title, version = match["title"], match["version"]
        for path in self._paths:
            file = path / title / f"{version}.yaml"
            if file.is_file():
                body = read_yaml(file)
                if body.get("$id") != uri or body.get("title") != title:
                    return f"{title}/{version}.yaml has $id {body.get('$id')!r}; it must be the uri"
                return Schema(title, version, body)
        known = self.versions(title)
        if known:
            return f"{title} has versions {', '.join(known)}"
        return "no such title in the schema repository"

    def titles(self) -> list[str]:
        """Every title that has a released version, in order."""
        return sorted(
            {
                file.parent.relative_to(path).as_posix()
                for path in self._paths
                for file in path.rglob("*.yaml")
                if SEMVER.fullmatch(file.stem)
            }
        )

    def versions(self, title: str) -> list[str]:
        """The released versions of a title, oldest first; empty where the title is not known."""
        if _URI.fullmatch(f"/{title}/0.0.0") is None:
            return []
        found = {
            file.stem
            for path in self._paths
            for file in (path / title).glob("*.yaml")
            if SEMVER.fullmatch(file.stem)
        }
        return sorted(found, key=version_key)

    def latest(self, title: str) -> Schema:
        """The newest released version of a title.

        Raises:
            SchemaNotFoundError: the title is not known.
        """
        versions = self.versions(title)
        if not versions:
            raise SchemaNotFoundError(f"schema title {title!r} is not in the schema repository")
        return self.load(f"/{title}/{versions[-1]}")
