"""Network addresses in texts, told by what they are: whatever parses as one gives way to one word.

Fields of any name may hold one (`ip`, `remote_addr`, a name of a client's own), and so may texts.
Four numbers are taken for an address although a version may look so. Left alone are those that are
nobody's: loopback, and what ends in `.0.0.0`, as the versions of browsers do.
"""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv6Address
from typing import Final

ADDRESS: Final = "masked:address"

_NUMBER: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|0?\d?\d|00\d)"
_FOUR: Final = re.compile(rf"(?<![\d.]){_NUMBER}(?:\.{_NUMBER}){{3}}(?![\d]|\.\d)", re.ASCII)
# What every address has within, found quickly: most texts have neither.
_IN_FOUR: Final = re.compile(r"\.\d{1,3}\.\d{1,3}\.\d", re.ASCII)
_IN_SIX: Final = re.compile(r":[0-9A-Fa-f]{0,4}:", re.ASCII)
_OF_SIX: Final = frozenset("0123456789abcdefABCDEF:")
_GROUPS: Final = 8
_PERCENT_SIX: Final = re.compile(
    r"(?<![0-9A-Za-z%])[0-9A-Fa-f]{0,4}(?:%3[Aa][0-9A-Fa-f]{0,4}){2,8}(?![0-9A-Za-z])", re.ASCII
)
_NOBODYS: Final = ("127.", "0.0.0.0")  # noqa: S104 -- nothing is bound to it


def mask_addresses(text: str) -> str:
    """The text with `masked:address` in the place of every IPv4 and IPv6 address.

    Pure and linear in time; a text that was masked before stays as it is.
    """
    if _IN_FOUR.search(text):
        text = _FOUR.sub(_four, text)
    if _IN_SIX.search(text):
        text = _sixes(text)
    if "%3" in text:
        text = _PERCENT_SIX.sub(_percent_six, text)
    return text


def _sixes(text: str) -> str:
    """The text with its IPv6 addresses masked: whole runs of their signs are looked at."""
    parts: list[str] = []
    done = last = 0
    for found in _IN_SIX.finditer(text):
        if found.start() < last:
            continue  # it belongs to the run before
        first, floor, last = found.start(), last, found.end()
        while first > floor and text[first - 1] in _OF_SIX:
            first -= 1
        while last < len(text) and text[last] in _OF_SIX:
            last += 1
        begin, end = _bounds(text, first, last)
        masked = _masked_six(text[begin:end])
        if masked != text[begin:end]:
            parts += (text[done:begin], masked)
            done = end
    return "".join((*parts, text[done:]))


def _bounds(text: str, first: int, last: int) -> tuple[int, int]:
    """Where in a run an address may be: no group at its ends may be a part of a word."""
    if first and text[first - 1] == "\\":
        first += 1  # the letter of what JSON writes for a sign, such as \b
    elif first and _is_word(text[first - 1]) and text[max(0, first - 2)] != "\\":
        first = text.index(":", first, last) + 1
    if last < len(text) and _is_word(text[last]):
        last = max(first, text.rindex(":", 0, last))
    return first, last


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def _four(found: re.Match[str]) -> str:
    text = found[0]
    return text if text.startswith(_NOBODYS) or text.endswith(".0.0.0") else ADDRESS


def _six(found: re.Match[str]) -> str:
    return _masked_six(found[0])


def _percent_six(found: re.Match[str]) -> str:
    text = found[0].upper().replace("%3A", ":")
    return found[0] if _masked_six(text) == text else ADDRESS


def _masked_six(text: str) -> str:
    """An address, perhaps with a colon of the text before or behind it, masked; else the text."""
    if "::" not in text and text.count(":") < _GROUPS - 1:
        return text
    for first in (0, 1):
        for last in (len(text), len(text) - 1):
            if text[:first].strip(":") or text[last:].strip(":"):
                continue
            with suppress(ValueError):
                address = IPv6Address(text[first:last])
                if address.is_loopback or address.is_unspecified:
                    return text
                return f"{text[:first]}{ADDRESS}{text[last:]}"
    return text
