"""One visitor of a site: the experiments they are in, and the events about what they do."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from allotment.allocation import IdentifierType, in_sample
from allotment.sdk import events
from allotment.sdk.documents import (
    WEB_SCHEMA,
    Configuration,
    is_metrics_stream,
    producer_settings,
    requested_attributes,
    stream_sample,
)
from allotment.sdk.enrollment import Membership, enroll
from allotment.sdk.handles import ExperimentHandle, InstrumentHandle

if TYPE_CHECKING:
    from allotment.sdk.client import Client


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the visitor is, as far as the site knows. Every id is optional.

    `user_id` names an account, `browser_id` a browser (the anonymous first-party cookie),
    `session_id` (20 lower-case hex digits) a session of that browser.
    """

    user_id: str | None = None
    browser_id: str | None = None
    session_id: str | None = None

    def by_type(self) -> dict[str, str | None]:
        """The ids by the identifier types of experiments."""
        return {
            IdentifierType.USER: self.user_id,
            IdentifierType.BROWSER: self.browser_id,
            IdentifierType.SESSION: self.session_id,
        }


class Visitor:
    """One visitor during one request. Made by `Client.visitor`; not shared between threads.

    The configuration is the one held when the visitor was made, so that a request sees one truth.

    Example:
        >>> visitor = client.visitor(user_id="42")  # doctest: +SKIP
        >>> if visitor.get_experiment_bucket_value("related-articles-card") == "card":
        ...     show_cards()
        >>> visitor.submit_interaction(
        ...     "product_metrics.web_base", "/analytics/product_metrics/web/base/1.3.0", "search")
    """

    def __init__(
        self,
        client: Client,
        configuration: Configuration,
        identity: Identity,
        *,
        overrides: Mapping[str, str],
        context: events.Context,
        edge: Mapping[str, str],
    ) -> None:
        self.identity = identity
        self.configuration = configuration
        self.pageview_id = secrets.token_hex(10)
        self._client = client
        self._overrides = dict(overrides)
        self._edge = dict(edge)
        self._given_context = context
        self._steps: dict[str, int] = {}
        self._exposed: set[str] = set()

    # Membership.

    @cached_property
    def membership(self) -> Membership:
        """The experiments that this visitor is in. Evaluated at the first look."""
        return enroll(
            self.configuration.experiments.values(),
            self.identity.by_type(),
            site=self._client.site,
            now=datetime.now(UTC),
            overrides=self._overrides,
            attributes=events.flat(self.context),
            edge=self._edge,
            subject_key=self._client.subject_key,
        )

    @property
    def was_evaluated(self) -> bool:
        """Whether anybody has looked at the membership: what was answered may depend on it."""
        return "membership" in self.__dict__

    def get_current_user_experiments(self) -> dict[str, Any]:
        """The membership as a page's script sees it (`Membership.to_page`)."""
        return self.membership.to_page()

    def get_experiment_bucket_value(self, name: str) -> str | None:
        """The visitor's group in an experiment; None where it is not enrolled."""
        return self.membership.group(name)

    def get_experiment(self, name: str) -> ExperimentHandle:
        """An experiment by its name; one that is unknown has no group and sends nothing."""
        return ExperimentHandle(self, name)

    def get_experiments_by_prefix(self, prefix: str) -> list[ExperimentHandle]:
        """The experiments that the visitor is in and whose names begin so."""
        return [
            self.get_experiment(name)
            for name in self.membership.enrolled
            if name.startswith(prefix)
        ]

    def get_instrument(self, name: str) -> InstrumentHandle:
        """An instrument by its name; one that is unknown is out of sample and sends nothing."""
        return InstrumentHandle(self, name)

    # Context.

    @cached_property
    def context(self) -> dict[str, Any]:
        """What contextual attributes can be filled from: the library's own, then the site's."""
        performer: dict[str, Any] = {
            "is_logged_in": self.identity.user_id is not None,
            "pageview_id": self.pageview_id,
        }
        if self.identity.session_id is not None:
            performer["session_id"] = self.identity.session_id
        own = {"performer": performer, "mediawiki": {"database": self._client.site}}
        return events.merged(own, self._given_context)

    # Events.

    def submit_interaction(
        self,
        stream: str,
        schema: str,
        action: str,
        data: Mapping[str, Any] | None = None,
        *,
        at: datetime | None = None,
    ) -> bool:
        """Send an event about something that the visitor did.

        The event carries the membership, and the contextual attributes that the stream asks for.

        Args:
            stream: a configured stream, or the name of an instrument's pseudo-stream.
            schema: the event's `$schema`, such as `/analytics/product_metrics/web/base/1.3.0`.
            action: what was done, such as `click`.
            data: further fields of the event.
            at: when it was done; now if not given.

        Returns:
            Whether the event is on its way. False: the stream is not configured, the visitor is
            not in its sample, the action is empty, or the queue is full; the client's `refused`
            counts which.
        """
        found = self._stream(stream)
        if found is None:
            return False
        target, settings = found
        return self.send(
            stream=target,
            schema=schema,
            action=action,
            data=data,
            attributes=requested_attributes(settings),
            sample=stream_sample(settings),
            at=at,
        )

    def submit_click(
        self, stream: str, data: Mapping[str, Any] | None = None, *, at: datetime | None = None
    ) -> bool:
        """Send an interaction `click` of the web base schema; whether it is on its way."""
        return self.submit_interaction(stream, WEB_SCHEMA, "click", data, at=at)

    def submit(self, stream: str, event: Mapping[str, Any], *, at: datetime | None = None) -> bool:
        """Send an event that the site made; it must have `$schema`.

        `meta.stream`, `meta.domain`, `meta.id` and `dt` are filled in; on a stream that is meant
        for client libraries also the membership and the attributes that the stream asks for.

        Returns:
            Whether the event is on its way; if not, the client's `refused` counts why.
        """
        schema = event.get("$schema")
        if not isinstance(schema, str) or not schema:
            return self.refuse("no_schema", f"an event for {stream!r} has no '$schema'")
        found = self._stream(stream)
        if found is None:
            return False
        target, settings = found
        is_metrics = is_metrics_stream(settings)
        return self._client.delivery.submit(
            events.completed(
                event,
                stream=target,
                domain=self._client.domain,
                event_id=str(uuid.uuid4()),
                moment=at or datetime.now(UTC),
                context=events.requested_context(requested_attributes(settings), self.context),
                with_experiments=is_metrics,
                experiments=self.membership.to_event()
                if is_metrics and self.membership.assigned
                else None,
            )
        )

    def _stream(self, name: str) -> tuple[str, Mapping[str, Any]] | None:
        """Where a stream's events go, and its settings; None, and counted, if they go nowhere."""
        settings = self.configuration.streams.get(name)
        if settings is None:
            self.refuse("unknown_stream", f"stream {name!r} is not configured")
            return None
        target = str(producer_settings(settings).get("stream_name") or name)
        if target not in self.configuration.streams:
            self.refuse("unknown_stream", f"stream {target!r} is not configured")
            return None
        sample = stream_sample(settings)
        if sample is not None and not self.in_sample(str(sample["unit"]), sample["rate"]):
            self.refuse("not_sampled", "")
            return None
        return target, settings

    def send(
        self,
        *,
        stream: str,
        schema: str,
        action: str,
        data: Mapping[str, Any] | None,
        attributes: tuple[str, ...],
        sample: Mapping[str, Any] | None = None,
        fixed: Mapping[str, Any] | None = None,
        at: datetime | None = None,
    ) -> bool:
        """Send an event of which stream, attributes and sampling are settled already."""
        if not action:
            return self._client.refuse("no_action", f"an event for {stream!r} names no action")
        event = events.interaction(
            schema=schema,
            stream=stream,
            domain=self._client.domain,
            event_id=str(uuid.uuid4()),
            moment=at or datetime.now(UTC),
            action=action,
            data=data or {},
            context=events.requested_context(attributes, self.context),
            experiments=self.membership.to_event() if self.membership.assigned else None,
            sample=sample,
            fixed=fixed or {},
        )
        return self._client.delivery.submit(event)

    def in_sample(self, unit: str, rate: object) -> bool:
        """Whether this visitor's pageview or session is in a sample of that rate (0 to 1)."""
        unit_id = {"pageview": self.pageview_id, "session": self.identity.session_id}.get(unit)
        if unit_id is None or isinstance(rate, bool) or not isinstance(rate, int | float):
            return False
        return 0 < rate <= 1 and in_sample(unit_id, rate)

    def next_step(self, name: str) -> int:
        """1, 2, 3, …: the running number of an instrument's events for this visitor."""
        self._steps[name] = self._steps.get(name, 0) + 1
        return self._steps[name]

    def expose(self, name: str, send: Callable[[], bool]) -> bool:
        """Send an exposure by `send`, but once for each experiment; whether it is on its way.

        One that was not queued may be tried again.
        """
        if name in self._exposed:
            return self.refuse("already_exposed", "")
        queued = send()
        if queued:
            self._exposed.add(name)
        return queued

    def refuse(self, reason: str, text: str) -> bool:
        """Count an event that is not sent; always False."""
        return self._client.refuse(reason, text)

    @property
    def site(self) -> str:
        """The site's name."""
        return self._client.site
