"""The generated pages about the client libraries: what each language offers, from its sources.

Python is looked at where it is imported; PHP and JavaScript say it themselves, by a program of
their own, so their pages can be made only where PHP, and Node with the client's tools, are there.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools import api_python
from tools.api_shapes import Entry, Item, Member, Words

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
PHP_CLASSES = (
    "Client",
    "WebRequest",
    "Visitor",
    "ExperimentHandle",
    "InstrumentHandle",
    "Membership",
    "PageHead",
    "CookieIds",
    "EdgeEnrollments",
    "Coordinator",
    "Configuration\\ConfigurationSource",
    "Configuration\\Store",
    "Configuration\\FileStore",
    "Configuration\\MemoryStore",
    "Configuration\\Psr6Store",
    "Configuration\\StoreProblem",
    "Delivery\\Delivery",
    "Delivery\\DeliveryCounts",
    "Http\\Transport",
    "Http\\Answer",
    "Http\\SocketTransport",
    "Http\\Psr18Transport",
    "Http\\TransportProblem",
    "Json",
    "Allocation\\ExperimentReader",
    "Allocation\\Experiment",
    "Allocation\\Allocation",
    "Allocation\\Reason",
    "Allocation\\Law",
    "Allocation\\Overrides",
    "Allocation\\IdentifierType",
    "Allocation\\ConfigError",
)
HEADS = {
    "python": ("Python API", "python-sdk.md", "Python SDK"),
    "php": ("PHP API", "php-client.md", "PHP client"),
    "javascript": ("JavaScript API", "javascript-client.md", "JavaScript client"),
}


def page_of(language: str) -> Path:
    """Where a language's page stands."""
    return REFERENCE / f"{language}-api.md"


@functools.cache
def entries(language: str) -> list[Entry]:
    """What a language offers.

    Raises:
        FileNotFoundError: the program that must say it is not installed.
        subprocess.CalledProcessError: it failed.
    """
    if language == "python":
        return api_python.entries()
    command = {
        "php": ["php", "tools/read_php_api.php", *PHP_CLASSES],
        "javascript": ["node", "tools/read_js_api.mjs"],
    }[language]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [
        Entry(entry["name"], tuple(_item(language, item) for item in entry["items"]))
        for entry in json.loads(done.stdout)
    ]


def text_of(language: str, found: list[Entry]) -> str:
    """The page of a language."""
    title, by_hand, words = HEADS[language]
    lines = [
        f"# {title}",
        "",
        "Made from the sources by `tools/write_reference.py`: public names, their arguments, and",
        f"what they do. How the parts fit together, the page of the [{words}]({by_hand}) tells.",
        "",
    ]
    seen: dict[str, str] = {}
    for entry in found:
        lines += [f"## `{entry.name}`", ""]
        again: list[str] = []
        for item in entry.items:
            block = list(_block(item))
            where = seen.setdefault("\n".join(block), entry.name)
            if where == entry.name:
                lines += block
            else:
                again.append(f"`{item.name}`")
        if again:
            lines += [f"Also, as above: {', '.join(again)}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _block(item: Item) -> Iterator[str]:
    yield f"### `{item.name}`"
    yield ""
    if item.signature != item.name:
        yield "```text"
        yield item.signature
        yield "```"
        yield ""
    if item.words.text:
        yield item.words.text
        yield ""
    listed = [*_said(item.words), *(_member(member) for member in item.members)]
    yield from listed
    if listed:
        yield ""


def _said(words: Words) -> Iterator[str]:
    for name, text in words.parameters:
        yield f"- *{name}*: {text}"
    if words.returns:
        yield f"- gives: {words.returns}"
    for name, text in words.raises:
        yield f"- raises `{name}`{f': {text}' if text else ''}"


def _member(member: Member) -> str:
    words = member.words
    parts = [" ".join(words.text.split())] if words.text else []
    parts += [f"*{name}*: {text}." for name, text in words.parameters]
    if words.returns:
        parts.append(f"Gives {words.returns}.")
    parts += [f"Raises `{name}`{f': {text}' if text else ''}." for name, text in words.raises]
    told = re.sub(r"([.:;!?])\.(?=\s|$)", r"\1", " ".join(parts))
    return f"- `{member.signature}`" + (f": {told}" if told else "")


def _item(language: str, found: dict[str, Any]) -> Item:
    words = _js_words if language == "javascript" else _php_words
    members = tuple(
        Member(member["name"], member["signature"], words(member)) for member in found["members"]
    )
    return Item(found["name"], found["kind"], found["signature"], words(found), members)


def _js_words(found: dict[str, Any]) -> Words:
    parameters, raises, returns = [], [], ""
    for tag in found["tags"]:
        text = _plain(tag["text"])
        if tag["name"] == "param":
            name, _, said = text.partition(" ")
            parameters.append((name.lstrip("_"), said.lstrip("- ")))
        elif tag["name"] == "throws":
            name, _, said = text.partition(" ")
            raises.append((name, said))
        elif tag["name"] == "returns":
            returns = text
    return Words(_linked(found["text"]), tuple(parameters), returns, tuple(raises))


def _php_words(found: dict[str, Any]) -> Words:
    text, *tags = re.split(r"^@", found["text"], flags=re.MULTILINE)
    parameters, raises, returns = [], [], ""
    for tag in tags:
        kind, _, rest = _plain(tag).partition(" ")
        if kind == "param":
            match = re.match(r".*?\$(\w+) ?(.*)", rest)
            # A parameter without words stands in the signature already.
            if match and match[2]:
                parameters.append((f"${match[1]}", match[2]))
        elif kind == "return":
            returns = _after_type(rest)
        elif kind == "var":
            text += _after_type(rest)
        elif kind == "throws":
            name, _, said = rest.partition(" ")
            raises.append((name.removeprefix("\\"), said))
    return Words(text.strip(), tuple(parameters), returns, tuple(raises))


def _after_type(text: str) -> str:
    """What follows a type, which may have blanks between brackets."""
    depth = 0
    for index, character in enumerate(text):
        depth += (character in "<({[") - (character in ">)}]")
        if character == " " and depth == 0 and text[index - 1] not in ":,|":
            return text[index + 1 :]
    return ""


def _plain(text: str) -> str:
    return " ".join(_linked(text).split())


def _linked(text: str) -> str:
    return re.sub(r"\{@link (\w+)\}", r"`\1`", text)
