"""The public configuration: documents shaped from the database, in the published forms.

Shapes: instruments and experiments as the current clients read them, streams as the stream
configuration API gives them. One row that cannot be read or shaped is left out, counted and
logged; it never hides the others, and a database that does not answer is an error, never an empty
list.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError
from django.db.models import Model, QuerySet

from allotment.allocation import parse_experiment, parse_sample_rate
from allotment.registry import edge_shape, environments, holdouts, stream_documents
from allotment.registry.models import Experiment, Instrument, Phase, Site, Stream
from allotment.registry.plan import rate_text
from allotment.registry.remembered import Memory
from allotment.registry.sites import SiteBook
from allotment.registry.states import LIVE, Stage
from allotment.registry.surroundings import all_facts, facts_of, range_of

_LOG = logging.getLogger(__name__)
_Row = TypeVar("_Row", bound=Model)
_NAME_FIELDS: dict[type[Model], str] = {
    Stream: "name",
    Site: "name",
    Phase: "experiment__machine_name",
}
_UNSHAPEABLE = (
    *(ValueError, TypeError, ArithmeticError, LookupError, AttributeError),
    ObjectDoesNotExist,
)
Document = dict[str, Any]


_EDGE_KEEPS = timedelta(hours=24)
_REVIEWED = "in the registry"
"""What everybody may know of a review: that there is one. Where it is written is not theirs."""
IdentifierType = Experiment.IdentifierType


@dataclass
class Shaped:
    """Documents in order, and the names of the rows that had to be left out by a fault.

    What people switched off is not left out: it is not served any more. `moments` are starts and
    ends, as texts, that decide what the documents say beside those that stand in them.
    """

    documents: list[Document] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    moments: list[tuple[str, str]] = field(default_factory=list)


def experiments(
    now: datetime,
    *,
    analytics: bool = False,
    environment: str | None = None,
    identifier_type: str | None = None,
    memory: Memory | None = None,
    only: int | None = None,
    book: SiteBook | None = None,
) -> Shaped:
    """Active and future experiments; of one environment and one identifier type where given.

    For analytics also ended and switched-off ones, and every earlier phase, each with whether it is
    switched on, and since when not. With a `memory`, what was not written since is not read again;
    `only` is the key of one that is wanted alone, `book` are the sites where they are known.
    """
    known = memory or Memory()
    served = {"activated__isnull": False} if analytics else {"stage": Stage.ACTIVE}
    one = {} if only is None else {"pk": only}
    rows = Experiment.objects.filter(**served, **one).order_by("machine_name")
    rows = rows.prefetch_related("groups", "sites", "stream", "layer")
    book = sites(memory) if book is None else book

    def shape(row: Experiment) -> Document | None:
        if identifier_type not in {None, row.identifier_type}:
            return None
        if analytics:
            if environment is not None and environment not in _texts(row.environments):
                return None
        elif not is_served(row, now, environment):
            return None
        shaped = known.made(row, environment, lambda: experiment(row, book, environment))
        return _with_run(shaped, row) if analytics else shaped

    def closed(row: Phase) -> Document | None:
        found = _closed(row)
        if identifier_type not in {None, found.get("user_identifier_type")}:
            return None
        where = row.plan.get("environments") if isinstance(row.plan, dict) else None
        return found if environment is None or environment in _texts(where) else None

    found = _shape_each(rows, shape, memory)
    if analytics:
        of_one = {} if only is None else {"experiment": only}
        phases = Phase.objects.filter(**of_one).select_related("experiment").order_by("pk")
        earlier = _shape_each(phases, closed, memory)
        found.documents = sorted(
            [*found.documents, *earlier.documents], key=lambda d: (d["name"], d["phase_index"])
        )
        found.left_out += earlier.left_out
    return found


def _closed(row: Phase) -> Document:
    if not isinstance(row.document, dict) or not {"name", "phase_index"} <= row.document.keys():
        raise TypeError(f"the document of {row} is {row.document!r}")
    return {**row.document, "superseded": True}


def instruments(
    now: datetime,
    *,
    environment: str | None = None,
    memory: Memory | None = None,
    only: int | None = None,
    book: SiteBook | None = None,
) -> Shaped:
    """Active and future instruments; arguments as for experiments."""
    known = memory or Memory()
    one = {} if only is None else {"pk": only}
    rows = Instrument.objects.filter(stage=Stage.ACTIVE, **one).order_by("machine_name")
    rows = rows.prefetch_related("sites", "stream")
    book = sites(memory) if book is None else book

    def shape(row: Instrument) -> Document | None:
        if not is_served(row, now, environment):
            return None
        return known.made(row, environment, lambda: instrument(row, book, environment))

    return _shape_each(rows, shape, memory)


def sites(memory: Memory | None = None) -> SiteBook:
    """The registered sites; one that cannot be read is as good as not registered."""
    try:
        facts = all_facts()
    except _UNSHAPEABLE:
        rows = _read_each(Site.objects.order_by("name"), Shaped())
        facts = {name: facts_of(row) for name, row in rows}
    return SiteBook(facts) if memory is None else memory.book(facts)


def is_served(row: Experiment | Instrument, now: datetime, environment: str | None) -> bool:
    """Whether a row is on, now or later, in an environment; None: in any."""
    if row.state(now) not in LIVE:
        return False
    return environment is None or environments.is_served(
        environment, item=_texts(row.environments), stream=_texts(row.stream.environments)
    )


def edge_experiments(
    now: datetime, *, environment: str | None = None, memory: Memory | None = None
) -> Shaped:
    """Experiments by browser as a content delivery network reads them, each with its `name`.

    Those that ended less than a day ago stay, with the end that they had.
    """
    known = memory or Memory()
    found = experiments(
        now,
        analytics=True,
        environment=environment,
        identifier_type=IdentifierType.BROWSER,
        memory=memory,
    )
    hosts = {
        site.name: site.domain
        for site in sites(memory).sites.values()
        if environment is None or environment in site.environments
    }
    oldest = _time(now - _EDGE_KEEPS)
    by_name: dict[str, Document] = {}
    for item in found.documents:
        if edge_shape.over_at(item) < oldest:
            continue
        try:
            # The version of a phase names what is in it; only its end and its stop come beside it.
            parts = ("name", "phase_index", "version", "start", "end", "stopped")
            shaped, nameless = known.made_once(
                (environment, *(item[part] for part in parts)),
                partial(edge_shape.document, item, hosts),
            )
        except _UNSHAPEABLE as error:
            _leave_out(found, item["name"], error)
            continue
        if nameless:
            _LOG.warning("%s: no host name for %s", item["name"], ", ".join(nameless))
        by_name[item["name"]] = {"name": item["name"], **shaped}
    return Shaped(list(by_name.values()), found.left_out)


def streams(now: datetime, *, site: str | None = None) -> Shaped:
    """Every entry, as if all were asked for."""
    found = stream_material(now)
    return Shaped(list(shown_streams(found.documents, None, site=site).values()), found.left_out)


def shown_streams(
    material: Iterable[Document], names: Collection[str] | None, *, site: str | None
) -> dict[str, Document]:
    """The entries that are asked for, by the name that they are asked for by; None: all."""
    entries = {document["stream"]: document for document in material}
    return {
        name: instrument_stream(entry["instrument"], site=site) if "instrument" in entry else entry
        for name, entry in stream_documents.chosen(entries, names)
    }


def stream_material(
    now: datetime, *, environment: str | None = None, memory: Memory | None = None
) -> Shaped:
    """What stream configurations are made of, in their order.

    Each stream with the attributes that running experiments ask for, then each running instrument
    as `{"stream": its name, "instrument": its document}`: its rate depends on who asks.
    """
    running = experiments(now, environment=environment, memory=memory)
    measured = instruments(now, environment=environment, memory=memory)
    return _stream_material(running, measured, now, environment)


def _stream_material(
    running: Shaped, measured: Shaped, now: datetime, environment: str | None = None
) -> Shaped:
    asked: dict[str, list[str]] = {}
    for document in running.documents:
        if _runs(document, now):
            asked.setdefault(document["stream_name"], []).extend(document["contextual_attributes"])

    def shape(row: Stream) -> Document | None:
        if environment is not None and environment not in _texts(row.environments):
            return None
        return stream(row, asked.get(row.name, []))

    found = _shape_each(Stream.objects.order_by("name"), shape)
    names = {document["stream"] for document in found.documents}
    for document in measured.documents:
        if _runs(document, now) and document["name"] not in names:
            found.documents.append({"stream": document["name"], "instrument": document})
    found.left_out += running.left_out + measured.left_out
    found.moments = [(d["start"], d["end"]) for d in running.documents + measured.documents]
    return found


def experiment(
    row: Experiment, book: SiteBook | None = None, environment: str | None = None
) -> Document:
    """One experiment in the current form, with our weights, layer, holdouts and targeting.

    Args:
        row: the experiment.
        book: the registered sites, for its families; read where not given.
        environment: leaves out sites and holdouts of other environments.

    Raises:
        ValueError: the row is not usable as a configuration.
    """
    groups = list(row.groups.all())
    document = {
        "name": row.machine_name,
        "start": _time(row.start),
        "end": _time(row.end),
        "user_identifier_type": row.identifier_type,
        "sample_rate": sample_rate(row, book or sites(), environment),
        "groups": [group.name for group in groups],
        "weights": [group.weight for group in groups],
        "stream_name": row.stream.name,
        "schema_id": row.schema_id,
        "contextual_attributes": _texts(row.attributes),
        "version": str(row.version),
        "phase_index": row.phase_index,
    }
    owned = range_of(row)
    if row.layer is not None and owned is not None:
        document["layer"] = {"name": row.layer.name, "begin": owned.begin, "end": owned.end}
    if held_out := holdouts.served(row.holdouts, environment):
        document["holdouts"] = held_out
    if row.holds_out:
        document["holds_out"] = _texts(row.holds_out)
    if row.targeting:
        document["targeting"] = _targeting(row.targeting)
    parse_experiment(document)
    return document


def of_analytics(
    row: Experiment, book: SiteBook | None = None, environment: str | None = None
) -> Document:
    """One experiment as analysis reads it: also when it is off, and since when.

    `versions` are the first and the last version of this phase.

    Raises:
        ValueError: the row is not usable as a configuration.
    """
    return _with_run(experiment(row, book, environment), row)


def _with_run(document: Document, row: Experiment) -> Document:
    return {
        **document,
        "active": row.active,
        "stopped": None if row.stopped is None else _time(row.stopped),
        "versions": [str(row.first_version), str(row.version)],
    }


def instrument(
    row: Instrument, book: SiteBook | None = None, environment: str | None = None
) -> Document:
    """One instrument in the current form, with our targeting; arguments as for an experiment.

    Raises:
        ValueError: the row is not usable as a configuration.
    """
    document = {
        "name": row.machine_name,
        "start": _time(row.start),
        "end": _time(row.end),
        "sample_unit": row.sample_unit,
        "sample_rate": sample_rate(row, book or sites(), environment),
        "stream_name": row.stream.name,
        "schema_title": row.stream.schema_title,
        "contextual_attributes": _texts(row.attributes),
    }
    if row.targeting:
        document["targeting"] = _targeting(row.targeting)
    parse_sample_rate(row.machine_name, document["sample_rate"])
    return document


def stream_documents_of(rows: QuerySet[Stream]) -> Shaped:
    """Some streams, without what items ask for."""
    return _shape_each(rows, stream)


def stream(row: Stream, asked: Iterable[str] = ()) -> Document:
    """One stream: its own settings over the defaults, and what is asked for on it merged into
    `provide_values`; without the topics that follow from its name."""
    own = row.settings
    if not isinstance(own, dict):
        raise TypeError(f"the settings of {row.name} are {own!r}; they must be an object")
    if stream_documents.is_pattern(row.name):
        stream_documents.pattern_of(row.name)
    found = stream_documents.merged(settings.ALLOTMENT.stream_defaults, own)
    stream_documents.check_lists(found)
    values = list(dict.fromkeys([*_texts(row.attributes), *asked]))
    producers = dict(found.get("producers") or {})
    client = dict(producers.get("metrics_platform_client") or {})
    values = list(dict.fromkeys([*client.get("provide_values", []), *values]))
    producers["metrics_platform_client"] = {**client, "provide_values": values}
    if "review_link" in found:
        found["review_link"] = _REVIEWED if found["review_link"] else ""
    return {
        **found,
        "stream": row.name,
        "schema_title": row.schema_title,
        "destination_event_service": row.destination_event_service,
        "producers": producers,
    }


def instrument_stream(document: Document, *, site: str | None) -> Document:
    """An instrument's document as a stream that is addressed by the instrument's name."""
    rates = parse_sample_rate(document["name"], document["sample_rate"])
    return {
        "stream": document["name"],
        "schema_title": document["schema_title"],
        "producers": {
            "metrics_platform_client": {
                "provide_values": document["contextual_attributes"],
                "stream_name": document["stream_name"],
            }
        },
        "sample": {"unit": document["sample_unit"], "rate": _number(rates.at(site))},
    }


def sample_rate(
    row: Experiment | Instrument, book: SiteBook, environment: str | None = None
) -> Document:
    """`{"default": 0.5, "0.1": ["frwiki"]}`: the default, then each rate with its sites.

    Families are written out. A named site of other environments has the rate 0, not the default.
    """
    rates: Document = {"default": _number(float(row.default_rate))}
    named = book.rates([(place.site, place.rate) for place in row.sites.all()])
    for site, rate in named.items():
        here = environment is None or environment in book.environments(site, {environment})
        rates.setdefault(rate_text(rate) if here else "0", []).append(site)
    return rates


def _targeting(found: object) -> Document:
    if not isinstance(found, dict) or not all(isinstance(tests, dict) for tests in found.values()):
        raise TypeError(f"targeting is {found!r}; it must be an object of objects")
    return found


def _shape_each(
    rows: QuerySet[_Row],
    shape: Callable[[_Row], Document | None],
    memory: Memory | None = None,
) -> Shaped:
    found = Shaped()
    for name, row in _read_known(rows, found, memory):
        try:
            document = shape(row)
        except _UNSHAPEABLE as error:
            _leave_out(found, name, error)
            continue
        if document is not None:
            found.documents.append(document)
    return found


def _read_known(
    rows: QuerySet[_Row], found: Shaped, memory: Memory | None
) -> list[tuple[str, _Row]]:
    """The same as `_read_each`, where a memory has what was not written since."""
    if memory is not None:
        try:
            return memory.rows(rows, lambda unknown: _read_each(unknown, found))
        except DatabaseError:
            raise
        except _UNSHAPEABLE as error:
            _LOG.warning("%s: read anew, for a row is damaged: %s", rows.model.__name__, error)
    return _read_each(rows, found)


def _read_each(rows: QuerySet[_Row], found: Shaped) -> list[tuple[str, _Row]]:
    """All rows at once; where one of them cannot be read, one by one without it."""
    try:
        return [(str(row), row) for row in rows]
    except DatabaseError:
        raise
    except (ValueError, TypeError, ArithmeticError, LookupError):
        read: list[tuple[str, _Row]] = []
    for key, name in rows.values_list("pk", _NAME_FIELDS.get(rows.model, "machine_name")):
        try:
            read.append((name, rows.get(pk=key)))
        except _UNSHAPEABLE as error:
            _leave_out(found, name, error)
    return read


def _leave_out(found: Shaped, name: str, error: Exception) -> None:
    found.left_out.append(name)
    _LOG.error("left %s out of the public configuration: %s", name, error)


def _runs(document: Document, now: datetime) -> bool:
    return bool(document["start"] <= _time(now) <= document["end"])


def _time(moment: datetime | None) -> str:
    if moment is None:
        raise ValueError("a date is missing or is no date")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _texts(found: object) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise TypeError(f"{found!r} is no list of texts")
    return list(found)


def _number(rate: float) -> float | int:
    return int(rate) if rate.is_integer() else rate
