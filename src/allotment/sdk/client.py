"""The door of the library: one client a process, one visitor a request."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from allotment.allocation.law import SHORTEST_KEY
from allotment.sdk import forking
from allotment.sdk.configuration import ConfigurationSource
from allotment.sdk.delivery import Delivery
from allotment.sdk.events import Context
from allotment.sdk.visitor import Identity, Visitor

_log = logging.getLogger(__name__)


class Client:
    """Enrolls a site's visitors and sends their events.

    Making one costs nothing and waits for nothing; the first visitor starts the background work in
    the process that serves it, so that servers which fork are safe.

    Args:
        registry_url: where the configuration comes from, such as `http://127.0.0.1:8000`.
        intake_url: where events go, such as `http://127.0.0.1:8192/v1/events`.
        site: this site's name (`mediawiki.database` of its events; selects its sample rates).
        domain: the host name in events' `meta.domain`; the site's name if not given.
        cache_file: where the last good configuration is kept. None: in memory only.
        refresh_seconds: how often the registry is asked.
        timeout: seconds that an answer of the registry may take.
        browser_intake_url: where browsers send events, if they reach the intake elsewhere.
        queue_capacity: events that may wait; further ones are dropped and counted.
        compress: send events gzipped.
        subject_key: a secret of 16 bytes or more: subject ids are then keyed hashes, which nobody
            computes from a list of subjects without it. Groups stay the same. None: plain hashes.

    Raises:
        ValueError: an address is none, or the key is too short.

    Example:
        >>> client = Client(
        ...     registry_url="http://127.0.0.1:8000",
        ...     intake_url="http://127.0.0.1:8192/v1/events",
        ...     site="mywiki",
        ...     cache_file="var/allotment.json",
        ... )  # doctest: +SKIP
        >>> with client:  # doctest: +SKIP
        ...     group = client.visitor(user_id="42").get_experiment_bucket_value("new-card")
    """

    def __init__(
        self,
        *,
        registry_url: str,
        intake_url: str,
        site: str,
        domain: str | None = None,
        cache_file: str | Path | None = None,
        refresh_seconds: float = 5.0,
        timeout: float = 1.0,
        browser_intake_url: str | None = None,
        queue_capacity: int = 10_000,
        compress: bool = False,
        subject_key: str | bytes | None = None,
    ) -> None:
        self.site = site
        self.domain = domain or site
        self.browser_intake_url = browser_intake_url or intake_url
        self.configuration = ConfigurationSource(
            registry_url, site, cache_file, refresh_seconds, timeout
        )
        self.delivery = Delivery(intake_url, capacity=queue_capacity, compress=compress)
        self.subject_key = _secret(subject_key)
        self._started = False
        self._refused: Counter[str] = Counter()
        self._told: set[str] = set()
        self.begin_process()
        forking.watch(self)

    def begin_process(self) -> None:
        """Locks belong to one process."""
        self._lock = threading.Lock()

    def start(self) -> Self:
        """Begin the background work in this process, unless it runs already. Returns at once."""
        if not self._started:
            self._started = True
            self.configuration.start()
        return self

    def close(self, seconds: float = 5.0) -> None:
        """Stop asking, and deliver what waits for at most so many seconds."""
        self.configuration.close()
        self.delivery.close(seconds)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    async def aclose(self, seconds: float = 5.0) -> None:
        """The same as `close`, without holding up the event loop."""
        import asyncio  # noqa: PLC0415 - costs a site without an event loop 30 ms

        await asyncio.to_thread(self.close, seconds)

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def visitor(
        self,
        *,
        user_id: str | None = None,
        browser_id: str | None = None,
        session_id: str | None = None,
        overrides: Mapping[str, str] | None = None,
        context: Context | None = None,
        edge: Mapping[str, str] | None = None,
    ) -> Visitor:
        """One visitor of the site, for the length of one request. Never waits.

        Args:
            user_id: the account's id, None for a reader who is not logged in.
            browser_id: the random id in the browser's first-party cookie.
            session_id: 20 lower-case hex digits.
            overrides: forced groups by experiment name (`parse_overrides` reads `?mpo=`).
            context: contextual attributes, such as `{"page": {"id": 7, "title": "Leek"}}`.
            edge: groups that an edge gave, by experiment name (`parse_enrollments` reads its
                header).
        """
        self.start()
        return Visitor(
            self,
            self.configuration.current(),
            Identity(user_id or None, browser_id or None, session_id or None),
            overrides=overrides or {},
            context=context or {},
            edge=edge or {},
        )

    @property
    def refused(self) -> dict[str, int]:
        """Events that were not handed over, by reason.

        `unknown_stream`, `unknown_experiment`, `unknown_instrument`, `no_action` and `no_schema`
        are mistakes; `not_sampled` and `not_enrolled` are what configuration asked for;
        `already_exposed` is no loss.
        """
        with self._lock:
            return dict(self._refused)

    def refuse(self, reason: str, text: str) -> bool:
        """Count an event that is not sent, and say a mistake once in the log; always False."""
        with self._lock:
            self._refused[reason] += 1
            new = bool(text) and text not in self._told and len(self._told) < _MAX_TOLD
            if new:
                self._told.add(text)
        if new:
            _log.warning("event not sent: %s", text)
        return False

    def describe(self) -> dict[str, Any]:
        """How the client does, for a health page: age and version of what it holds, counters."""
        counts = self.delivery.counts
        return {
            "configuration": {
                "version": self.configuration.version,
                "age_seconds": self.configuration.age_seconds,
                "problems": list(self.configuration.problems),
            },
            "delivery": {
                "sent": counts.sent,
                "accepted": counts.accepted,
                "rejected": counts.rejected,
                "dropped": dict(counts.dropped),
                "pending": counts.pending,
                "last_problem": counts.last_problem,
            },
            "refused": self.refused,
            "subject_ids": "plain" if self.subject_key is None else "keyed",
        }


def _secret(key: str | bytes | None) -> bytes | None:
    """The key as bytes. An empty one is a setting that went missing: plain ids would hide that."""
    if key is None:
        return None
    secret = key.encode() if isinstance(key, str) else bytes(key)
    if len(secret) < SHORTEST_KEY:
        raise ValueError(
            f"subject_key has {len(secret)} bytes; give a secret of at least {SHORTEST_KEY}, such "
            "as python -c 'import secrets; print(secrets.token_hex(32))' prints, or None for "
            "subject ids without a key"
        )
    return secret


_MAX_TOLD = 1000
