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
# Every alternative begins and ends at once, so that the whole is gone through in linear time.
# What JSON writes for a new line ends with a letter that is none of an address.
_SIX: Final = re.compile(
    r"(?:(?<!\w)|(?<=\\[bfnrt]))[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?!\w)", re.ASCII
)
_PERCENT_SIX: Final = re.compile(
    r"(?<![0-9A-Za-z%])[0-9A-Fa-f]{0,4}(?:%3[Aa][0-9A-Fa-f]{0,4}){2,8}(?![0-9A-Za-z])", re.ASCII
)
_NOBODYS: Final = ("127.", "0.0.0.0")  # noqa: S104 -- nothing is bound to it


def mask_addresses(text: str) -> str:
    """The text with `masked:address` in the place of every IPv4 and IPv6 address.

    Pure and linear in time; a text that was masked before stays as it is.
    """
    if "." in text:
        text = _FOUR.sub(_four, text)
    if ":" in text:
        text = _SIX.sub(_six, text)
    if "%3" in text:
        text = _PERCENT_SIX.sub(_percent_six, text)
    return text


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
