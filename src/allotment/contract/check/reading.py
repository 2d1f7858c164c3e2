"""YAML and JSON files as documents that know the line of every value.

YAML is read as JSON is: dates and `yes` are texts. Nothing of a file is ever run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from allotment.contract.check.entries import Origin, Path
from allotment.contract.check.findings import pointer

SUFFIXES: Final = (".yaml", ".yml", ".json")
_MOST_VALUES: Final = 500_000
_DEEPEST: Final = 64
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: Final = {"null": None, "~": None, "": None, "true": True, "false": False}


class FilesError(ValueError):
    """A file cannot be checked; the message names it and says why."""


def files_in(paths: Sequence[FilePath]) -> Iterator[FilePath]:
    """Files as they are named, and those in folders by name; hidden ones are passed over.

    Raises:
        FilesError: a folder holds none.
    """
    for path in paths:
        if path.is_dir():
            inner = files_below(path)
            if not inner:
                raise FilesError(f"{path} holds no {', '.join(SUFFIXES)} file")
            yield from inner
        else:
            yield path


def files_below(folder: FilePath) -> list[FilePath]:
    """The files in a folder by name; hidden ones are passed over."""
    return sorted(path for path in folder.rglob("*") if _is_meant(path, folder))


def _is_meant(path: FilePath, folder: FilePath) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix in SUFFIXES and not hidden and path.is_file()


@dataclass
class Document:
    """One document of a file: its value, the line of each pointer, and keys given twice."""

    path: FilePath
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    repeated: list[Path] = field(default_factory=list)
    count: int = 0

    def origin(self, at: Path) -> Origin:
        """Where the entry at a path came from, with pointers relative to it."""
        depth = len(at)
        lines = {pointer(p[depth:]): line for p, line in self.lines.items() if p[:depth] == at}
        repeated = tuple(p[depth:] for p in self.repeated if p[:depth] == at and len(p) > depth)
        return Origin(self.path.as_posix(), lines, repeated)


def documents_in(path: FilePath) -> Iterator[Document]:
    """The documents of a file; YAML may hold several.

    Raises:
        FilesError: it cannot be read.
    """
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".json":
            document = Document(path, json.loads(text))
            _note_lines(document, text)
            yield document
            return
        for node in yaml.compose_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if node is not None:
                document = Document(path)
                document.value = _value(node, document, ())
                yield document
    except OSError as error:
        raise FilesError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise FilesError(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def _note_lines(document: Document, text: str) -> None:
    """Lines for JSON, which all but always is YAML too; a file without lines is no harm."""
    try:
        node = yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if node is not None:
            _value(node, document, ())
    except (yaml.YAMLError, ValueError, RecursionError):
        document.lines.clear()


def _value(node: yaml.Node, document: Document, at: Path) -> Any:  # noqa: ANN401 - any JSON
    document.count += 1
    if document.count > _MOST_VALUES or len(at) > _DEEPEST:
        raise ValueError(f"more than {_MOST_VALUES} values, or deeper than {_DEEPEST} levels")
    document.lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_value(inner, document, (*at, n)) for n, inner in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, inner in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            document.lines[(*at, name)] = key.start_mark.line + 1
            if name in found:
                document.repeated.append((*at, name))
            found[name] = _value(inner, document, (*at, name))
        return found
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:  # noqa: ANN401 - any JSON scalar
    text = str(node.value)
    quoted = getattr(node, "style", None)  # in quotes or a block: a text
    return text if quoted else plain_scalar(text)


def plain_scalar(text: str) -> Any:  # noqa: ANN401 - any JSON scalar
    """What a text means that stands without quotes: a JSON number or word, else itself."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
