"""What the generated reference knows of a client library, whatever its language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """A doc comment, with the sections that languages have in common apart."""

    text: str
    parameters: tuple[tuple[str, str], ...] = ()
    returns: str = ""
    raises: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A method, property or value of a class."""

    name: str
    signature: str
    words: Words


@dataclass(frozen=True, slots=True)
class Item:
    """A public name: a class, a function, a type."""

    name: str
    kind: str
    signature: str
    words: Words
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """What a site imports from: a module, a package."""

    name: str
    items: tuple[Item, ...]

    def names(self) -> set[str]:
        """Its public names, those of members after that of their class: `Client.visitor`."""
        return {item.name for item in self.items} | {
            f"{item.name}.{member.name}" for item in self.items for member in item.members
        }
