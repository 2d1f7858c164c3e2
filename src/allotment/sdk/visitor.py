"""One visitor of a site: the experiments they are in, and the events about what they do."""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from allotment.allocation import Experiment, IdentifierType, in_sample
from allotment.sdk import events
from allotment.sdk.documents import (
    DEFAULT_STREAM,
    Configuration,
    Instrument,
    default_schema,
    producer_settings,
    requested_attributes,
)
from allotment.sdk.enrollment import Membership, enroll

if TYPE_CHECKING:
    from allotment.sdk.client import Client

EXPOSURE_ACTION = "experiment_exposure"
_EXPOSURE_ATTRIBUTES = (
    *("performer_is_logged_in", "performer_is_temp", "performer_is_bot", "performer_edit_count"),
    "mediawiki_database",
)
_POSITION = "funnel_event_sequence_position"
_log = logging.getLogger(__name__)


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
        settings = self.configuration.streams.get(stream)
        if settings is None:
            return self._client.refuse("unknown_stream", f"stream {stream!r} is not configured")
        target = producer_settings(settings).get("stream_name") or stream
        if target not in self.configuration.streams:
            return self._client.refuse("unknown_stream", f"stream {target!r} is not configured")
        sample = settings.get("sample")
        if sample is not None and not self._sampled(sample):
            return self._client.refuse("not_sampled", "")
        return self.send(
            stream=str(target),
            schema=schema,
            action=action,
            data=data,
            attributes=requested_attributes(settings),
            sample=sample,
            at=at,
        )

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

    def _sampled(self, sample: object) -> bool:
        if not isinstance(sample, Mapping):
            return False
        return self.in_sample(str(sample.get("unit")), sample.get("rate"))

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


class ExperimentHandle:
    """One experiment as one visitor meets it."""

    def __init__(self, visitor: Visitor, name: str) -> None:
        self.name = name
        self._visitor = visitor
        self._configured: Experiment | None = visitor.configuration.experiments.get(name)

    @property
    def assigned_group(self) -> str | None:
        """The visitor's group; None where it is not enrolled."""
        return self._visitor.membership.group(self.name)

    def is_assigned_group(self, *groups: str) -> bool:
        """Whether the visitor is in one of these groups."""
        return self.assigned_group in groups

    def send(
        self,
        action: str,
        data: Mapping[str, Any] | None = None,
        *,
        at: datetime | None = None,
    ) -> bool:
        """Send an event to the experiment's stream; nothing for a visitor who is not enrolled.

        The experiment's name stands in `instrument_name`: it tells the experiment's own events
        from those that only carry its membership. A forced group of an experiment that nobody has
        configured, such as a draft, sends to `product_metrics.web_base`, and so does one that names
        no stream.

        Returns:
            Whether the event is on its way.
        """
        return self._send(action, data, at)

    def _send(
        self,
        action: str,
        data: Mapping[str, Any] | None = None,
        at: datetime | None = None,
        attributes: tuple[str, ...] = (),
    ) -> bool:
        experiment = self._configured
        if self.assigned_group is None:
            return self._visitor.refuse("not_enrolled", "")
        stream = (experiment.stream_name if experiment else "") or DEFAULT_STREAM
        settings = self._visitor.configuration.streams.get(stream)
        if settings is None:
            return self._visitor.refuse(
                "unknown_stream" if experiment else "unknown_experiment",
                f"stream {stream!r} of {self.name!r} is not configured"
                if experiment
                else f"experiment {self.name!r} is not configured, nor is {stream!r}",
            )
        named = experiment.contextual_attributes if experiment else ()
        return self._visitor.send(
            stream=stream,
            schema=(experiment.schema_id if experiment else "") or default_schema(settings),
            action=action,
            data=data,
            attributes=(*requested_attributes(settings), *named, *attributes),
            fixed={"instrument_name": self.name},
            at=at,
        )

    def send_exposure(self) -> bool:
        """Say that the visitor has now met its group. Call it where they do, not before.

        A visitor is exposed once: what is said again in one request counts as `already_exposed`.
        Beside what the experiment asks for, the event tells whether the reader is logged in, has a
        temporary account or is a bot, the edit count, and the site, as far as they are known.

        Returns:
            Whether the event is on its way.
        """
        return self._visitor.expose(
            self.name, lambda: self._send(EXPOSURE_ACTION, attributes=_EXPOSURE_ATTRIBUTES)
        )


class InstrumentHandle:
    """One instrument as one visitor meets it, addressed by its name alone."""

    def __init__(self, visitor: Visitor, name: str) -> None:
        self.name = name
        self._visitor = visitor
        self._configured: Instrument | None = visitor.configuration.instruments.get(name)

    @property
    def is_in_sample(self) -> bool:
        """Whether the instrument is active and this visitor's unit is in its sample here."""
        instrument = self._configured
        return (
            instrument is not None
            and instrument.is_active(datetime.now(UTC))
            and self._visitor.in_sample(
                instrument.sample_unit, instrument.sample_rate.at(self._visitor.site)
            )
        )

    def send(
        self,
        action: str,
        data: Mapping[str, Any] | None = None,
        *,
        at: datetime | None = None,
    ) -> bool:
        """Send an event as this instrument; nothing where the visitor is not in its sample.

        The event has the instrument's name as `instrument_name`, and `1, 2, …` as
        `funnel_event_sequence_position`, unless `data` has a number of its own there.

        Returns:
            Whether the event is on its way.
        """
        instrument = self._configured
        if instrument is None:
            return self._visitor.refuse(
                "unknown_instrument", f"instrument {self.name!r} is not configured"
            )
        if not self.is_in_sample:
            return self._visitor.refuse("not_sampled", "")
        settings = self._visitor.configuration.streams.get(instrument.stream_name)
        if settings is None:
            return self._visitor.refuse(
                "unknown_stream",
                f"stream {instrument.stream_name!r} of {self.name!r} is not configured",
            )
        position = (data or {}).get(_POSITION)
        if position is None:
            position = self._visitor.next_step(self.name)
        return self._visitor.send(
            stream=instrument.stream_name,
            schema=instrument.schema_id,
            action=action,
            data=data,
            attributes=instrument.contextual_attributes,
            sample={
                "unit": instrument.sample_unit,
                "rate": instrument.sample_rate.at(self._visitor.site),
            },
            fixed={
                "instrument_name": self.name,
                _POSITION: position,
            },
            at=at,
        )
