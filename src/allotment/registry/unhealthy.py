"""What is ill in the lab as far as the registry knows it, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError
from django.urls import reverse
from django.utils.translation import gettext as _

from allotment.contract.check import Finding, Severity
from allotment.registry import browsing, nightly, served
from allotment.registry.models import Experiment, Instrument
from allotment.registry.results import shown
from allotment.registry.served import Question
from allotment.registry.states import State
from allotment.registry.words import subjects

if TYPE_CHECKING:  # the lab's engines take seconds to load
    from allotment.analysis.report import Report

_KINDS = {"experiment", "instrument", "stream"}


@dataclass(frozen=True)
class Ill:
    """One thing that is ill: `name` is what has it, "" for the lab; `rule` is the check's."""

    tone: str
    name: str
    headline: str
    text: str
    remedy: str
    address: str
    rule: str = ""
    since: datetime | None = None


def everything(
    now: datetime, latest: Mapping[tuple[str, int], Report], *, fault: bool
) -> list[Ill]:
    """All that is ill; `latest` are the reports by experiment and phase, `fault`: unreadable."""
    found = [*_left_out(now), *_stale(now), *_uneven(now, latest)]
    if fault:
        found.append(_unreadable())
    report = nightly.latest(settings.ALLOTMENT.registry_dir)
    if report is not None:
        found += [of_finding(f, report.when) for f in report.findings if f.severity != "note"]
    return sorted(found, key=lambda ill: ill.tone != "bad")


def of_finding(finding: Finding, when: datetime) -> Ill:
    """A finding of the check that runs by itself."""
    return Ill(
        tone="bad" if finding.severity is Severity.ERROR else "warn",
        name=finding.place.name,
        headline=finding.headline,
        text=f"{finding.what} {finding.consequence}".strip(),
        remedy=finding.remedy,
        address=address(finding.place.kind, finding.place.name),
        rule=finding.rule,
        since=when,
    )


def address(kind: str, name: str) -> str:
    """Where a thing is looked at; the directory for the lab as a whole."""
    return reverse(kind, args=[name]) if kind in _KINDS and name else reverse("directory")


def _left_out(now: datetime) -> Iterator[Ill]:
    names = served.left_out(now)
    kinds = {
        name: model.KIND
        for model in (Experiment, Instrument)
        for name in model.objects.filter(machine_name__in=names).values_list(
            "machine_name", flat=True
        )
    }
    for name in names:
        yield Ill(
            "bad",
            name,
            _("cannot be served"),
            _("Its stored configuration is damaged; sites do not get it. All others are served."),
            _("Open it, look at each field and save it again."),
            address(kinds.get(name, "stream"), name),
        )


def _stale(now: datetime) -> Iterator[Ill]:
    for kind in ("experiments", "instruments", "streams"):
        try:
            answer = served.answer(Question(kind), now)
        except DatabaseError:
            continue
        if answer.stale:
            yield Ill(
                "bad",
                "",
                _("Sites are served an old copy of the %(kind)s") % {"kind": kind},
                _("What is stored has vanished without anybody's doing, or cannot be read."),
                _("Look at the registry's log and its database."),
                reverse("directory"),
            )


def _uneven(now: datetime, latest: Mapping[tuple[str, int], Report]) -> Iterator[Ill]:
    """Experiments that run and whose groups are not the size that they should be."""
    bad = {key for key, report in latest.items() if report.sample_ratio.healthy is False}
    if not bad:
        return
    running = Experiment.objects.filter(
        browsing.in_state(State.RUNNING, now), machine_name__in={name for name, _ in bad}
    )
    for item in running.order_by("machine_name"):
        report = latest.get((item.machine_name, item.phase))
        if report is None or (item.machine_name, item.phase) not in bad:
            continue
        health = shown(report, subjects(item.identifier_type)).health
        yield Ill(
            "bad",
            item.name,
            health.headline,
            health.text,
            "",
            reverse("experiment-health", args=[item.machine_name]),
            since=report.computed_at,
        )


def _unreadable() -> Ill:
    return Ill(
        "warn",
        "",
        _("The reports in the lake cannot be read"),
        _("No experiment shows its results."),
        _("Look at the registry's log; it names the cause."),
        reverse("directory"),
    )
