"""What is ill in the lab as far as the registry knows it, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import DatabaseError
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from allotment.analysis import lab_ledger
from allotment.contract.check import Finding, Severity
from allotment.registry import browsing, consumers, nightly, served
from allotment.registry.consumers import Consumer
from allotment.registry.models import ConfigurationVersion, Experiment, Instrument
from allotment.registry.moments import spoken
from allotment.registry.numbers import whole
from allotment.registry.results import shown
from allotment.registry.served import Question
from allotment.registry.states import State
from allotment.registry.translated import told
from allotment.registry.words import subjects

if TYPE_CHECKING:  # the lab's engines take seconds to load
    from allotment.analysis.lab_ledger import StreamAccount
    from allotment.analysis.report import Report

LEDGER_IS_OLD: Final = timedelta(minutes=30)
EVENTS_WAIT: Final = timedelta(minutes=5)
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
    english: bool = False
    """Whether what it says is in English, as programs say it."""


def everything(
    now: datetime, latest: Mapping[tuple[str, int], Report], *, fault: bool
) -> list[Ill]:
    """All that is ill; `latest` are the reports by experiment and phase, `fault`: unreadable."""
    found = [*_left_out(now), *_stale(now), *_uneven(now, latest)]
    if fault:
        found.append(_unreadable())
    found += [*_late(now), *_unaccounted(now)]
    report = nightly.latest(settings.ALLOTMENT.registry_dir)
    if report is not None:
        found += [of_finding(f, report.when) for f in report.findings if f.severity != "note"]
    return sorted(found, key=lambda ill: ill.tone != "bad")


def of_finding(finding: Finding, when: datetime) -> Ill:
    """A finding of the check that runs by itself, in the reader's language."""
    return Ill(
        tone="bad" if finding.severity is Severity.ERROR else "warn",
        name=finding.place.name,
        headline=told(finding.headline),
        text=f"{told(finding.what)} {told(finding.consequence)}".strip(),
        remedy=told(finding.remedy),
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


def _late(now: datetime) -> Iterator[Ill]:
    """Programs of which some used to ask for the configuration, and ask no more."""
    served_now = ConfigurationVersion.stamp()[0]
    stopped: dict[str, list[Consumer]] = {}
    for one in consumers.book(now).late(now):
        stopped.setdefault(one.program, []).append(one)
    for program, found in stopped.items():
        last = max(one.last for one in found)
        held = min(one.version for one in found)
        text = ngettext(
            "One instance last asked %(when)s, after it had asked again and again.",
            "%(many)s instances have stopped, the last of them %(when)s.",
            len(found),
        ) % {"many": whole(len(found)), "when": spoken(last)}
        holds = _("It holds configuration %(held)s; served is %(served)s.")
        if held == served_now:
            holds = _("It holds configuration %(held)s, the present one, and misses the next.")
        yield Ill(
            "warn" if held == served_now else "bad",
            program,
            _("no longer asks for its configuration"),
            f"{text} {holds % {'held': held, 'served': served_now}}",
            _("See whether it runs and reaches the registry; until then it acts on what it holds."),
            reverse("lab-health"),
        )


def _unaccounted(now: datetime) -> Iterator[Ill]:
    """What the ledger of the last day says of events that are not where they should be."""
    found = lab_ledger.latest(settings.ALLOTMENT.lake_dir)
    if found is None:
        return
    page = reverse("lab-health")
    if now - found.at > LEDGER_IS_OLD:
        yield Ill(
            "warn",
            "",
            _("Nobody counts the events"),
            _("The ledger was last made %(when)s.") % {"when": spoken(found.at)},
            _("See whether the analyst runs."),
            page,
        )
        return
    for fault in found.faults:
        yield Ill("bad", "", _("Journal and lake do not fit"), fault, "", page, english=True)
    for account in found.streams:
        if not account.balanced:
            yield Ill(
                "bad",
                account.stream,
                _("does not account for every event"),
                _of_account(account),
                _("Run “allotment ledger --since 1d”: it names each minute."),
                page,
            )
    waiting = [one for one in found.streams if one.oldest and found.at - one.oldest > EVENTS_WAIT]
    if waiting:
        yield Ill(
            "warn",
            ", ".join(one.stream for one in waiting[:3]),
            _("Events wait to be written"),
            _("%(many)s have come and are not in the lake, the oldest since %(when)s.")
            % {
                "many": whole(sum(one.waiting for one in waiting)),
                "when": spoken(min(one.oldest for one in waiting if one.oldest)),
            },
            _("See whether the sink runs and what its log says."),
            page,
        )


def _of_account(account: StreamAccount) -> str:
    told = {
        "missing": whole(abs(account.missing)),
        "lost": whole(account.lost),
        "received": whole(account.received),
    }
    parts = [
        _("Of %(received)s events of the last day %(missing)s are nowhere.")
        if account.missing > 0
        else _("%(missing)s events are in the lake that the intake has not counted.")
        if account.missing
        else "",
        _("%(lost)s could not be written, and their senders were told so.") if account.lost else "",
    ]
    if not any(parts):
        parts = [_("What is too many in one minute lacks in another.")]
    return " ".join(part % told for part in parts if part)


def _unreadable() -> Ill:
    return Ill(
        "warn",
        "",
        _("The reports in the lake cannot be read"),
        _("No experiment shows its results."),
        _("Look at the registry's log; it names the cause."),
        reverse("directory"),
    )
