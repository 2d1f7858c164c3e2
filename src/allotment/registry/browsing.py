"""Finding items in the database: words, filters, order, pages; the queries are always as many."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import (
    Case,
    CharField,
    DateTimeField,
    F,
    IntegerField,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Lower
from django.utils import timezone

from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import (
    Account,
    Experiment,
    ExperimentSite,
    Instrument,
    InstrumentSite,
    Site,
)
from allotment.registry.sites import FAMILY_PREFIX
from allotment.registry.states import Stage, State

ORDER = (
    State.RUNNING,
    State.SCHEDULED,
    State.READY,
    State.DRAFT,
    State.STOPPED,
    State.DECIDED,
    State.ARCHIVED,
)
SORTS = ("status", "name", "start", "changed")
EVERY_STATUS = "all"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_WORDS = 10
Key = tuple[str, int]
_Items = type[Experiment] | type[Instrument]
_Rows = type[ExperimentSite] | type[InstrumentSite]
_SITES: tuple[tuple[_Items, _Rows, str], ...] = (
    (Experiment, ExperimentSite, "experiment"),
    (Instrument, InstrumentSite, "instrument"),
)


@dataclass(frozen=True)
class Wanted:
    """What is looked for; "" and None stand for anything.

    `status` "" leaves out the archive, `EVERY_STATUS` nothing. `owners` are names of which one must
    own the item. `since` and `until` are days in the reader's zone on which it may have run.
    """

    words: tuple[str, ...] = ()
    kind: str = ""
    status: str = ""
    owners: tuple[str, ...] | None = None
    site: str = ""
    since: date | None = None
    until: date | None = None
    sort: str = "status"


@dataclass
class Shelf:
    """What `Wanted` finds at a moment; a page is read only when it is asked for."""

    wanted: Wanted
    now: datetime
    _queries: list[QuerySet[Any]] = field(init=False)

    def __post_init__(self) -> None:
        self._queries = [
            self._of(model, rows, key)
            for model, rows, key in _SITES
            if self.wanted.kind in {"", model.KIND}
        ]

    def count(self) -> int:
        """How many there are."""
        return sum(query.count() for query in self._queries)

    def page(self, begin: int, end: int) -> tuple[AnyItem, ...]:
        """The items from one place to before another, in the order that is wanted."""
        return fetched(self.keys(begin, end))

    def keys(self, begin: int, end: int) -> list[Key]:
        """The same as kinds and keys, without reading the items."""
        if not self._queries:
            return []
        columns = ("of_kind", "pk", *_COLUMNS[self.wanted.sort])
        first, *others = [query.values(*columns) for query in self._queries]
        rows: QuerySet[Any] = first.union(*others, all=True) if others else first
        listed = rows.order_by(*_ORDERS[self.wanted.sort])[begin:end]
        return [(row["of_kind"], row["pk"]) for row in listed]

    def _of(self, model: _Items, rows: _Rows, key: str) -> QuerySet[Any]:
        columns = {name: _column(name, self.now) for name in _COLUMNS[self.wanted.sort]}
        found: QuerySet[Any] = model.objects.annotate(
            of_kind=Value(model.KIND, output_field=CharField()),
            **{name: column for name, column in columns.items() if column is not None},
        )
        wanted = self.wanted
        for word in wanted.words[:_MOST_WORDS]:
            found = found.filter(has_word(word))
        if wanted.owners is not None:
            found = owned_by(found, wanted.owners)
        if wanted.site:
            there = rows.objects.filter(site__in=_rows_of(wanted.site))
            found = found.filter(Q(pk__in=there.values(f"{key}_id")) | Q(default_rate__gt=0))
        return found.filter(_when(wanted), *_standing(wanted.status, self.now))


_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "status": ("place", "folded"),
    "name": ("folded",),
    "start": ("from_start", "folded"),
    "begins": ("from_start", "folded"),
    "changed": ("changed", "folded"),
}
_ORDERS: Mapping[str, tuple[str, ...]] = {
    "status": ("place", "folded", "of_kind", "pk"),
    "name": ("folded", "of_kind", "pk"),
    "start": ("-from_start", "folded", "of_kind", "pk"),
    "begins": ("from_start", "folded", "of_kind", "pk"),
    "changed": ("-changed", "folded", "of_kind", "pk"),
}


def fetched(keys: Sequence[Key]) -> tuple[AnyItem, ...]:
    """The items of these kinds and keys, in this order, with streams, sites and groups."""
    found: dict[Key, AnyItem] = {}
    for model, related in ((Experiment, ("sites", "groups", "layer")), (Instrument, ("sites",))):
        wanted = [key for kind, key in keys if kind == model.KIND]
        rows: QuerySet[Any] = model.objects.filter(pk__in=wanted)
        for item in rows.select_related("stream").prefetch_related(*related):
            found[(model.KIND, item.pk)] = item
    return tuple(found[key] for key in keys if key in found)


def own_names(account: Account) -> tuple[str, ...]:
    """The names by which items belong to an account."""
    return (f"@{account.username}", *sorted(account.team_names))


def owned_by(rows: QuerySet[Any], owners: Sequence[str]) -> QuerySet[Any]:
    """The rows of which one of these names is an owner, as JSON writes it, with escapes or not."""
    found = Q(pk__in=())
    for owner in owners:
        for written in {json.dumps(owner), json.dumps(owner, ensure_ascii=False)}:
            found |= Q(named__icontains=written)
    owned: QuerySet[Any] = rows.annotate(named=Cast("owners", TextField())).filter(found)
    return owned


def owner_names() -> list[str]:
    """Every name that owns something, people after teams."""
    found: set[str] = set()
    for model in (Experiment, Instrument):
        for owners in model.objects.values_list("owners", flat=True).distinct():
            found.update(owner for owner in owners if isinstance(owner, str))
    return sorted(found, key=lambda name: (name.startswith("@"), name.casefold()))


def site_names() -> list[str]:
    """Every site that an item names or that is registered; families are no sites."""
    found = set(Site.objects.values_list("name", flat=True))
    for _, rows, _ in _SITES:
        found.update(rows.objects.values_list("site", flat=True).distinct())
    return sorted(name for name in found if not name.startswith(FAMILY_PREFIX))


def in_state(state: State, now: datetime) -> Q:
    """The condition for a row to be in a state at a moment; the same as `states.state_at`."""
    live = Q(stage=Stage.ACTIVE)
    if state is State.RUNNING:
        return live & Q(end__gte=now) & (Q(start__isnull=True) | Q(start__lte=now))
    if state is State.SCHEDULED:
        return live & Q(end__gte=now, start__gt=now)
    if state is State.STOPPED:
        return Q(stage=Stage.STOPPED) | (live & Q(end__lt=now))
    return Q(stage=state.value)


def _standing(status: str, now: datetime) -> tuple[Q, ...]:
    if not status:
        return (~Q(stage=Stage.ARCHIVED),)
    return () if status == EVERY_STATUS else (in_state(State(status), now),)


def _column(name: str, now: datetime) -> Any:  # noqa: ANN401 - Django's expressions
    """What rows are put in order by; None for a column that the table has."""
    if name == "place":
        return _place(now)
    if name == "folded":
        return Lower("name")
    if name == "from_start":
        when = DateTimeField()
        return Coalesce(F("start"), Value(_NEVER, output_field=when), output_field=when)
    return None


def _place(now: datetime) -> Case:
    """Where a row stands in the order of states."""
    return Case(
        *(When(in_state(state, now), then=Value(place)) for place, state in enumerate(ORDER)),
        default=Value(len(ORDER)),
        output_field=IntegerField(),
    )


def has_word(word: str) -> Q:
    """A word in the name, the machine name or the description.

    SQLite folds the case of ASCII letters alone, so the usual spellings are asked for.
    """
    found = Q()
    for spelling in {word, word.lower(), word.upper(), word.capitalize()}:
        for column in ("name", "machine_name", "description"):
            found |= Q(**{f"{column}__icontains": spelling})
    return found


def _rows_of(site: str) -> list[str]:
    """The names by which items may speak of a site: its own, and its family's."""
    family = Site.objects.filter(name=site).exclude(family="").values_list("family", flat=True)
    return [site, *(f"{FAMILY_PREFIX}{name}" for name in family)]


def _when(wanted: Wanted) -> Q:
    found = Q()
    zone = timezone.get_current_timezone()
    if wanted.since is not None:
        begin = datetime.combine(wanted.since, time.min, zone)
        found &= Q(end__gte=begin) & (Q(stopped__isnull=True) | Q(stopped__gte=begin))
    if wanted.until is not None:
        end = datetime.combine(wanted.until, time.min, zone) + timedelta(days=1)
        found &= Q(start__isnull=True) | Q(start__lt=end)
    return found
