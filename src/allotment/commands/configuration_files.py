"""Configuration as files: one YAML file for each thing, in a stable order and form.

A file holds `kind` and then the document of the management API. What a file does not say is read
as that API reads it. Where a file lies and what it is called does not matter; `export` puts new
ones into a folder for each kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import yaml

from allotment.contract.check.entries import Origin
from allotment.contract.check.findings import pointer
from allotment.contract.check.reading import (
    Document,
    FilesError,
    documents_in,
    files_below,
    plain_scalar,
)

FOLDERS: Final[Mapping[str, str]] = {
    "team": "teams",
    "layer": "layers",
    "site": "sites",
    "stream": "streams",
    "exception": "exceptions",
    "instrument": "instruments",
    "experiment": "experiments",
}
_WIDTH: Final = 100
_BREAKS: Final = frozenset("\r\x85\u2028\u2029\ufeff")
"""What YAML takes for an end of line, or for nothing, unless it is written as an escape."""
Key = tuple[str, str]


@dataclass(frozen=True)
class Filed:
    """A document that a file holds."""

    kind: str
    name: str
    document: dict[str, Any]
    origin: Origin

    @property
    def key(self) -> Key:
        """Kind and name."""
        return self.kind, self.name

    def place(self, field: str = "") -> str:
        """`file:line` of a field such as `groups.0.name`, or of what is nearest around it."""
        steps = [step for step in field.split(".") if step]
        for length in range(len(steps), -1, -1):
            line = self.origin.lines.get(pointer(tuple(steps[:length])))
            if line is not None:
                return f"{self.origin.file}:{line}"
        return self.origin.file


def name_of(kind: str, document: Mapping[str, Any]) -> str:
    """The name that a document gives itself; empty where it gives none."""
    if kind == "exception":
        item, site = document.get("item"), document.get("site")
        return f"{item}@{site}" if item and site else ""
    name = document.get("machine_name" if kind in {"instrument", "experiment"} else "name")
    return name if isinstance(name, str) else ""


def read_folder(folder: Path) -> dict[Key, Filed]:
    """Every document of the files in a folder, by kind and name.

    Raises:
        FilesError: a file cannot be read, holds something else, or two name the same thing.
    """
    found: dict[Key, Filed] = {}
    if not folder.is_dir():
        raise FilesError(f"{folder} is no folder; `allotment export {folder}` makes one")
    for path in files_below(folder):
        for document in documents_in(path):
            filed = _filed(document)
            if filed.key in found:
                raise FilesError(
                    f"{path} and {found[filed.key].origin.file} both hold the {filed.kind} "
                    f"{filed.name}; keep one"
                )
            found[filed.key] = filed
    return found


def _filed(document: Document) -> Filed:
    value, path = document.value, document.path
    if not isinstance(value, Mapping) or value.get("kind") not in FOLDERS:
        raise FilesError(
            f"{path} has no “kind” that is one of {', '.join(FOLDERS)}; keep other files elsewhere"
        )
    if document.repeated:
        twice = document.repeated[0]
        raise FilesError(
            f"{path}:{document.lines.get(twice, 1)}: “{twice[-1]}” stands twice; one of its values "
            "would be lost"
        )
    kind = str(value["kind"])
    body = {name: inner for name, inner in value.items() if name != "kind"}
    name = name_of(kind, body)
    if not name:
        raise FilesError(f"{path} does not say what the {kind} is called")
    return Filed(kind, name, body, document.origin(()))


def text_of(kind: str, document: Mapping[str, Any]) -> str:
    """The text of a file: the same for the same values, whoever writes it."""
    return yaml.dump(
        {"kind": kind, **document},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
    )


def new_path(folder: Path, kind: str, name: str) -> Path:
    """Where the file of a thing goes that has none yet."""
    plain = quote(name, safe="@")
    return folder / FOLDERS[kind] / f"{f'%2E{plain[1:]}' if plain.startswith('.') else plain}.yaml"


@dataclass(frozen=True)
class Exported:
    """What an export did: files written, files that said the same already, files of nothing."""

    written: tuple[Path, ...]
    kept: int
    stale: tuple[Filed, ...]


def write_folder(folder: Path, things: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Exported:
    """Write the file of each (kind, name, document); one that says the same stays as it is.

    Raises:
        FilesError: what lies in the folder cannot be read, or it cannot be written.
    """
    there = read_folder(folder) if folder.is_dir() else {}
    files: dict[str, int] = {}
    for one in there.values():
        files[one.origin.file] = files.get(one.origin.file, 0) + 1
    written, kept = [], 0
    left = dict(there)
    for kind, name, document in things:
        filed = there.get((kind, name))
        left.pop((kind, name), None)
        if filed is not None and filed.document == document:
            kept += 1
            continue
        if filed is not None and files[filed.origin.file] > 1:
            raise FilesError(f"{filed.origin.file} holds several things; give each its own file")
        known = filed is not None and not filed.origin.file.endswith(".json")
        path = Path(filed.origin.file) if filed and known else new_path(folder, kind, name)
        _write(path, text_of(kind, document))
        if filed and not known:
            Path(filed.origin.file).unlink()
        written.append(path)
    return Exported(tuple(written), kept, tuple(left.values()))


def _write(path: Path, text: str) -> None:
    """All of a file or nothing of it."""
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, "utf-8", newline="\n")
        beside.replace(path)
    except OSError as error:
        raise FilesError(f"{path} cannot be written: {error.strerror}") from error


class _Dumper(yaml.SafeDumper):
    """Writes what `contract.check.reading` reads: JSON's values, none by reference."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401 - any value
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - as the library has it
        del indentless
        super().increase_indent(flow, indentless=False)


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style: str | None = None
    trailing = any(line != line.rstrip() for line in text.split("\n"))
    if _BREAKS & set(text) or (trailing and "\n" in text):
        style = '"'  # where every such character is written as an escape
    elif "\n" in text:
        style = "|"
    elif plain_scalar(text) != text:
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _number_node(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    text = format(Decimal(repr(number)), "f")
    text = text if "." in text else f"{text}.0"
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _text_node)
_Dumper.add_representer(float, _number_node)
