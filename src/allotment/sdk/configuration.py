"""The registry's configuration, kept fresh in the background and safe on disk.

Nobody waits for the network: the last good copy is read from disk at the start, and a background
thread asks for newer ones. Stale beats empty: an answer that cannot be used changes nothing, and an
empty answer is believed only when the registry signs it with a configuration version that is not
older than the one held (an experiment switched off rightly empties the list; a broken registry, a
proxy's page or a half-migrated database must not).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import quote, unquote

from allotment.sdk import forking
from allotment.sdk.connection import Answer, Connection, ConnectionProblemError
from allotment.sdk.documents import (
    Configuration,
    Document,
    Parsed,
    UnusableError,
    parse_document,
    with_kept,
)

VERSION_HEADER = "x-allotment-config-version"
LEFT_OUT_HEADER = "x-allotment-left-out-names"
USER_AGENT = "allotment-python"
_CACHE_FORMAT = 1
_REWRITE_SECONDS = 60.0
_OK, _NOT_MODIFIED = 200, 304
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    """The last good copy of one document."""

    body: bytes
    parsed: Parsed
    etag: str
    version: int | None
    confirmed_at: float
    """When the registry last gave or confirmed this copy, in seconds since the epoch."""


class ConfigurationSource:
    """The last good configuration of a registry, its age, its version and what was wrong.

    Safe to use from any thread, and after a fork: the child starts its own thread when first used.

    Args:
        registry_url: where the registry answers, such as `http://127.0.0.1:8000`.
        site: this site's name; picks its rates in stream configurations.
        cache_file: where the last good copy is kept; its folder is made. None: in memory only.
        refresh_seconds: how often to ask.
        timeout: seconds that one answer may take.

    Example:
        >>> with ConfigurationSource(
        ...     "http://127.0.0.1:8000", "mywiki", cache_file="/var/cache/mywiki/allotment.json"
        ... ) as source:  # doctest: +SKIP
        ...     source.current().experiments
    """

    def __init__(
        self,
        registry_url: str,
        site: str,
        cache_file: str | Path | None,
        refresh_seconds: float = 5.0,
        timeout: float = 1.0,
    ) -> None:
        self._paths = {
            Document.EXPERIMENTS: "/api/v1/experiments",
            Document.INSTRUMENTS: "/api/v1/instruments",
            Document.STREAMS: f"/w/api.php?action=streamconfigs&format=json&site={quote(site)}",
        }
        Connection(registry_url, timeout=timeout)  # a wrong address is told at once
        self._registry_url = registry_url
        self._site = site
        self._cache_file = None if cache_file is None else Path(cache_file)
        self._refresh_seconds = refresh_seconds
        self._timeout = timeout
        self._held: Mapping[Document, _Held] = MappingProxyType({})
        self._configuration = Configuration()
        self._faults: dict[str, str] = {}
        self._written_at = 0.0
        self._watching: tuple[Callable[[tuple[str, ...]], None], ...] = ()
        self._thread: threading.Thread | None = None
        self._wanted = False
        self.begin_process()
        forking.watch(self)
        self._read_cache()

    # Life cycle.

    def start(self) -> Self:
        """Start asking in the background, unless that is done already. Returns at once."""
        self._wanted = True
        with self._starting:
            if self._thread is None:
                self._stop.clear()
                self._thread = threading.Thread(
                    target=self._run, name="allotment-configuration", daemon=True
                )
                self._thread.start()
        return self

    def close(self) -> None:
        """Stop asking. What is held stays readable."""
        self._wanted = False
        self._stop.set()
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(self._timeout + 1.0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin_process(self) -> None:
        """Locks and thread belong to one process; a forked one starts its own at the first use."""
        self._stop = threading.Event()
        self._fetched = threading.Event()
        self._starting = threading.Lock()
        self._thread = None

    # What is held.

    def current(self) -> Configuration:
        """The configuration held now; empty before there ever was one. Never waits."""
        if self._wanted and self._thread is None:  # the first use after a fork
            self.start()
        return self._configuration

    @property
    def age_seconds(self) -> float | None:
        """Seconds since the registry last gave or confirmed the oldest part of what is held.

        None before every part has been had once.
        """
        held = self._held
        if len(held) < len(Document):
            return None
        return max(0.0, time.time() - min(h.confirmed_at for h in held.values()))

    @property
    def version(self) -> int | None:
        """The registry's configuration version; of parts with different ones, the oldest."""
        versions = [h.version for h in self._held.values() if h.version is not None]
        return min(versions, default=None)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong now: parts that could not be renewed, items that could not be read."""
        items = [problem for held in self._held.values() for problem in held.parsed.problems]
        return (*self._faults.values(), *items)

    def wait(self, seconds: float) -> bool:
        """Wait for the first round of questions to end; whether it ended in time.

        For programs that would rather wait than begin without a configuration (a batch job); a web
        site has no need of it.
        """
        return self._fetched.wait(seconds)

    def watch(self, listener: Callable[[tuple[str, ...]], None]) -> Callable[[], None]:
        """Call back after each round of questions, in the thread that asked.

        Args:
            listener: takes the names of the experiments that came, went or changed by it.

        Returns:
            What ends that.
        """
        self._watching = (*self._watching, listener)

        def forget() -> None:
            self._watching = tuple(one for one in self._watching if one is not listener)

        return forget

    # Asking.

    def refresh(self) -> None:
        """Ask for every document once, now, in this thread."""
        with Connection(self._registry_url, timeout=self._timeout) as connection:
            self._refresh(connection)

    def _run(self) -> None:
        with Connection(self._registry_url, timeout=self._timeout) as connection:
            while not self._stop.is_set():
                try:
                    self._refresh(connection)
                except Exception as error:  # noqa: BLE001  the thread must live on
                    self._fault("refresh", f"refresh failed: {error!r}")
                    _log.exception("the configuration could not be renewed")
                self._fetched.set()
                self._stop.wait(self._refresh_seconds)

    def _refresh(self, connection: Connection) -> None:
        before = self._configuration.experiments
        self._ask_all(connection)
        now = self._configuration.experiments
        changed = () if now is before else _differing(before, now)
        for listener in self._watching:
            try:
                listener(changed)
            except Exception:  # noqa: BLE001  others have listeners, too
                _log.exception("a listener to configurations failed")

    def _ask_all(self, connection: Connection) -> None:
        held = dict(self._held)
        changed = False
        for document, path in self._paths.items():
            try:
                new = self._ask(connection, document, path, held.get(document))
            except (ConnectionProblemError, UnusableError) as error:
                self._fault(document, str(error))
                continue
            self._mended(document)
            before = held.get(document)
            changed = changed or before is None or before.body != new.body
            held[document] = new
        self._mended("refresh")
        self._hold(held)
        if held and (changed or time.time() - self._written_at > _REWRITE_SECONDS):
            self._write_cache()

    def _ask(
        self, connection: Connection, document: Document, path: str, held: _Held | None
    ) -> _Held:
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        if held is not None and held.etag:
            headers["If-None-Match"] = held.etag
        answer = connection.request("GET", connection.path + path, headers=headers)
        version = _version(answer)
        if answer.status == _NOT_MODIFIED and held is not None:
            newer = held.version if version is None else version
            return replace(held, confirmed_at=time.time(), version=newer)
        if answer.status != _OK:
            raise UnusableError(f"{document}: the registry answered with status {answer.status}")
        body = answer.body
        if held is not None and LEFT_OUT_HEADER in answer.headers:
            body = with_kept(document, body, held.body, _left_out(answer))
        parsed = parse_document(document, body)
        if held is not None and held.parsed.items and not parsed.items:
            _believe_empty(document, version, held.version)
        return _Held(
            body, parsed, answer.headers.get("etag", ""), version, confirmed_at=time.time()
        )

    def _hold(self, held: Mapping[Document, _Held]) -> None:
        before = self._held
        self._held = MappingProxyType(dict(held))
        if all(
            kind in before and before[kind].parsed is held[kind].parsed for kind in held
        ):  # only confirmed
            return
        items: dict[Document, Mapping[str, Any]] = {
            kind: held[kind].parsed.items if kind in held else {} for kind in Document
        }
        self._configuration = Configuration(
            experiments=items[Document.EXPERIMENTS],
            instruments=items[Document.INSTRUMENTS],
            streams=items[Document.STREAMS],
        )

    def _fault(self, key: str, text: str) -> None:
        if self._faults.get(key) != text:
            _log.warning("configuration kept as it was: %s", text)
        self._faults = {**self._faults, key: text}

    def _mended(self, key: str) -> None:
        if key in self._faults:
            self._faults = {k: text for k, text in self._faults.items() if k != key}

    # The copy on disk.

    def _read_cache(self) -> None:
        if self._cache_file is None:
            return
        try:
            stored = json.loads(self._cache_file.read_bytes())
            if stored["format"] != _CACHE_FORMAT or stored["site"] != self._site:
                return
            self._hold({Document(k): _restored(Document(k), v) for k, v in stored["held"].items()})
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            self._fault("cache", f"the copy in {self._cache_file} cannot be read: {error}")

    def _write_cache(self) -> None:
        if self._cache_file is None:
            return
        held = {
            kind: {
                "body": base64.b64encode(h.body).decode("ascii"),
                "etag": h.etag,
                "version": h.version,
                "confirmed_at": h.confirmed_at,
            }
            for kind, h in self._held.items()
        }
        stored = {"format": _CACHE_FORMAT, "site": self._site, "held": held}
        # Several processes may share the file: each writes its own and renames it into place.
        fresh = self._cache_file.with_name(
            f".{self._cache_file.name}.{os.getpid()}-{threading.get_ident()}"
        )
        try:
            self._cache_file.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(json.dumps(stored).encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._cache_file)
        except OSError as error:
            self._fault("cache", f"the copy in {self._cache_file} cannot be written: {error}")
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
        else:
            self._mended("cache")
            self._written_at = time.time()


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    names = dict.fromkeys((*before, *now))
    return tuple(name for name in names if before.get(name) != now.get(name))


def _believe_empty(document: Document, version: int | None, held: int | None) -> None:
    if version is None:
        raise UnusableError(
            f"{document}: the answer is empty and has no {VERSION_HEADER} header; kept the last one"
        )
    if held is not None and version < held:
        raise UnusableError(
            f"{document}: the answer is empty and of version {version}, older than {held}; "
            "kept the last one"
        )


def _left_out(answer: Answer) -> frozenset[str] | None:
    """The items that a fault keeps out of an answer; None: too many to name."""
    text = answer.headers[LEFT_OUT_HEADER]
    return None if text == "*" else frozenset(unquote(name) for name in text.split(","))


def _version(answer: Answer) -> int | None:
    try:
        return int(answer.headers[VERSION_HEADER])
    except (KeyError, ValueError):
        return None


def _restored(kind: Document, stored: Mapping[str, Any]) -> _Held:
    body = base64.b64decode(stored["body"], validate=True)
    version = stored["version"]
    return _Held(
        body=body,
        parsed=parse_document(kind, body),
        etag=str(stored["etag"]),
        version=None if version is None else int(version),
        confirmed_at=float(stored["confirmed_at"]),
    )
