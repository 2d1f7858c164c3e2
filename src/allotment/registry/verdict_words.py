"""The sentence of a verdict in the reader's language.

A report is kept in the lake with its sentence in English, as whoever asks for it elsewhere reads
it. Each form that the analysis writes is known here; one that is not stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.utils.formats import get_format
from django.utils.translation import gettext, gettext_noop

_FORMS = (
    gettext_noop("No event of this experiment has reached the lake yet."),
    gettext_noop(
        "The groups are not the size they should be (%(sizes)s), so there is no verdict; find out "
        "who is missing first."
    ),
    gettext_noop(
        "Click-through so far: %(rates)s. The ranges are valid at the end only; deciding earlier "
        "would mislead."
    ),
    gettext_noop(
        "It was stopped before its planned end, with click-through at %(rates)s. The ranges are "
        "valid at that end only, so they decide nothing."
    ),
    gettext_noop("There were too few events to compare: click-through is %(rates)s."),
    gettext_noop(
        "%(group)s is better: click-through is %(rate)s in %(same)s and %(other)s in %(control)s, "
        "a change of %(change)s, between %(low)s and %(high)s with %(confidence)s confidence."
    ),
    gettext_noop(
        "%(group)s is worse: click-through is %(rate)s in %(same)s and %(other)s in %(control)s, "
        "a change of %(change)s, between %(low)s and %(high)s with %(confidence)s confidence."
    ),
    gettext_noop(
        "No clear change: click-through is %(rate)s in %(same)s and %(other)s in %(control)s; the "
        "change is between %(low)s and %(high)s with %(confidence)s confidence."
    ),
)
_LISTED = frozenset({"sizes", "rates"})
_NAMES = frozenset({"group", "same", "control"})
_IN_GROUP = re.compile(r"(?P<number>[\d.,%]+|not known) in (?P<group>[^,]+)")
_NUMBER = re.compile("[+\u2212]?[\\d.,]*\\d%?")


def sentence(written: str) -> tuple[str, bool]:
    """The sentence in the reader's language, and whether it could be put into it."""
    for form in _FORMS:
        found = re.fullmatch(_pattern(form), written)
        if found:
            parts = {name: _part(name, text) for name, text in found.groupdict().items()}
            return gettext(form) % parts, True
    return written, False


def _pattern(form: str) -> str:
    """What a form looks like with its places filled."""
    return "".join(_pieces(form))


def _pieces(form: str) -> Iterator[str]:
    for index, piece in enumerate(re.split(r"%\((\w+)\)s", form)):
        yield f"(?P<{piece}>.+?)" if index % 2 else re.escape(piece)


def _part(name: str, text: str) -> str:
    if name in _LISTED:
        return ", ".join(_in_group(part) for part in text.split(", "))
    if name in _NAMES:
        return text
    if text == "not known":
        return gettext("not known")
    return _number(text) if _NUMBER.fullmatch(text) else text


def _in_group(text: str) -> str:
    found = _IN_GROUP.fullmatch(text)
    if found is None:
        return text
    number = gettext("not known") if found["number"] == "not known" else _number(found["number"])
    return gettext("%(number)s in %(group)s") % {"number": number, "group": found["group"]}


def _number(text: str) -> str:
    """An English number with the marks of the reader's language."""
    marks = {".": get_format("DECIMAL_SEPARATOR"), ",": get_format("THOUSAND_SEPARATOR")}
    return "".join(marks.get(letter, letter) for letter in text)
