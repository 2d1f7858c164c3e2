"""Says what the Python SDK offers, by looking at it: modules, public names, and their words."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from tools.api_shapes import Entry, Item, Member, Words

_SECTIONS = re.compile(r"^(Args|Returns|Raises|Yields|Example):\n", re.MULTILINE)
_OF_PYTEST = "allotment.sdk.testing.fixtures"
MODULES = {
    "allotment.sdk": None,
    "allotment.sdk.asgi": ("page_head",),
    "allotment.sdk.django": ("AllotmentMiddleware", "client", "page_head", "template_context"),
    "allotment.sdk.openfeature": ("AllotmentProvider",),
    "allotment.sdk.testing": None,
    _OF_PYTEST: ("allotment", "allotment_client"),
    "allotment.allocation": None,
}
"""The public modules, each with its public names; None: those that it lists in `__all__`."""


def entries() -> list[Entry]:
    """The public modules, each with what it did not take from one before."""
    seen: set[int] = set()
    found = []
    for path, names in MODULES.items():
        module = importlib.import_module(path)
        items = []
        for name in names or module.__all__:
            thing = getattr(module, name)
            if id(thing) not in seen:
                items.append(_item(name, thing, is_fixture=path == _OF_PYTEST))
            seen.add(id(thing))
        found.append(Entry(path, tuple(items)))
    return found


def _item(name: str, thing: Any, *, is_fixture: bool) -> Item:  # noqa: ANN401 - it may be anything
    if is_fixture:
        words = _words(inspect.unwrap(thing))
        return Item(name, "pytest fixture", name, words)
    if isinstance(thing, type) and issubclass(thing, enum.Enum):
        values = tuple(Member(one.name, f"{one.name} = {one.value!r}", Words("")) for one in thing)
        return Item(name, "enum", name, _words(thing), values)
    if isinstance(thing, type):
        return Item(name, "class", _made(name, thing), _words(thing), tuple(_members(thing)))
    return Item(name, "function", f"{name}{_signature(thing)}", _words(thing))


def _made(name: str, thing: type) -> str:
    if issubclass(thing, Exception):
        return name
    return f"{name}{_signature(thing)}".removesuffix(" -> None")


def _members(thing: type) -> Iterator[Member]:
    """Its public methods and properties, in the order of the source; not what it inherits."""
    for name, member in vars(thing).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            assert member.fget
            returns = inspect.signature(member.fget).return_annotation
            yield Member(name, f"{name}: {_type(returns)}", _words(member.fget))
        elif inspect.isfunction(member):
            before = "async " if inspect.iscoroutinefunction(member) else ""
            yield Member(name, f"{before}{name}{_signature(member, 'self')}", _words(member))


def _signature(thing: Any, without: str = "") -> str:  # noqa: ANN401 - it may be anything
    found = inspect.signature(thing)
    kept = [one for name, one in found.parameters.items() if name != without]
    return _type(str(found.replace(parameters=kept))).replace("<factory>", "...")


def _type(annotation: object) -> str:
    """An annotation as the source has it, without the paths of modules."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"\b(?:allotment|collections|datetime|pathlib|typing)\.(?:[a-z_]+\.)*", "", text)
    return re.sub(r"'([A-Za-z][^'=]*)'(?=[,)\]]| =| ->|$)", r"\1", text)


def _words(thing: Any) -> Words:  # noqa: ANN401 - it may be anything
    text = inspect.getdoc(thing) or ""
    # A dataclass without words gets its own signature for one.
    if isinstance(thing, type) and text.startswith(f"{thing.__name__}("):
        text = ""
    head, *rest = _SECTIONS.split(text)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    returns = sections.get("Returns") or sections.get("Yields") or ""
    return Words(
        head.strip(),
        tuple(_named(sections.get("Args", ""))),
        " ".join(returns.split()),
        tuple(_named(sections.get("Raises", ""))),
    )


def _named(section: str) -> Iterator[tuple[str, str]]:
    """`name: words`, each on lines of its own, the further ones indented more."""
    text = textwrap.dedent(section)
    for match in re.finditer(r"^(\w+): (.*(?:\n +.*)*)", text, re.MULTILINE):
        yield match[1], " ".join(match[2].split())
