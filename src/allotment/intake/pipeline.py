"""What happens to each event between the request and the journal: fill, check, validate, write out.

No I/O but the reading of schemas; the clock and the request id come from the caller.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from allotment.contract.masking import Masker
from allotment.contract.schema_fields import fill_defaults
from allotment.contract.schemas import SchemaRepository
from allotment.contract.streams import StreamConfig
from allotment.contract.validator import NestingError
from allotment.intake.enrichment import (
    Header,
    HeaderField,
    Named,
    drop_private,
    header_fields,
    name_event,
    no_header,
    uses_edge_uniques,
)
from allotment.intake.enrollments import complete_membership, fill_subject_ids
from allotment.intake.identifiers import IdentifierSource
from allotment.intake.outcome import (
    DEEP,
    DEEP_MESSAGE,
    Json,
    Outcome,
    RefusalError,
)
from allotment.intake.plans import Plan, PlanSource
from allotment.intake.senders import Sender, nobody

MOST_DAYS: Final = 366
"""A worker takes events of so many days beside the present one, each day anew."""
FIRST_DAY: Final = "0001-01-02"
LAST_DAY: Final = "9999-12-30"
"""Whatever the offset, the instant is then of a year that every reader of the lake has."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """What one stream asks for events of one schema, or why it takes none of them."""

    refusal: RefusalError | None = None
    fills_request_id: bool = True
    headers: tuple[HeaderField, ...] = ()
    edge_ids: bool = False


class EventPipeline:
    """Processes events. One per process; remembers the schemas that it met."""

    def __init__(self, schemas: SchemaRepository, masker: Masker | None = None) -> None:
        """Take the tables that the repository's schemas have now.

        Args:
            schemas: where the events' schemas are.
            masker: masks what is kept of rejected events; by a key of its own if None.
        """
        self.schemas = PlanSource(schemas)
        self._masker = masker or Masker(secrets.token_bytes())
        self._identifiers = IdentifierSource()
        self._streams: Mapping[str, StreamConfig] = {}
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._today = ""
        self._days: set[str] = set()

    def process(
        self,
        events: Sequence[Any],
        streams: Mapping[str, StreamConfig],
        *,
        received: str,
        request_id: str | None,
        header: Header = no_header,
        named: Named | None = None,
        sender: Callable[[], Sender] = nobody,
        outcome: Outcome | None = None,
    ) -> Outcome:
        """Sort events into accepted and rejected, and write each out as one line.

        Args:
            events: parsed JSON values; changed in place where something is filled in.
            streams: the stream configuration in force.
            received: the receive time, RFC 3339 in UTC with milliseconds.
            request_id: goes into `meta.request_id` where the client gave none; made up if None.
            header: reads the request's other headers, where a stream asks for some.
            named: schema and stream of events that name none.
            sender: who sent the request, asked for what is rejected.
            outcome: of the request's events before these, where it is processed in slices.
        """
        if streams is not self._streams:
            self._streams = streams
            self._lanes.clear()
        request_id = request_id or self._identifiers.new()
        today = received[:10]
        if outcome is None:
            outcome = Outcome(received, self._masker, streams, sender)
        for event in events:
            if named is not None:
                name_event(event, named)
            try:
                plan = self._prepare(event, received, request_id, header)
                validator = plan.validator
                if validator.accepts(event) or validator.accepts_after_repair(event):
                    meta = event["meta"]
                    if plan.fills_dt and meta["dt"][:10] != today:
                        self._check_day(meta["dt"][:10], today)
                    line = orjson.dumps(event)
                    outcome.accept(plan.topic, meta["stream"], meta.get("dt"), line)
                    continue
                violations = validator.violations(event, all_of_them=outcome.may_list_all)
            except RefusalError as refusal:
                outcome.refuse(event, refusal)
            except (NestingError, TypeError):  # the one of the check, the other of writing out
                outcome.refuse(event, RefusalError(DEEP, DEEP_MESSAGE))
            else:
                outcome.invalidate(event, violations)
        outcome.settle()
        return outcome

    def _prepare(self, event: Json, received: str, request_id: str, header: Header) -> Plan:
        """Find the event's schema, fill the event in, and check its stream."""
        if type(event) is not dict:
            raise RefusalError("not_an_object", _missing("$schema"))
        http = event.get("http")
        if type(http) is dict:
            drop_private(http)
        plan, meta, stream = self._identify(event)
        lane = self._lanes.get((plan.uri, stream)) or self._lane(plan, stream)
        if plan.fills_id and meta.get("id", "") == "":  # an empty one would be all events' id
            meta["id"] = self._identifiers.new()
        if plan.fills_dt and "dt" not in meta:
            meta["dt"] = received
        if plan.fills_request_id and lane.fills_request_id and "request_id" not in meta:
            meta["request_id"] = request_id
        if plan.defaults or plan.is_legacy:
            _fill_defaults(event, plan, received)
        if lane.refusal is not None:
            raise lane.refusal
        for field in lane.headers:
            field.fill(event, header)
        if plan.awaits_ids:
            _settle_membership(event, plan, lane, header)
        return plan

    def _identify(self, event: dict[str, Any]) -> tuple[Plan, dict[str, Any], str]:
        """The event's schema, its `meta` and the name of its stream."""
        uri = event.get("$schema")
        plan = self.schemas.plans.get(uri) if type(uri) is str else None
        if plan is None:
            plan = self.schemas.find(uri)
        if plan.is_latest:
            event["$schema"] = plan.uri
        meta = event.get("meta")
        stream = meta.get("stream") if type(meta) is dict else None
        if type(meta) is not dict or type(stream) is not str or not stream:
            raise RefusalError("missing_stream", _missing("meta.stream"))
        return plan, meta, stream

    def _lane(self, plan: Plan, stream: str) -> _Lane:
        """What the stream asks; remembered, but not for names that only clients know."""
        config = self._streams.get(stream)
        if config is None or config.is_instrument or config.schema_title != plan.title:
            return _Lane(refusal=_stream_refusal(stream, config, plan))
        headers, fills_request_id = header_fields(config, plan.body)
        lane = self._lanes[plan.uri, stream] = _Lane(
            fills_request_id=fills_request_id,
            headers=headers,
            edge_ids=plan.awaits_ids and uses_edge_uniques(config),
        )
        return lane

    def _check_day(self, day: str, today: str) -> None:
        """Refuse what would give the lake partitions without end: its tables are cut by this day.

        A client may say when somebody before us received an event (a relay, a replay).
        """
        if not FIRST_DAY <= day <= LAST_DAY:
            raise RefusalError(
                "impossible_day",
                f"meta.dt is of {day}, which the lake cannot hold; "
                "leave meta.dt out, it is the time of receipt",
            )
        if today != self._today:
            self._today = today
            self._days.clear()
        if day not in self._days:
            if len(self._days) >= MOST_DAYS:
                raise RefusalError(
                    "too_many_days",
                    f"meta.dt is of {day}, and events of {MOST_DAYS} other days were sent today; "
                    "leave meta.dt out, it is the time of receipt",
                )
            self._days.add(day)


def _fill_defaults(event: dict[str, Any], plan: Plan, received: str) -> None:
    if plan.is_legacy:
        event.setdefault("dt", received)
    fill_defaults(event, plan.defaults)


def _settle_membership(event: dict[str, Any], plan: Plan, lane: _Lane, header: Header) -> None:
    if lane.edge_ids:
        fill_subject_ids(event, header)
    if plan.knows_one_and_many:
        complete_membership(event)


def _missing(name: str) -> str:
    return f"Field(s) {name} were missing from event and could not be extracted."


def _stream_refusal(stream: str, config: StreamConfig | None, plan: Plan) -> RefusalError:
    where = f"event of schema at {plan.uri} destined to stream {stream[:255]} is not allowed"
    if config is None:
        return RefusalError("unknown_stream", f"{where}; {stream[:255]} is not configured.")
    if config.is_instrument:
        return RefusalError(
            "instrument_stream",
            f"{where}; {stream} is an instrument, its events go to stream {config.target_stream}.",
        )
    return RefusalError("schema_mismatch", f"{where}; schema title must be {config.schema_title}.")
