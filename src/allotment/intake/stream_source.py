"""The stream configuration in force: asked from the registry, kept on disk, never emptied by error.

A thread asks every few seconds. What cannot be right (no answer, not JSON, no entries where there
were some) changes nothing: stale beats empty, and the age is shown.
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import orjson

from allotment.contract.streams import StreamConfig, parse_streams

TIMEOUT_SECONDS: Final = 2.0
FIRST_SECONDS: Final = 0.5
"""How often the registry is asked while nothing at all is known."""
_QUERY: Final = "/w/api.php?action=streamconfigs&format=json"
_LARGEST_ANSWER: Final = 32 << 20
_USER_AGENT: Final = "allotment-intake"
_VERSION_HEADER: Final = "X-Allotment-Config-Version"
_LEFT_OUT_HEADER: Final = "X-Allotment-Left-Out-Names"
_NOT_MODIFIED: Final = 304


class ConfigRefusedError(ValueError):
    """An answer that cannot be the configuration; the one in force stays."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """One configuration and where it comes from. Never changed; a new one takes its place."""

    streams: Mapping[str, StreamConfig] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    version: str | None = None
    etag: str | None = None
    confirmed: float | None = None
    """When the registry last said that this is the configuration, in Unix seconds."""
    problems: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether there is a configuration at all."""
        return self.document is not None

    def age(self, now: float) -> float | None:
        """Seconds since the registry last confirmed it."""
        return None if self.confirmed is None else max(0.0, now - self.confirmed)


class StreamSource:
    """Keeps `state` up to date until closed."""

    def __init__(self, registry_url: str, cache_file: Path, refresh_seconds: float) -> None:
        """Take the last good copy from disk, if there is one. `start` begins asking."""
        self._url = registry_url.rstrip("/") + _QUERY
        self._cache_file = cache_file
        self._refresh_seconds = refresh_seconds
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream configuration", daemon=True)
        self.last_error: str | None = None
        self.state = _from_cache(cache_file)

    def start(self) -> None:
        """Begin asking the registry."""
        self._thread.start()

    def close(self) -> None:
        """Stop asking; waits for an answer that is under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.refresh()
            first = min(FIRST_SECONDS, self._refresh_seconds)
            self._stop.wait(self._refresh_seconds if self.state.known else first)

    def refresh(self) -> None:
        """Ask once. Never raises; `last_error` says what went wrong."""
        try:
            self.state = self._fetch()
            self.last_error = None
        except (OSError, ValueError) as error:
            self.last_error = f"{self._url}: {error}"
        except Exception as error:  # noqa: BLE001 -- a broken answer must not end the asking
            self.last_error = f"{self._url}: {error!r}"

    def _fetch(self) -> StreamState:
        held = self.state
        headers = {"Accept": "application/json", "User-Agent": _USER_AGENT}
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310 -- the registry's address is ours
        if held.etag and held.known:
            request.add_header("If-None-Match", held.etag)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                body = answer.read(_LARGEST_ANSWER + 1)
                headers = answer.headers
        except urllib.error.HTTPError as error:
            with error:
                if error.code != _NOT_MODIFIED or not held.known:
                    raise
                return self._confirmed(held, error.headers[_VERSION_HEADER])
        if len(body) > _LARGEST_ANSWER:
            raise ConfigRefusedError(f"the answer is larger than {_LARGEST_ANSWER} bytes")
        found = with_kept(orjson.loads(body), held, headers[_LEFT_OUT_HEADER])
        fresh = accept(found, held, version=headers[_VERSION_HEADER], etag=headers["ETag"])
        if fresh.document != held.document or fresh.version != held.version:
            self._store(fresh)
        return fresh

    def _confirmed(self, held: StreamState, version: str | None) -> StreamState:
        """What is held, confirmed now; the version may have risen without a change to the body."""
        fresh = replace(held, version=version or held.version, confirmed=time.time())
        if fresh.version != held.version:
            self._store(fresh)
        return fresh

    def _store(self, state: StreamState) -> None:
        """Write the copy whole or not at all. A disk that takes none costs only the next start."""
        copy = orjson.dumps(
            {
                "confirmed": state.confirmed,
                "version": state.version,
                "etag": state.etag,
                "document": state.document,
            }
        )
        fresh = self._cache_file.with_suffix(f".{os.getpid()}.new")
        with suppress(OSError):
            self._cache_file.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(copy)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._cache_file)


def with_kept(document: object, held: StreamState, left_out: str | None) -> object:
    """An answer, and from the one held the entries that a fault keeps out of it.

    `left_out` is the registry's word for which: their names, percent-encoded and separated by
    commas, `*` where they are too many, None where there are none.
    """
    if not left_out or held.document is None or not isinstance(document, Mapping):
        return document
    new, old = document.get("streams"), held.document.get("streams")
    if not isinstance(new, Mapping) or not isinstance(old, Mapping):
        return document
    names = None if left_out == "*" else {unquote(name) for name in left_out.split(",")}
    kept = {n: e for n, e in old.items() if n not in new and (names is None or n in names)}
    return {**document, "streams": {**new, **kept}}


def accept(
    document: object, held: StreamState, *, version: str | None, etag: str | None
) -> StreamState:
    """The state after an answer of the registry.

    Raises:
        ConfigRefusedError: it has no usable entry where the held state has some, or is no
            configuration.
    """
    streams, problems = parse_streams(document)
    if not isinstance(document, Mapping) or "streams" not in document:
        raise ConfigRefusedError("; ".join(problems) or "the answer has no 'streams'")
    if not streams and (held.streams or problems):
        raise ConfigRefusedError(
            "; ".join(problems) or "the answer has no streams; some were known"
        )
    return StreamState(streams, document, version, etag, time.time(), tuple(problems))


def _from_cache(cache_file: Path) -> StreamState:
    """The last good copy; nothing where there is none or it is damaged."""
    try:
        copy = json.loads(cache_file.read_bytes())
        confirmed = copy["confirmed"]
        streams, problems = parse_streams(copy["document"])
    except (OSError, ValueError, KeyError, TypeError):
        return StreamState()
    if not streams:
        return StreamState()
    return StreamState(
        streams,
        copy["document"],
        copy.get("version"),
        copy.get("etag"),
        confirmed if isinstance(confirmed, int | float) else None,
        tuple(problems),
    )
