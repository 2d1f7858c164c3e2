"""What is said to people: constant words, marked for translation, and the values in them apart.

A `Text` is its English and is used as any other string is; it also knows the words and values that
it was made of, so that whoever shows it to people can say it in their language. Nothing here knows
another language than English: `tools/messages.py` finds the words that `said` and `counted` mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol


class Language(Protocol):
    """How a language says what texts are made of."""

    def words(self, english: str) -> str:
        """Constant words, with the places of values as they are."""

    def count(self, one: str, many: str, number: int) -> str:
        """The words that a number asks for."""

    def number(self, many: int) -> str:
        """A whole number, its thousands apart."""

    def share(self, rate: float) -> str:
        """A share from 0 to 1 in percent."""

    def moment(self, when: datetime) -> str:
        """A time with its zone."""


class Text(str):
    """An English text that can be said in another language; made by the functions below."""

    __slots__ = ()

    def in_language(self, language: Language) -> str:
        """The same in a language; values that are no texts stay as they are."""
        raise NotImplementedError

    def kept(self) -> dict[str, Any]:
        """How it is made, as plain values for JSON; `again` reads it."""
        raise NotImplementedError

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies, which are made of the same."""
        return again, (self.kept(),)


Value = str | int
"""What can stand in a text: a name or number as it is, or a text that has words of its own."""


def said(words: str, /, **values: Value) -> Text:
    """A text of constant words; `%(name)s` in them is the place of the value of that name.

    Where there are no values, a sign of percent is one; else it is written twice.
    """
    if not values:
        return _CONSTANT.get(words) or _constant(words)
    text = _Said(words % values)
    text.words, text.values = words, values
    return text


def counted(one: str, many: str, count: int, /, **values: Value) -> Text:
    """A text whose words depend on a number, which has the place `%(count)s` in them."""
    text = _Counted((one if count == 1 else many) % {**values, "count": count})
    text.one, text.many, text.number, text.values = one, many, count, values
    return text


def sentences(*texts: str) -> Text:
    """Texts one after the other; empty ones are left out."""
    found = [text for text in texts if text]
    if len(found) == 1 and isinstance(found[0], Text):
        return found[0]
    return joined(" ", tuple(found))


def number(many: int) -> Text:
    """A large number as people read it: `1,048,576`."""
    text = _Number(f"{many:,}")
    text.many = many
    return text


def percent(rate: float) -> Text:
    """A share as people read it: `0.125` → `12.5%`."""
    text = _Share(f"{rate * 100:.10g}%")
    text.rate = rate
    return text


def moment(when: datetime) -> Text:
    """A time as people read it: `22 Nov 2026, 09:00 UTC`; it must be in UTC."""
    text = _Moment(f"{when:%d %b %Y, %H:%M} UTC")
    text.when = when
    return text


def enumerated(names: Iterable[str]) -> Text:
    """Names with commas between them."""
    return joined(", ", tuple(names))


def joined(between: str, parts: tuple[str, ...]) -> Text:
    """Texts and names with something between them that is the same in every language."""
    text = _Joined(between.join(parts))
    text.between, text.parts = between, parts
    return text


def again(kept: object) -> Text:
    """The text that `Text.kept` gave; a plain string is one that nobody can translate.

    Raises:
        KeyError, TypeError, ValueError: it is another document.
    """
    if not isinstance(kept, Mapping):
        return _made_of(str(kept))
    if "number" in kept:
        return number(int(kept["number"]))
    if "share" in kept:
        return percent(float(kept["share"]))
    if "moment" in kept:
        return moment(datetime.fromisoformat(kept["moment"]))
    if "parts" in kept:
        return joined(str(kept["between"]), tuple(_part(part) for part in kept["parts"]))
    values = {str(name): _value(value) for name, value in kept["values"].items()}
    words = str(kept["words"])
    if "many" in kept:
        return counted(words, str(kept["many"]), int(kept["count"]), **values)
    return said(words, **values) if values else _made_of(words)


def _value(kept: object) -> Value:
    return kept if isinstance(kept, str | int) else again(kept)


def _part(kept: object) -> str:
    return kept if isinstance(kept, str) else again(kept)


def _kept(value: Value) -> object:
    return value.kept() if isinstance(value, Text) else value


def _told(value: Value, language: Language) -> Value:
    return value.in_language(language) if isinstance(value, Text) else value


class _Said(Text):
    __slots__ = ("values", "words")
    words: str
    values: Mapping[str, Value]

    def in_language(self, language: Language) -> str:
        return _filled(language.words(self.words), self.values, language)

    def kept(self) -> dict[str, Any]:
        return {"words": self.words, "values": {n: _kept(v) for n, v in self.values.items()}}


class _Counted(Text):
    __slots__ = ("many", "number", "one", "values")
    one: str
    many: str
    number: int
    values: Mapping[str, Value]

    def in_language(self, language: Language) -> str:
        words = language.count(self.one, self.many, self.number)
        return _filled(words, {**self.values, "count": self.number}, language)

    def kept(self) -> dict[str, Any]:
        values = {name: _kept(value) for name, value in self.values.items()}
        return {"words": self.one, "many": self.many, "count": self.number, "values": values}


class _Joined(Text):
    __slots__ = ("between", "parts")
    between: str
    parts: tuple[str, ...]

    def in_language(self, language: Language) -> str:
        return self.between.join(str(_told(part, language)) for part in self.parts)

    def kept(self) -> dict[str, Any]:
        return {"between": self.between, "parts": [_kept(part) for part in self.parts]}


class _Number(Text):
    __slots__ = ("many",)
    many: int

    def in_language(self, language: Language) -> str:
        return language.number(self.many)

    def kept(self) -> dict[str, Any]:
        return {"number": self.many}


class _Share(Text):
    __slots__ = ("rate",)
    rate: float

    def in_language(self, language: Language) -> str:
        return language.share(self.rate)

    def kept(self) -> dict[str, Any]:
        return {"share": self.rate}


class _Moment(Text):
    __slots__ = ("when",)
    when: datetime

    def in_language(self, language: Language) -> str:
        return language.moment(self.when)

    def kept(self) -> dict[str, Any]:
        return {"moment": self.when.isoformat()}


def _filled(words: str, values: Mapping[str, Value], language: Language) -> str:
    if not values:
        return words
    return words % {name: _told(value, language) for name, value in values.items()}


def _made_of(words: str) -> Text:
    text = _Said(words)
    text.words, text.values = words, {}
    return text


def _constant(words: str) -> Text:
    return _CONSTANT.setdefault(words, _made_of(words))


_CONSTANT: Final[dict[str, Text]] = {}
"""Texts without values, each made once: most of what findings say is always the same."""
NOTHING: Final = joined("", ())
"""The text that is empty."""
