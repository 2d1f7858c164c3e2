"""What of an event nobody may read who only wants to know why it was refused.

Subject ids, user agents, cookies and credentials give way to `masked:` and twelve hexadecimal
digits of a keyed hash: equal values have equal masks, so that it can be seen that a thousand
refused events came from one subject, and without the key nobody can try values out. Network
addresses give way to one word for all, since four thousand million of them are soon tried with the
key at hand, and they are kept nowhere.

Fields are known by their names, at any depth, in any case and with or without hyphens: the events
here are those that keep to no schema. Texts that are not JSON, and texts within JSON, are gone
through with patterns that run in linear time. What is an address by its form is masked wherever it
stands.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Collection
from contextlib import suppress
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson

from allotment.contract.addresses import ADDRESS, mask_addresses

ADDRESS_HEADERS: Final = frozenset(
    {
        "cf-connecting-ip",
        "cf-connecting-ipv6",
        "fastly-client-ip",
        "forwarded",
        "forwarded-for",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-envoy-external-address",
        "x-forwarded",
        "x-forwarded-for",
        "x-original-forwarded-for",
        "x-real-ip",
    }
)
"""Where proxies and content networks put the address of who asked."""
SEALED: Final = "sealed"
"""Journal topic of what masks hide, by the id of the rejection; its table is nobody's to ask."""
MASK: Final = "masked:"
NO_IDS: Final = frozenset({"", "awaiting", "overridden"})
"""What stands in place of a subject id and names nobody."""

_KEY_BYTES: Final = 32
_DIGITS: Final = 12


class _Kind(Enum):
    ID = "id"
    PRIVATE = "private"
    ADDRESS = "address"


_NAMES: Final = {
    _Kind.ID: ("subject_id", "subject_ids", "x-experiment-enrollments"),
    _Kind.PRIVATE: (
        *("user-agent", "ua_string"),
        *("authorization", "proxy-authorization", "cookie", "set-cookie"),
    ),
    _Kind.ADDRESS: (*ADDRESS_HEADERS, "client_ip"),
}
_KINDS: Final[dict[str, _Kind]] = {
    name.replace("-", "").replace("_", ""): kind for kind, names in _NAMES.items() for name in names
}
_IN_LOWER_CASE: Final = re.compile(
    "|".join(
        re.sub("[-_]", "[-_]?", name)
        for name in sorted((n for names in _NAMES.values() for n in names), key=len, reverse=True)
    )
)
_TRACES: Final = tuple(
    name.encode() for name in _KINDS if not any(other in name for other in _KINDS if other != name)
)
"""In whatever holds one of the names without `-` and `_`, one of these can be found."""

# A quote may be escaped, as JSON within JSON has it, or percent-encoded, as forms do.
_QUOTE: Final = r"""(?:\\{0,8}["']|%2[27])"""
_TO_VALUE: Final = rf"{_QUOTE}?\s{{0,8}}(?:[:=]|%3[AaDd])\s{{0,8}}"
_QUOTED: Final = (
    r'"(?P<plain>(?:[^"\\]|\\.)*)'
    r"""|\\{1,8}["'](?P<escaped>[^"'\\]*)|'(?P<single>[^'\\]*)|%2[27](?P<percent>[^%"'&]*)"""
)
_WORD: Final = r"""(?P<bare>[^"'\\,;&{}\[\]\s%]+)"""
_LINE: Final = r"""(?P<bare>[^"'\\&{}\[\]\r\n]+)"""
_VALUES: Final = {
    _Kind.ID: re.compile(f"{_TO_VALUE}(?:{_QUOTED}|{_WORD})", re.DOTALL),
    _Kind.PRIVATE: re.compile(f"{_TO_VALUE}(?:{_QUOTED}|{_LINE})", re.DOTALL),
    _Kind.ADDRESS: re.compile(f"{_TO_VALUE}(?:{_QUOTED}|{_LINE})", re.DOTALL),
}
_GROUP: Final = re.compile(
    rf"{_TO_VALUE}{_QUOTE}?(?:\{{(?P<map>[^}}]*)|\[(?P<list>[^\]]*))",
)
_MEMBERS: Final = {
    "map": re.compile(rf"""(:\s{{0,8}}{_QUOTE}?)([^"'\\,:{{}}\s]+)"""),
    "list": re.compile(r"""()([^"'\\,\[\]\s]+)"""),
}


class Masker:
    """Masks with one lab's key. Pure; safe to use from several threads."""

    def __init__(self, key: bytes) -> None:
        """The same key gives the same masks: see `lab_key`."""
        self._key = key

    def event(self, event: Any, written: bytes) -> tuple[bytes, dict[str, str]]:  # noqa: ANN401 -- any JSON value
        """An event with masks, and what they hide.

        Args:
            event: the event; it stays as it is.
            written: the same as JSON text.

        Returns:
            The masked event as JSON text, and by JSON pointer (RFC 6901) each hidden value as JSON
            text, addresses left out.
        """
        if not _may_tell(written):
            # What an address is in the text as a whole is one in some value or name of it.
            text = written.decode()
            if mask_addresses(text) == text:
                return written, {}
        hidden: dict[str, str] = {}
        masked = self._walk(event, "", None, hidden)
        return orjson.dumps(masked), hidden

    def text(self, text: str) -> str:
        """A text with masks in the place of what follows a telling name, and of addresses.

        It may be anything; it need not be JSON, nor whole.
        """
        if _may_tell(text.encode("utf-8", "surrogatepass")):
            text = self._named(text, frozenset(_Kind))
        return mask_addresses(text)

    def mask(self, value: str) -> str:
        """The mask of one value; a mask stays as it is."""
        if value.startswith(MASK):
            return value
        digest = hmac.digest(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return MASK + digest.hex()[:_DIGITS]

    def _walk(self, node: Any, at: str, kind: _Kind | None, hidden: dict[str, str]) -> Any:  # noqa: ANN401 -- any JSON value
        if type(node) is dict:
            masked: dict[str, Any] = {}
            for name, inner in node.items():
                shown = mask_addresses(name)
                if shown != name:
                    shown = _fresh(shown, node.keys() | masked.keys())
                below = f"{at}/{_step(shown)}"
                masked[shown] = self._walk(inner, below, _kind(name) or kind, hidden)
            return masked
        if type(node) is list:
            return [self._walk(inner, f"{at}/{n}", kind, hidden) for n, inner in enumerate(node)]
        if kind is None:
            return self._leaf(node, at, hidden) if type(node) is str else node
        if node is None or type(node) is bool or node == "":
            return node
        if kind is _Kind.ADDRESS:
            return ADDRESS
        if kind is _Kind.ID and node in NO_IDS:
            return node
        written = orjson.dumps(node).decode()
        hidden[at] = written
        return self.mask(node if type(node) is str else written)

    def _leaf(self, text: str, at: str, hidden: dict[str, str]) -> str:
        """A text under a name that tells nothing; it may hold JSON itself."""
        masked = self.text(text)
        if masked not in {text, ADDRESS}:
            kept = mask_addresses(self._named(text, frozenset({_Kind.ADDRESS})))
            hidden[at] = orjson.dumps(kept).decode()
        return masked

    def _named(self, text: str, kinds: Collection[_Kind]) -> str:
        """The text with masks for the values of names of these kinds."""
        # Lower case in ASCII alone, so that every place stays where it is.
        lower = text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
        parts: list[str] = []
        done = 0
        for name in _IN_LOWER_CASE.finditer(lower):
            kind = _kind(name[0])
            if kind is None or kind not in kinds or name.start() < done:
                continue
            group = _GROUP.match(text, name.end()) if kind is _Kind.ID else None
            value = group or _VALUES[kind].match(text, name.end())
            if value is None:
                continue
            part = next(n for n, found in value.groupdict().items() if found is not None)
            parts += (text[done : value.start(part)], self._value(part, value[part], kind))
            done = value.end(part)
        return "".join((*parts, text[done:]))

    def _value(self, part: str, value: str, kind: _Kind) -> str:
        if part not in _MEMBERS:
            return self._masked(value, kind)
        return _MEMBERS[part].sub(lambda m: m[1] + self._masked(m[2], kind), value)

    def _masked(self, value: str, kind: _Kind) -> str:
        if value in NO_IDS or value in {"null", "true", "false"}:
            return value
        return ADDRESS if kind is _Kind.ADDRESS else self.mask(value)


def _may_tell(text: bytes) -> bool:
    """Whether some name may be in a text; quick, since this is asked of every refused event."""
    bare = text.replace(b"-", b"").replace(b"_", b"").lower()
    return any(trace in bare for trace in _TRACES)


@lru_cache(maxsize=1024)
def _kind(name: str) -> _Kind | None:
    return _KINDS.get(name.replace("-", "").replace("_", "").lower())


def _fresh(name: str, taken: Collection[str]) -> str:
    """The name, with a number where it is taken: no field may take the place of another."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def _step(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def lab_key(path: Path) -> bytes:
    """The lab's key for masks; made at the first call, for the lab's user alone to read.

    Raises:
        OSError: it can be neither read nor made.
    """
    with suppress(FileNotFoundError):
        return path.read_bytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(_KEY_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    # A worker that begins at the same moment may have been quicker: then its key is the lab's.
    with suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
    return path.read_bytes()
