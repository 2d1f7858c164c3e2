"""What a plan is judged against, read from the database: one object reads each thing once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

from django.conf import settings

from allotment.allocation import first_group_end
from allotment.registry import schema_catalog
from allotment.registry.attributes import APP_TITLE, WEB_TITLE
from allotment.registry.holdouts import Holdout, covered
from allotment.registry.layers import SPACE, Range
from allotment.registry.models import (
    CapException,
    Experiment,
    Instrument,
    Layer,
    Site,
    Stream,
)
from allotment.registry.plan import AnyPlan, ExperimentPlan
from allotment.registry.rules.facts import Owner, StreamFacts, Surroundings
from allotment.registry.sites import SiteBook, SiteFacts
from allotment.registry.states import LIVE, Stage, state_at

AnyItem = Experiment | Instrument
_USER_AGENT = "user-agent"


class Neighborhood:
    """The database at one moment. Make a new one for each change: nothing is read twice."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def around(self, plan: AnyPlan, item: AnyItem | None = None) -> Surroundings:
        """What surrounds a plan; `item` is the row that has it, where there is one."""
        own = {(type(item), item.pk)} if item is not None else set()
        layer = plan.layer if isinstance(plan, ExperimentPlan) else ""
        return Surroundings(
            taken=self._taken_by_others(item),
            book=self.book,
            stream=self.streams.get(plan.stream, StreamFacts()),
            exceptions=self._exceptions.get(plan.machine_name, {}),
            layers=self._layers,
            owners=tuple(
                owner
                for owner, of_layer, key in self._owners
                if of_layer == layer and (Experiment, key) not in own
            ),
            approval_from=settings.ALLOTMENT.approval_from,
        )

    @cached_property
    def book(self) -> SiteBook:
        """All registered sites."""
        return SiteBook(all_facts())

    @cached_property
    def streams(self) -> Mapping[str, StreamFacts]:
        """Each stream by name, as far as items are judged by it."""
        return {row.name: _stream(row) for row in Stream.objects.all()}

    @property
    def taken_ranges(self) -> Mapping[str, list[Range]]:
        """The ranges that live experiments own, by layer."""
        found: dict[str, list[Range]] = {}
        for owner, layer, _ in self._owners:
            found.setdefault(layer, []).append(owner.range)
        return found

    def taken_in(self, layer: str) -> list[Range]:
        """The ranges that live experiments of a layer own."""
        return self.taken_ranges.get(layer, [])

    def owners(self, layer: str) -> list[tuple[str, Decimal]]:
        """The live experiments of a layer, each with its part of it, 0 to 1, lowest range first."""
        found = sorted(
            (owner for owner, of_layer, _ in self._owners if of_layer == layer),
            key=lambda owner: owner.range,
        )
        share = [(Decimal(o.range.width) / SPACE).quantize(Decimal("0.0001")) for o in found]
        return [(owner.name, part) for owner, part in zip(found, share, strict=True)]

    def _taken_by_others(self, item: AnyItem | None) -> frozenset[str]:
        name = None if item is None else self._names.get((type(item), item.pk))
        return self._taken if name is None or self._bearers[name] > 1 else self._taken - {name}

    @cached_property
    def _taken(self) -> frozenset[str]:
        return frozenset(self._bearers)

    @cached_property
    def _bearers(self) -> Counter[str]:
        return Counter(self._names.values())

    def holdouts_of(self, plan: ExperimentPlan) -> list[Holdout]:
        """The holdouts that are on and cover an experiment; a holdout is covered by none."""
        if plan.holds_out:
            return []
        found = (plan.machine_name, plan.identifier_type, plan.layer)
        return [holdout for holdout in self.holdouts if holdout.holds_out(*found)]

    def held_by(self, plan: ExperimentPlan) -> tuple[list[str], list[str]]:
        """The experiments that are on and have taken a holdout, and those that are covered but were
        on before; by name."""
        rows = Experiment.objects.filter(stage=Stage.ACTIVE, holds_out=[])
        columns = ("machine_name", "identifier_type", "layer__name", "holdouts", "start", "end")
        within, without = [], []
        for name, identifier, layer, taken, start, end in rows.order_by("machine_name").values_list(
            *columns
        ):
            if state_at(Stage.ACTIVE, start, end, self._now) not in LIVE:
                continue
            if any(found["name"] == plan.machine_name for found in taken):
                within.append(name)
            elif identifier == plan.identifier_type and covered(plan.holds_out, name, layer or ""):
                without.append(name)
        return within, without

    @cached_property
    def holdouts(self) -> list[Holdout]:
        """The holdouts that are on, now or later."""
        rows = Experiment.objects.filter(stage=Stage.ACTIVE).exclude(holds_out=[])
        return [
            Holdout(
                name=row.machine_name,
                identifier_type=row.identifier_type,
                covers=tuple(row.holds_out),
                end=first_group_end([group.weight for group in row.groups.all()]),
                environments=tuple(row.environments),
            )
            for row in rows.prefetch_related("groups").order_by("machine_name")
            if row.state(self._now) in LIVE
        ]

    @cached_property
    def _names(self) -> dict[tuple[type, int], str]:
        return {
            (model, key): name
            for model, field in (
                (Experiment, "machine_name"),
                (Instrument, "machine_name"),
                (Stream, "name"),
            )
            for key, name in model.objects.values_list("pk", field)
        }

    @cached_property
    def _exceptions(self) -> Mapping[str, Mapping[str, Decimal]]:
        found: dict[str, dict[str, Decimal]] = {}
        for row in CapException.objects.all():
            found.setdefault(row.machine_name, {})[row.site] = row.cap
        return found

    @cached_property
    def _layers(self) -> frozenset[str]:
        return frozenset(Layer.objects.values_list("name", flat=True))

    @cached_property
    def _owners(self) -> list[tuple[Owner, str, int]]:
        rows = Experiment.objects.filter(
            stage=Stage.ACTIVE, layer_begin__isnull=False, layer_end__isnull=False
        )
        found = []
        for row in rows.select_related("layer"):
            if row.layer is None or row.layer_begin is None or row.layer_end is None:
                continue
            if row.state(self._now) in LIVE:
                owned = Range(row.layer_begin, row.layer_end)
                owner = Owner(
                    name=row.machine_name, identifier_type=row.identifier_type, range=owned
                )
                found.append((owner, row.layer.name, row.pk))
        return found


def range_of(item: AnyItem) -> Range | None:
    """The range that an item owns in its layer; None before it was switched on."""
    if not isinstance(item, Experiment) or item.layer_begin is None or item.layer_end is None:
        return None
    return Range(item.layer_begin, item.layer_end)


def facts_of(row: Site) -> SiteFacts:
    """A registered site as the rules read it."""
    return SiteFacts(
        name=row.name,
        label=row.label,
        family=row.family,
        environments=tuple(row.environments),
        cap=row.cap,
        domain=row.domain,
    )


def all_facts() -> dict[str, SiteFacts]:
    """Every registered site by name: as columns, since rows of a thousand sites take long."""
    columns = ("name", "label", "family", "environments", "cap", "domain")
    return {
        name: SiteFacts(
            name=name,
            label=label,
            family=family,
            environments=tuple(environments),
            cap=cap,
            domain=domain,
        )
        for name, label, family, environments, cap, domain in Site.objects.order_by(
            "name"
        ).values_list(*columns)
    }


def _stream(row: Stream) -> StreamFacts:
    return StreamFacts(
        environments=tuple(row.environments),
        attributes=tuple(row.attributes),
        fields=custom_fields(row.schema_title),
        keeps_user_agent=_USER_AGENT in str(_hoisted(row.settings)).lower(),
    )


def _hoisted(found: Any) -> Any:  # noqa: ANN401 - JSON as people wrote it
    """What a stream asks the intake to fill from request headers."""
    for key in ("producers", "eventgate", "enrich_fields_from_http_headers"):
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    return {field: header for field, header in found.items() if header}


@lru_cache(maxsize=256)
def custom_fields(title: str) -> tuple[str, ...]:
    """The paths of a custom schema's fields; of a base schema none: only attributes fill those."""
    if title in {WEB_TITLE, APP_TITLE}:
        return ()
    uri = schema_catalog.latest_uri(title)
    return tuple(_paths(schema_catalog.repository().load(uri).body)) if uri else ()


def _paths(schema: Mapping[str, Any], at: str = "") -> Iterator[str]:
    for name, node in schema.get("properties", {}).items():
        yield f"{at}{name}"
        if isinstance(node, Mapping):
            yield from _paths(node, f"{at}{name}.")
