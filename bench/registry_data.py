"""A registry of the size that the bars are about: items in all states, histories, an audit log.

Prototypes are made by the registry itself; the rest are copies of their rows, written in bulk.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from allotment.analysis import reports as analysis
from allotment.analysis.experiment import parse_experiment
from allotment.analysis.metrics import CLICK_THROUGH_RATE
from allotment.analysis.moments import OWN, Measured, Moments
from allotment.analysis.report import Report, make_report
from allotment.lake.catalog import open_catalog
from allotment.registry import audit, lifecycle, storing
from allotment.registry.models import (
    Account,
    AuditEntry,
    Experiment,
    ExperimentSite,
    Group,
    Instrument,
    InstrumentSite,
    Site,
    Stream,
    Team,
)
from allotment.registry.plan import ExperimentPlan, GroupPlan, InstrumentPlan

AnyItem = Experiment | Instrument
_TITLE = "analytics/product_metrics/web/base"
_BATCH = 500
_TEAMS = 20
_STREAMS = 40
_SITES = 900
# Of every twenty items: where they stand.
_STAGES = ("active",) * 12 + ("stopped",) * 3 + ("decided",) * 2 + ("draft",) * 2 + ("archived",)


@dataclass(frozen=True)
class Size:
    """How much there is."""

    items: int = 2_000
    versions: int = 25
    entries: int = 50_000

    @property
    def histories(self) -> int:
        """How many rows of history."""
        return self.items * self.versions


def fill(size: Size) -> Account:
    """Make it all in an empty registry; the account that may do everything."""
    who = Account.objects.create_user("bench", role="admin")
    for number in range(_TEAMS):
        Team.objects.create(name=f"Team {number}").members.add(who)
    _sites()
    _streams()
    streams = list(Stream.objects.order_by("pk"))
    prototypes: tuple[AnyItem, AnyItem] = (_experiment(), _instrument())
    with transaction.atomic():
        for prototype in prototypes:
            _copies(prototype, size, streams, who)
        _audit(size)
    return who


def reports(lake_dir: Path, size: Size) -> None:
    """The latest report of every experiment, in as many commits as an analyst would make in a
    while."""
    made = [_report(f"experiment-{number:04d}") for number in range(size.items // 2)]
    with closing(open_catalog(lake_dir)) as catalog:
        for first in range(0, len(made), _BATCH // 10):
            table = analysis.ensure_reports_table(catalog)
            analysis.append(table, made[first : first + _BATCH // 10])


def _report(name: str) -> Report:
    plan = parse_experiment(
        {
            "name": name,
            "groups": ["control", "treatment"],
            "stream_name": "product_metrics.web_base",
            "schema_id": f"/{_TITLE}/1.3.0",
            "version": "12",
            "active": True,
            "phase_index": 0,
            "end": (timezone.now() + timedelta(days=20)).isoformat(),
        }
    )
    counted = Moments(
        subjects=5000,
        numerator_sum=900,
        denominator_sum=9000,
        numerator_mean=0.18,
        denominator_mean=1.8,
        numerator_variance=0.3,
        denominator_variance=0.5,
        covariance=0.1,
    )
    groups = {"control": counted, "treatment": replace(counted, subjects=5003)}
    snapshots = {"event.product_metrics_web_base": 5}
    measured = Measured(groups, 0, OWN)
    return make_report(plan, CLICK_THROUGH_RATE, measured, snapshots, timezone.now())


def _sites() -> None:
    Site.objects.bulk_create(
        Site(
            name=f"wiki{number:03d}",
            family=f"family{number % 12}",
            domain=f"wiki{number:03d}.example.org",
            environments=["production"],
        )
        for number in range(_SITES)
    )


def _streams() -> None:
    """Some streams beside the two that every registry begins with."""
    first = Stream.objects.order_by("pk").first()
    assert first is not None
    for number in range(_STREAMS - Stream.objects.count()):
        row = copy.copy(first)
        row.pk, row.name = None, f"product_metrics.stream_{number:02d}"
        row._state.adding = True  # noqa: SLF001 - a copy of a row
        lifecycle.save_stream(row)


def _shared() -> dict[str, Any]:
    now = timezone.now().replace(second=0, microsecond=0)
    return {
        "owners": ("Team 1",),
        "end": now + timedelta(days=40),
        "stream": "product_metrics.web_base",
        "attributes": ("page_id", "page_title", "mediawiki_skin", "performer_is_logged_in"),
        "default_rate": Decimal(0),
        "sites": tuple((f"wiki{number:03d}", Decimal("0.1")) for number in range(5)),
        "environments": ("production",),
        "risk_level": "low",
        "acknowledged": True,
        "description": "What it is about, in a few words that people wrote. " * 4,
    }


def _experiment() -> Experiment:
    plan = ExperimentPlan(
        machine_name="prototype-experiment",
        name="Prototype",
        schema_title=_TITLE,
        schema_id=f"/{_TITLE}/1.3.0",
        identifier_type="edge-unique",
        groups=(GroupPlan(name="control"), GroupPlan(name="treatment", weight=1)),
        hypothesis="It helps.",
        **_shared(),
    )
    return lifecycle.activate(lifecycle.create(plan))


def _instrument() -> Instrument:
    plan = InstrumentPlan(
        machine_name="prototype-instrument",
        name="Prototype",
        schema_title=_TITLE,
        sample_unit="session",
        **_shared(),
    )
    return lifecycle.activate(lifecycle.create(plan))


def _copies(prototype: AnyItem, size: Size, streams: list[Stream], who: Account) -> None:
    kind = prototype.KIND
    model = type(prototype)
    now = timezone.now()
    rows: list[Any] = []
    for number in range(size.items // 2):
        row = copy.copy(prototype)
        row._state = copy.copy(prototype._state)  # noqa: SLF001 - a copy of a row
        row._state.adding = True  # noqa: SLF001
        row.pk = None
        row.machine_name, row.name = f"{kind}-{number:04d}", f"{kind.capitalize()} {number}"
        row.owners = [f"Team {number % _TEAMS}"]
        # Most share one stream, as they do where there is a monotable.
        row.stream = streams[0] if number % 3 else streams[number % len(streams)]
        row.creator = row.edited_by = who
        _place(row, _STAGES[number % len(_STAGES)], number, now)
        row.revision, row.version = size.versions, size.versions // 2
        rows.append(row)
    model.objects.bulk_create(rows, batch_size=_BATCH)
    rows = list(model.objects.filter(machine_name__startswith=f"{kind}-").order_by("pk"))
    places = [(f"wiki{number:03d}", Decimal("0.1")) for number in range(5)]
    if kind == "experiment":
        Group.objects.bulk_create(
            (
                Group(experiment=row, name=name, position=position)
                for row in rows
                for position, name in enumerate(("control", "treatment"))
            ),
            batch_size=_BATCH,
        )
        ExperimentSite.objects.bulk_create(
            (ExperimentSite(experiment=row, site=s, rate=r) for row in rows for s, r in places),
            batch_size=_BATCH,
        )
    else:
        InstrumentSite.objects.bulk_create(
            (InstrumentSite(instrument=row, site=s, rate=r) for row in rows for s, r in places),
            batch_size=_BATCH,
        )
    _histories(rows, size, now, who)


def _place(row: AnyItem, stage: str, number: int, now: datetime) -> None:
    row.stage = stage
    row.start = now - timedelta(days=number % 60)
    row.end = now + timedelta(days=1 + number % 60)
    if stage == "active" and number % 7 == 0:
        row.start = now + timedelta(days=2)
        row.end = now + timedelta(days=30)
    row.activated = None if stage == "draft" else row.start
    row.stopped = now if stage in {"stopped", "decided", "archived"} else None
    if stage == "draft":
        row.start = None
    if isinstance(row, Experiment) and stage == "decided":
        row.decision, row.decision_reasons, row.decided = "ship", "It helped.", now


def _histories(rows: list[Any], size: Size, now: datetime, who: Account) -> None:
    model: Any = type(rows[0])
    history: Any = model.history.model
    tracked = [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001
    plan = storing.to_keep(rows[0])

    def made() -> Iterator[Any]:
        for row in rows:
            kept = plan | {"machine_name": row.machine_name, "name": row.name}
            for revision in range(1, size.versions + 1):
                values = {name: getattr(row, name) for name in tracked}
                values |= {"revision": revision, "version": max(1, revision // 2)}
                yield history(
                    **values,
                    history_date=now - timedelta(hours=size.versions - revision, seconds=row.pk),
                    history_type="+" if revision == 1 else "~",
                    history_user=who,
                    history_change_reason=f"Because of reason {revision}",
                    plan=kept | {"hypothesis": f"It helps, says version {revision}."},
                    verb="create" if revision == 1 else "edit",
                )

    history.objects.bulk_create(made(), batch_size=_BATCH)


def _audit(size: Size) -> None:
    last = AuditEntry.objects.order_by("-number").first()
    number, previous = (0, audit.FIRST) if last is None else (last.number, last.hash)
    made = []
    now = timezone.now()
    for step in range(1, size.entries + 1):
        entry = AuditEntry(
            number=number + step,
            when=now - timedelta(seconds=size.entries - step),
            who=f"person-{step % 50}",
            action="edit",
            kind="experiment",
            name=f"experiment-{step % 1000:04d}",
            before=str(step % 25),
            after=str(step % 25 + 1),
            reason=f"Because of reason {step}",
            request=f"{step:016x}",
            detail={},
            previous=previous,
        )
        entry.hash = previous = audit.digest(entry)
        made.append(entry)
    AuditEntry.objects.bulk_create(made, batch_size=_BATCH)
