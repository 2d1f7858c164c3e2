"""Gather what the registry's pages and the check say, and keep the catalogs in step with it.

`messages.py` brings every `locale/*/LC_MESSAGES/django.po` up to date and compiles it to the `.mo`
beside it; `messages.py fr` begins another language. What is new is left empty, what nobody says any
more goes. Nothing but Python and Django is needed: GNU gettext is not.
"""

from __future__ import annotations

import ast
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
REGISTRY = ROOT / "src" / "allotment" / "registry"
CONTRACT = ROOT / "src" / "allotment" / "contract"
LOCALE = REGISTRY / "locale"
# How many of the first arguments are texts; a `p` in the name sets a context before them.
_TEXTS = {"gettext": 1, "ngettext": 2, "pgettext": 1, "npgettext": 2}
_NAMED = ast.Name | ast.Attribute | ast.Subscript
# What a module calls the marks, by where it has them from.
_MARKS = {
    "django.utils.translation": {
        f"{name}{how}": name for name in _TEXTS for how in ("", "_lazy", "_noop")
    },
    "allotment.contract.texts": {"said": "gettext", "counted": "ngettext"},
}
_STRICT = {"allotment.contract.texts"}
"""There a text stands where it is said, so that none is made of others out of sight."""
_CALL = re.compile(r"\b(n?p?gettext|_)\(")
_PLURALS = {"de": "nplurals=2; plural=(n != 1);"}
_WHOLE = re.compile(r"nplurals=(\d+)")


class MessageError(ValueError):
    """A text cannot be gathered, or a catalog cannot be read; the message says where."""


@dataclass(frozen=True, order=True)
class Key:
    """What a catalog knows a text by."""

    text: str
    context: str = ""
    plural: str = ""


@dataclass(frozen=True)
class Entry:
    """A text in one language: one form, or as many as the language has for counts."""

    forms: tuple[str, ...] = ("",)
    places: tuple[str, ...] = ()
    fuzzy: bool = False

    @property
    def done(self) -> bool:
        """Whether it is translated wholly, and by a person who was sure."""
        return all(self.forms) and not self.fuzzy


@dataclass(frozen=True)
class Catalog:
    """One language: its header and its texts."""

    header: str
    entries: dict[Key, Entry] = field(default_factory=dict)

    @property
    def plurals(self) -> int:
        """How many forms a count has."""
        found = _WHOLE.search(self.header)
        return int(found[1]) if found else 2


def gather(*folders: Path) -> dict[Key, tuple[str, ...]]:
    """Every text that templates and code say, with the files that say it.

    Without folders those of the registry and of `contract`, whose findings pages show.

    Raises:
        MessageError: a text is put together where it is marked, so that nobody can translate it.
    """
    found: dict[Key, set[str]] = {}
    for folder in folders or (REGISTRY, CONTRACT):
        # A place is told from the registry's folder, which most of them are in.
        root = folder.parent if folder == CONTRACT else folder
        for path in sorted((*folder.rglob("*.html"), *folder.rglob("*.py"))):
            said = in_python(path) if path.suffix == ".py" else in_template(path.read_text())
            for key in said:
                found.setdefault(key, set()).add(path.relative_to(root).as_posix())
    return {key: tuple(sorted(places)) for key, places in sorted(found.items())}


def in_template(source: str) -> Iterator[Key]:
    """The texts of a template, as Django looks them up."""
    calls = templatize(source)
    for match in _CALL.finditer(calls):
        name = "gettext" if match[1] == "_" else match[1]
        tree = ast.parse(calls[match.start() : _end(calls, match.end())].strip(), mode="eval")
        if isinstance(tree.body, ast.Call):
            yield _key(name, tree.body, "a template")


def _end(source: str, start: int) -> int:
    """Where the call whose arguments begin at `start` ends."""
    place, quote = start, ""
    while quote or source[place] != ")":
        if quote and source[place] == "\\":
            place += 1
        elif source[place] == quote:
            quote = ""
        elif not quote and source[place] in "\"'":
            quote = source[place]
        place += 1
    return place + 1


def in_python(path: Path) -> Iterator[Key]:
    """The texts of a module.

    A name in place of a text is one that was marked elsewhere; what the check says has none such.
    """
    tree = ast.parse(path.read_text())
    names = _names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        name, strict = names.get(node.func.id, ("", False))
        if not name:
            continue
        named = any(isinstance(given, _NAMED) for given in node.args[: _wanted(name)])
        if strict or not named:
            yield _key(name, node, f"{path.name}, line {node.lineno}")


def _names(tree: ast.Module) -> dict[str, tuple[str, bool]]:
    """What a module calls the functions that translate, and whether they take texts alone."""
    return {
        alias.asname or alias.name: (_MARKS[node.module][alias.name], node.module in _STRICT)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in _MARKS
        for alias in node.names
        if alias.name in _MARKS[node.module]
    }


def _wanted(name: str) -> int:
    return _TEXTS[name] + ("p" in name.removesuffix("gettext"))


def _key(name: str, call: ast.Call, where: str) -> Key:
    wanted = _wanted(name)
    texts = [
        node.value
        for node in call.args[:wanted]
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    if len(texts) != wanted:
        raise MessageError(f"{where}: {name} takes texts as they stand, and placeholders in them")
    context = texts.pop(0) if "p" in name.removesuffix("gettext") else ""
    return Key(texts[0], context, texts[1] if len(texts) > 1 else "")


def read(path: Path) -> Catalog:
    """A catalog from its file.

    Raises:
        MessageError: a line is none of the format.
    """
    header, entries = "", {}
    for block in re.split(r"\n\s*\n", path.read_text()):
        lines = [line for line in block.splitlines() if line and not line.startswith("#~")]
        if not [line for line in lines if not line.startswith("#")]:
            continue
        parts = _parts(lines, path.name)
        count = sum(name.startswith("msgstr") for name in parts)
        if not parts.get("msgid"):
            header = parts.get("msgstr", "")
            continue
        plural = parts.get("msgid_plural", "")
        forms = [parts[f"msgstr[{n}]"] if plural else parts["msgstr"] for n in range(count)]
        fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in lines)
        places = tuple(line[3:] for line in lines if line.startswith("#: "))
        key = Key(parts["msgid"], parts.get("msgctxt", ""), plural)
        entries[key] = Entry(tuple(forms), places, fuzzy)
    return Catalog(header, entries)


def _parts(lines: list[str], name: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    word = ""
    for line in lines:
        if line.startswith("#"):
            continue
        match = re.fullmatch(r'(?:(msg\S+) )?(".*")', line.strip())
        if not match or not (match[1] or word):
            raise MessageError(f"{name}: {line!r} is no line of a catalog")
        word = match[1] or word
        parts[word] = parts.get(word, "") + str(ast.literal_eval(match[2]))
    return parts


def in_step(old: Catalog, said: dict[Key, tuple[str, ...]]) -> Catalog:
    """The catalog with exactly what is said now; what it had of that is kept."""
    entries = {}
    for key, places in said.items():
        empty = Entry(("",) * (old.plurals if key.plural else 1))
        entries[key] = replace(old.entries.get(key, empty), places=places)
    return Catalog(old.header, entries)


def written(catalog: Catalog) -> str:
    """The catalog as a file; the same catalog always gives the same file."""
    blocks = [f'msgid ""\nmsgstr ""\n{_header_lines(catalog.header)}']
    for key, entry in sorted(catalog.entries.items()):
        lines = [f"#: {place}" for place in entry.places]
        flags = ["fuzzy"] * entry.fuzzy + ["python-format"] * ("%(" in key.text)
        lines += [f"#, {', '.join(flags)}"] * bool(flags)
        lines += [f"msgctxt {_quoted(key.context)}"] * bool(key.context)
        lines.append(f"msgid {_quoted(key.text)}")
        if key.plural:
            lines.append(f"msgid_plural {_quoted(key.plural)}")
            lines += [f"msgstr[{n}] {_quoted(form)}" for n, form in enumerate(entry.forms)]
        else:
            lines.append(f"msgstr {_quoted(entry.forms[0])}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _header_lines(header: str) -> str:
    return "\n".join(_quoted(f"{line}\n") for line in header.splitlines())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def compiled(catalog: Catalog) -> bytes:
    """The catalog as gettext reads it (GNU gettext's manual, “The Format of GNU MO Files”)."""
    texts = {b"": catalog.header.encode()}
    for key, entry in catalog.entries.items():
        if entry.done:
            named = f"{key.context}\x04{key.text}" if key.context else key.text
            whole = f"{named}\0{key.plural}" if key.plural else named
            texts[whole.encode()] = "\0".join(entry.forms).encode()
    rows = sorted(texts.items())
    start = 28 + 16 * len(rows)
    ids = b"".join(text + b"\0" for text, _ in rows)
    tables, place = [], start
    for column in (0, 1):
        for row in rows:
            tables += [len(row[column]), place]
            place += len(row[column]) + 1
    head = struct.pack(
        f"<7I{len(tables)}I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, 0, *tables
    )
    return head + ids + b"".join(text + b"\0" for _, text in rows)


def _begun(language: str) -> Catalog:
    plural = _PLURALS.get(language, "nplurals=2; plural=(n != 1);")
    header = (
        "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n"
        f"Language: {language}\nPlural-Forms: {plural}\n"
    )
    return Catalog(header)


def main(languages: list[str]) -> None:
    """Bring the catalogs up to date, and begin those that are named and not there yet."""
    said = gather()
    known = {path.parent.parent.name for path in LOCALE.glob("*/LC_MESSAGES/django.po")}
    for language in sorted(known | set(languages)):
        path = LOCALE / language / "LC_MESSAGES" / "django.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        catalog = in_step(read(path) if path.exists() else _begun(language), said)
        path.write_text(written(catalog))
        path.with_suffix(".mo").write_bytes(compiled(catalog))
        lacking = sum(not entry.done for entry in catalog.entries.values())
        print(f"{language}: {len(catalog.entries)} texts, {lacking} to translate")


if __name__ == "__main__":
    main(sys.argv[1:])
