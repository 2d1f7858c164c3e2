"""Writes two schema repositories as other people keep theirs: hundreds of versions, made by a seed.

The layout and the mix of keywords are those of public event schema repositories: legacy titles with
type unions, camel case and draft-04, fragments that are included across repositories, maps, bounds
beyond what a double holds, a misspelt keyword, JSON copies, links, and settings that skip rules.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from allotment.contract.materialize import materialize

Node = dict[str, Any]
DRAFT_07: Final = "https://json-schema.org/draft-07/schema#"
DRAFT_04: Final = "http://json-schema.org/draft-04/schema#"
_WORDS: Final = [
    "page",
    "user",
    "edit",
    "search",
    "token",
    "action",
    "source",
    "count",
    "state",
    "reason",
    "rank",
    "panel",
]
_LEGACY: Final = "analytics/legacy"


class Repositories:
    """The two folders and what is in them."""

    def __init__(self, root: Path, titles: int = 120, seed: int = 20) -> None:
        self.random = random.Random(seed)
        self.primary, self.secondary = root / "primary", root / "secondary"
        self.released: dict[str, Node] = {}
        self._folders: dict[str, Path] = {}
        self._fragments = self._write_fragments(max(4, titles // 10))
        for number in range(titles - len(self._fragments)):
            self._write_title(number)
        _write_settings(self.primary, content_types=["yaml", "json"], skips={})
        _write_settings(self.secondary, content_types=["yaml"], skips=_SKIPS)

    @property
    def paths(self) -> list[Path]:
        """As the settings name them."""
        return [self.primary, self.secondary]

    def _write_fragments(self, number: int) -> list[str]:
        common = "fragment/common"
        self._release(self.primary, [_common("1.0.0"), _common("2.0.0")], types=("yaml", "json"))
        found = [common]
        for n in range(number - 1):
            title = f"fragment/{_WORDS[n % len(_WORDS)]}/part_{n}"
            root = self.primary if n % 2 else self.secondary
            first = _head(title, "1.0.0")
            first["properties"] = self._fields(4, prefix=f"p{n}_")
            second = self._next(first, "1.1.0")
            self._release(root, [first, second])
            found.append(title)
        return found

    def _write_title(self, number: int) -> None:
        kind = number % 6
        legacy = kind == 0
        word = _WORDS[number % len(_WORDS)]
        title = f"{_LEGACY}/{word}{number}" if legacy else f"analytics/{word}/stream_{number}"
        root = self.primary if kind == 5 else self.secondary
        first = _head(title, "1.0.0")
        first["additionalProperties"] = False
        draw = self.random
        included = draw.sample(self._fragments[1:], k=draw.randint(0, 2))
        first["allOf"] = [
            {"$ref": "/fragment/common/2.0.0#"},
            *({"$ref": f"/{name}/{draw.choice(['1.0.0', '1.1.0'])}"} for name in included),
            {"properties": self._fields(draw.randint(3, 9), legacy=legacy), "required": ["dt"]},
        ]
        if legacy and number % 12 == 0:
            first["$schema"] = DRAFT_04
        versions = [first]
        for step in range(draw.randint(2, 5)):
            major, minor, patch = versions[-1]["$id"].rpartition("/")[2].split(".")
            version = draw.choice(
                [f"{major}.{int(minor) + 1}.0", f"{major}.{minor}.{int(patch) + 1}"]
            )
            if step == 2:
                version = f"{int(major) + 1}.0.0"
            versions.append(self._next(versions[-1], version, legacy=legacy))
        self._release(root, versions, examples=number % 3)

    def _next(self, source: Node, version: str, *, legacy: bool = False) -> Node:
        fresh = copy.deepcopy(source)
        fresh["$id"] = f"/{source['title']}/{version}"
        owner = fresh["allOf"][-1]["properties"] if "allOf" in fresh else fresh["properties"]
        mark = source["title"].rpartition("_")[2] if "part_" in source["title"] else "v"
        prefix = "_".join([f"n{mark}", *version.split(".")])
        owner.update(self._fields(1, prefix=prefix, legacy=legacy))
        return fresh

    def _fields(self, number: int, *, prefix: str = "", legacy: bool = False) -> Node:
        found: Node = {}
        for n in range(number):
            name = "_".join(filter(None, [prefix, self.random.choice(_WORDS), str(n)]))
            if legacy:
                first, *others = name.split("_")
                name = first + "".join(word.title() for word in others)
            kinds = [*_KINDS, *(_LEGACY_KINDS if legacy else ())]
            node = copy.deepcopy(self.random.choice(kinds)(self.random))
            found[name] = {"description": f'Says $what: "{name}", isn\'t it?', **node}
        return found

    def _release(
        self,
        root: Path,
        versions: list[Node],
        types: tuple[str, ...] | None = None,
        examples: int = 2,
    ) -> None:
        """Write versions: with the examples of `current` (0, 1), or with none there (2)."""
        folder = root / "jsonschema" / versions[0]["title"]
        folder.mkdir(parents=True)
        types = types or (("yaml", "json") if root == self.primary else ("yaml",))
        for source in versions:
            flat = materialize(source, self.released.__getitem__)
            if not source["title"].startswith("fragment/"):
                made = example(flat)
                flat["examples"] = [{**made, "$schema": source["$id"]}]
                named = source["$id"] if examples == 1 else {"$ref": "#/$id"}
                if examples != 2:
                    source["examples"] = [{**made, "$schema": named}]
            self.released[source["$id"]] = flat
            version = source["$id"].rpartition("/")[2]
            _write_version(folder, version, _shuffled(flat, self.random), types)
        (folder / "current.yaml").write_text("# edited by hand\n" + _yaml(versions[-1]))
        newest = versions[-1]["$id"].rpartition("/")[2]
        (folder / "latest").symlink_to(f"{newest}.yaml")
        for kind in types:
            (folder / f"latest.{kind}").symlink_to(f"{newest}.{kind}")


def _write_version(folder: Path, version: str, body: Node, types: tuple[str, ...]) -> None:
    for kind in types:
        text = json.dumps(body, indent=2) if kind == "json" else _yaml(body)
        (folder / f"{version}.{kind}").write_text(text)
    (folder / version).symlink_to(f"{version}.{types[0]}")


def _yaml(body: Node) -> str:
    text = yaml.dump(body, Dumper=yaml.CSafeDumper, sort_keys=False, width=78)
    return str(text)


def _shuffled(node: Any, draw: random.Random) -> Any:  # noqa: ANN401 -- any JSON
    """The same with its keys in another order."""
    if isinstance(node, list):
        return [_shuffled(item, draw) for item in node]
    if isinstance(node, dict):
        names = draw.sample(list(node), k=len(node))
        return {name: _shuffled(node[name], draw) for name in names}
    return node


def _write_settings(root: Path, content_types: list[str], skips: dict[str, list[str]]) -> None:
    (root / ".jsonschema-tools.yaml").write_text(
        yaml.safe_dump(
            {
                "schemaBasePath": "./jsonschema/",
                "schemaBaseUris": ["./jsonschema/", "https://schema.example/primary/jsonschema/"],
                "contentTypes": content_types,
                "logLevel": "info",
                "shouldGenerateExample": True,
                "skipSchemaTestCases": skips,
            }
        )
    )
    (root / "README.md").write_text("# Schemas\n")
    (root / "package.json").write_text('{"name": "schemas"}')


_SKIPS: Final = {
    f"/{_LEGACY}/.*": ["schema-snake-case-properties", "schema-deterministic-types"],
    f"/{_LEGACY}/[a-z]+[0-9]+/": ["schema-enforced-numeric-bounds"],
}


def _head(title: str, version: str) -> Node:
    return {
        "title": title,
        "description": f"Events of {title}.\nTwo lines: with a colon.\n",
        "$id": f"/{title}/{version}",
        "$schema": DRAFT_07,
        "type": "object",
    }


def _common(version: str) -> Node:
    text: Node = {"type": "string"}
    made = {
        **_head("fragment/common", version),
        "required": ["$schema", "meta"],
        "properties": {
            "$schema": {**text, "description": "A URI"},
            "dt": {**text, "format": "date-time", "maxLength": 128},
            "meta": {
                "type": "object",
                "required": ["dt", "stream"],
                "properties": {
                    "dt": {**text, "format": "date-time", "maxLength": 128},
                    "stream": {**text, "minLength": 1},
                    "id": text,
                    "uri": {**text, "format": "uri-reference", "maxLength": 8192},
                    "domain": {**text, "minLength": 1},
                },
            },
        },
    }
    if version == "2.0.0":
        made["properties"]["http"] = {
            "type": "object",
            "properties": {
                "status_code": {"type": "integer"},
                "request_headers": {"type": "object", "additionalProperties": text},
            },
        }
    return copy.deepcopy(made)


_Kind = Callable[[random.Random], Node]
_KINDS: Final[tuple[_Kind, ...]] = (
    lambda _: {"type": "string"},
    lambda r: {"type": "string", "minLength": r.randint(1, 3), "maxLength": r.randint(5, 64)},
    lambda _: {"type": "string", "mexLength": 64},
    lambda _: {"type": "string", "enum": ["one", "two", "Three 3", "on", "1"]},
    lambda _: {"type": "string", "pattern": "^[0-9a-z]{20}$", "minLength": 20, "maxLength": 20},
    lambda _: {"type": "string", "pattern": r"\d+:\w", "maxLength": 64},
    lambda _: {"type": "string", "format": "date-time", "maxLength": 128},
    lambda _: {"type": "string", "format": "uri-reference", "maxLength": 1024},
    lambda _: {"type": "string", "format": "date", "maxLength": 10},
    lambda _: {"type": "string", "default": "unknown"},
    lambda _: {"type": "boolean", "default": False},
    lambda _: {"type": "boolean"},
    lambda _: {"type": "integer"},
    lambda r: {"type": "integer", "minimum": -r.randint(0, 9), "maximum": r.randint(10, 500)},
    lambda _: {"type": "integer", "enum": [1, 2, 300]},
    lambda _: {"type": "number", "minimum": 0, "maximum": 1},
    lambda _: {"type": "number", "minimum": 0.5, "maximum": 1e15},
    lambda _: {"type": "array", "items": {"type": "string", "minLength": 1}},
    lambda _: {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
    lambda _: {
        "type": "array",
        "minItems": 1,
        "maxItems": 3,
        "uniqueItems": True,
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "rank": {"type": "number"},
                "shown": {"type": "boolean", "default": True},
            },
        },
    },
    lambda _: {
        "type": "object",
        "additionalProperties": False,
        "required": ["id"],
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "title": {"type": "string", "minLength": 1},
            "kind": {"type": "string", "default": "none"},
        },
    },
    lambda _: {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
    lambda _: {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 3,
        "propertyNames": {"type": "string", "pattern": "^[a-z.]+$", "maxLength": 8},
        "additionalProperties": {"type": "integer"},
    },
    lambda _: {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "required": ["role"],
            "properties": {"role": {"type": "string"}, "size": {"type": "integer"}},
            "additionalProperties": {"type": "object", "additionalProperties": {"type": "boolean"}},
        },
    },
)
_LEGACY_KINDS: Final[tuple[_Kind, ...]] = (
    lambda _: {"type": ["string", "null"], "maxLength": 5},
    lambda _: {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
    lambda _: {"type": ["object", "string"], "properties": {"a": {"type": "string"}}},
    lambda _: {"type": "string", "enum": ["a", "b", None]},
    lambda _: {"type": "integer", "maximum": 9223372036854775807, "minimum": 0},
)


def example(node: Node) -> Any:  # noqa: ANN401 -- any JSON
    """A value that a schema of this repository takes."""
    if "enum" in node:
        return node["enum"][0]
    kind = node["type"] if isinstance(node["type"], str) else node["type"][0]
    if kind == "object":
        made = {name: example(child) for name, child in node.get("properties", {}).items()}
        further = node.get("additionalProperties")
        return {**made, "key.a": example(further)} if isinstance(further, dict) else made
    if kind == "array":
        return [example(node["items"])]
    if kind == "string":
        return _text(node)
    if kind == "boolean":
        return True
    return max(node.get("minimum", 1), min(1, node.get("maximum", 1)))


def _text(node: Node) -> str:
    by_format = {"date-time": "2021-01-01T00:00:00.0Z", "date": "2021-01-01"}
    if node.get("format") in by_format:
        return by_format[node["format"]]
    if node.get("pattern") == r"\d+:\w":
        return "12:x"
    length: int = max(node.get("minLength", 1), 1)
    return "a" * length
