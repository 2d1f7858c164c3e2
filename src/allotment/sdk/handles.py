"""An experiment and an instrument as one visitor meets them, each addressed by its name alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allotment.allocation import Experiment
from allotment.sdk.documents import (
    DEFAULT_STREAM,
    Instrument,
    default_schema,
    requested_attributes,
)

if TYPE_CHECKING:
    from allotment.sdk.visitor import Visitor

EXPOSURE_ACTION = "experiment_exposure"
_EXPOSURE_ATTRIBUTES = (
    *("performer_is_logged_in", "performer_is_temp", "performer_is_bot", "performer_edit_count"),
    "mediawiki_database",
)
_POSITION = "funnel_event_sequence_position"


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

    @property
    def reason(self) -> str:
        """Why the visitor is in that group, or in none.

        The step of the law that decided (`not_active`, `not_targeted`, `held_out`, `layer_taken`,
        `not_sampled`, `assigned`, `overridden`), else `no_subject`, `edge`, `edge_unknown_group` or
        `unknown_experiment`.
        """
        return str(self._visitor.membership.reason(self.name))

    def is_assigned_group(self, *groups: str) -> bool:
        """Whether the visitor is in one of these groups."""
        return self.assigned_group in groups

    def send(
        self,
        action: str,
        data: Mapping[str, Any] | None = None,
        attributes: Sequence[str] = (),
        *,
        at: datetime | None = None,
    ) -> bool:
        """Send an event to the experiment's stream; nothing for a visitor who is not enrolled.

        The experiment's name stands in `instrument_name`: it tells the experiment's own events
        from those that only carry its membership. A forced group of an experiment that nobody has
        configured, such as a draft, sends to `product_metrics.web_base`, and so does one that names
        no stream.

        Args:
            action: what was done, such as `click`.
            data: further fields of the event.
            attributes: contextual attributes beside those that the configuration asks for.
            at: when it was done; now if not given.

        Returns:
            Whether the event is on its way.
        """
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
            self.name, lambda: self.send(EXPOSURE_ACTION, attributes=_EXPOSURE_ATTRIBUTES)
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
        attributes: Sequence[str] = (),
        *,
        at: datetime | None = None,
    ) -> bool:
        """Send an event as this instrument; nothing where the visitor is not in its sample.

        The event has the instrument's name as `instrument_name`, and `1, 2, …` as
        `funnel_event_sequence_position`, unless `data` has a number of its own there.

        Args:
            action: what was done, such as `click`.
            data: further fields of the event.
            attributes: contextual attributes beside those that the configuration asks for.
            at: when it was done; now if not given.

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
            attributes=(*instrument.contextual_attributes, *attributes),
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
