"""What is sent of a rejected event: mended, with its true values, checked as the intake would."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import orjson
import pyarrow as pa
from pyiceberg.catalog import Catalog

from allotment.contract.masking import Masker
from allotment.contract.mending import Change, MendingError, changed, unmasked
from allotment.contract.schemas import SchemaRepository
from allotment.contract.streams import StreamConfig, parse_streams
from allotment.contract.times import now_text, time_text
from allotment.intake.outcome import Outcome
from allotment.intake.pipeline import EventPipeline
from allotment.lake.parsing import parse_lines
from allotment.lake.rejected import Rejection
from allotment.lake.replays import Replay
from allotment.lake.sealed import unseal
from allotment.lake.tables import event_schemas, readable_columns
from allotment.lake.unreadable import why
from allotment.sdk.connection import Connection, ConnectionProblemError

BATCH_EVENTS: Final = 100
BATCH_BYTES: Final = 1_000_000
TIMEOUT_SECONDS: Final = 30.0
_EVENT_IDS: Final = UUID("5a3c1a52-7f0c-4b3e-9d7e-0f6f7a4f2c11")
"""The namespace of event ids that are derived from rejections."""


class ReplayError(RuntimeError):
    """A replay that cannot begin or go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """What to change: fields of each event, or the one event as a whole."""

    changes: tuple[Change, ...] = ()
    whole: Any = None

    def told(self, masker: Masker) -> str:
        """In words, for the record, with masks."""
        parts = ["the whole event was given"] if self.whole is not None else []
        for change in self.changes:
            if change.removes:
                parts.append(str(change))
            else:
                alone = changed({}, [change])
                parts.append(f"set {masker.event(alone, orjson.dumps(alone))[0].decode()}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Letter:
    """One event, ready to be sent."""

    replay: Replay
    body: bytes


@dataclass(frozen=True, slots=True)
class Unfit:
    """A rejection of which nothing can be sent, and why."""

    rejection: str
    why: str


@dataclass(frozen=True, slots=True)
class _Rules:
    """What events are held against."""

    pipeline: EventPipeline
    streams: dict[str, StreamConfig]
    columns: dict[str, pa.Schema]


class Desk:
    """Where letters are made: of schemas and streams as they are when the first one is."""

    def __init__(
        self, schema_paths: Sequence[Path], intake_url: str, mend: Mend, masker: Masker
    ) -> None:
        """Ask nobody yet.

        Args:
            schema_paths: schema repositories; none means the one that Allotment ships.
            intake_url: the intake, whose streams are in force.
            mend: what is changed in each event.
            masker: makes the masks of what is recorded.
        """
        self._repository = SchemaRepository(schema_paths)
        self._intake_url, self._mend = intake_url, mend
        self._told = mend.told(masker)
        self._rules: _Rules | None = None

    def letters(
        self, catalog: Catalog, rejections: Sequence[Rejection]
    ) -> Iterator[Letter | Unfit]:
        """Of each rejection what is to be sent, or why nothing is.

        Raises:
            ReplayError: the stream configuration cannot be had.
        """
        if not rejections:
            return
        if self._rules is None:
            self._rules = _Rules(
                EventPipeline(self._repository),
                _streams(self._intake_url),
                {
                    name: readable_columns(catalog, name, schema)[0]
                    for name, schema in event_schemas(self._repository).items()
                },
            )
        times = [one.received for one in rejections]
        hidden = unseal(catalog, [one.id for one in rejections if one.id], times)
        for one in rejections:
            assert one.id is not None  # noqa: S101 -- the caller has seen to it
            try:
                event = _mended(one, self._mend, hidden.get(one.id, {}))
                found = _checked(one.id, event, self._rules, self._told)
            except MendingError as error:
                yield Unfit(one.id, str(error))
            else:
                yield Letter(found, orjson.dumps(event))


def _mended(rejection: Rejection, mend: Mend, hidden: dict[str, str]) -> dict[str, Any]:
    """The event with its changes, its true values, its id, and the time of its receipt.

    Raises:
        MendingError: it cannot be made.
    """
    kept: Any = None
    if not rejection.truncated:
        try:
            kept = orjson.loads(rejection.raw)
        except orjson.JSONDecodeError:
            kept = None
    event = mend.whole if mend.whole is not None else kept
    if not isinstance(event, dict) and rejection.events is not None:
        raise MendingError(
            f"it stands for {rejection.events} events that were counted and not kept; let their"
            " client send them again, in smaller requests"
        )
    if not isinstance(event, dict):
        kind = "is kept in part" if rejection.truncated else "is no JSON object"
        raise MendingError(f"it {kind}; give the whole mended event by --file")
    event = unmasked(changed(event, mend.changes), kept, hidden)
    meta = event.setdefault("meta", {})
    if not isinstance(meta, dict):
        raise MendingError('meta is no object; set it, such as --set meta=\'{"stream":"…"}\'')
    meta["id"] = _event_id(rejection, kept)
    if not isinstance(meta.get("dt"), str):
        meta["dt"] = time_text(rejection.received)
    result: dict[str, Any] = event
    return result


def _event_id(rejection: Rejection, kept: Any) -> str:  # noqa: ANN401 -- any JSON value
    """The id that the event had, or one that is always the same for this rejection."""
    meta = kept.get("meta") if isinstance(kept, dict) else None
    given = meta.get("id") if isinstance(meta, dict) else None
    if isinstance(given, str) and given:
        return given
    return str(uuid5(_EVENT_IDS, rejection.id or ""))


def _checked(name: str, event: dict[str, Any], rules: _Rules, mended: str) -> Replay:
    """Hold an event against the schemas and streams of now.

    Raises:
        MendingError: the intake would refuse it, or nothing could tell whether it has arrived.
    """
    received = now_text()
    outcome = rules.pipeline.process(
        [copy.deepcopy(event)], rules.streams, received=received, request_id="replay"
    )
    if not outcome.accepted:
        raise MendingError(_why(outcome))
    ((topic, (line,)),) = outcome.records.items()
    stored = orjson.loads(line)["meta"]
    columns = rules.columns.get(topic)
    meta = columns.field("meta").type if columns is not None else None
    if stored.get("id") != event["meta"]["id"] or meta is None or meta.get_field_index("id") < 0:
        raise MendingError(
            f"events of {topic} are stored without meta.id, so that nothing could tell whether this"
            " one has arrived; send it by hand"
        )
    for bad in parse_lines(line + b"\n", 0, columns).bad:
        raise MendingError(f"no row of the lake can hold it: {why(bad)}")
    try:
        dt = datetime.fromisoformat(stored["dt"])
    except (ValueError, KeyError) as error:
        raise MendingError(f"meta.dt is no time: {error}") from error
    return Replay(
        rejection=name,
        event_id=event["meta"]["id"],
        topic=topic,
        dt=dt,
        mended=mended,
        stream=stored["stream"],
    )


def _why(outcome: Outcome) -> str:
    context = (*outcome.invalid, *outcome.errors)[0]["context"]
    return str(context.get("errorsText") or context.get("message"))


def batches(waiting: Sequence[Letter]) -> Iterator[list[Letter]]:
    """In the order given, within what one request should hold."""
    batch: list[Letter] = []
    size = 0
    for letter in waiting:
        if batch and (len(batch) == BATCH_EVENTS or size + len(letter.body) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += len(letter.body)
    if batch:
        yield batch


def _streams(intake_url: str) -> dict[str, StreamConfig]:
    """The stream configuration that the intake has in force.

    Raises:
        ReplayError: the intake does not answer, or knows none.
    """
    parts = urlsplit(intake_url)
    address = f"{parts.scheme}://{parts.netloc}"
    try:
        with Connection(address, timeout=TIMEOUT_SECONDS) as connection:
            answer = connection.request("GET", "/v1/stream-configs")
        document = json.loads(answer.body)
    except (ConnectionProblemError, ValueError) as error:
        raise ReplayError(
            f"the intake at {address} does not tell its streams: {error}; start the lab, or set"
            " ALLOTMENT_INTAKE_URL"
        ) from error
    streams, _ = parse_streams({"streams": document})
    if not streams:
        raise ReplayError(f"the intake at {address} knows no streams; is the registry up?")
    return streams
