"""The named rules: pure functions from plans to refusals.

Each rule has a name that people can quote. A refusal says what is wrong, where, and how to satisfy
the rule. Rules of saving hold for every stored plan; rules of switching on hold besides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from allotment.allocation.experiment import MAX_GROUPS
from allotment.allocation.law import MAX_TOTAL_WEIGHT
from allotment.registry import attributes
from allotment.registry.plan import AnyPlan, ExperimentPlan, rate_text

MACHINE_NAME = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{7,62}", re.ASCII)
GROUP_NAME = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{0,62}", re.ASCII)
SITE_NAME = re.compile(r"[a-z0-9][-_.a-z0-9]{0,62}", re.ASCII)
FEWEST_GROUPS = 2


@dataclass(frozen=True)
class Refusal:
    """One rule's "no": the rule's name, the field it concerns, and three plain sentences."""

    rule: str
    field: str
    headline: str
    what: str
    remedy: str

    @property
    def sentence(self) -> str:
        """What stands under the field."""
        return f"{self.what} {self.remedy}"


class RuleRefusedError(Exception):
    """A change was refused; `refusals` says by which rules."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        self.refusals = refusals
        super().__init__("; ".join(f"{r.rule}: {r.sentence}" for r in refusals))


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What an edit starts from: the stored plan, and whether it is or was switched on."""

    plan: AnyPlan
    activated: bool
    live: bool
    started: bool


def to_save(
    plan: AnyPlan, *, before: Standing | None, taken: Collection[str], now: datetime
) -> tuple[Refusal, ...]:
    """What refuses that this plan is stored. `taken` holds the names of all other items."""
    found = [*_names(plan, taken), *_dates(plan), *_traffic(plan), *_risk(plan), *_attributes(plan)]
    if isinstance(plan, ExperimentPlan):
        found += _groups(plan)
    if before is not None and before.activated:
        found += _frozen(plan, before)
    if before is not None and before.live:
        found += _live_dates(plan, before, now)
    return tuple(found)


def to_activate(plan: AnyPlan, *, now: datetime) -> tuple[Refusal, ...]:
    """What refuses that a stored plan is switched on."""
    found: list[Refusal] = []
    if plan.risk_level == "pending":
        found.append(
            Refusal(
                "risk-is-assessed",
                "risk_level",
                "the risk is not assessed yet",
                "Nothing may be switched on before somebody has said how much is at stake.",
                "Edit the item and choose a risk level.",
            )
        )
    if plan.end <= now:
        found.append(
            Refusal(
                "end-in-future",
                "end",
                "the end has passed",
                f"It ends {plan.end:%d %b %Y, %H:%M} UTC, so it would stop at once.",
                "Edit the item and choose a later end.",
            )
        )
    found += some_traffic(plan.default_rate, [rate for _, rate in plan.sites])
    return tuple(found)


def some_traffic(default_rate: Decimal, rates: Collection[Decimal]) -> Iterator[Refusal]:
    """Refuses a plan that nobody would take part in; the form gives it as advice before that.

    Args:
        default_rate: the share at all sites that are not named.
        rates: the shares at those that are.
    """
    if not default_rate and not any(rates):
        yield Refusal(
            "some-traffic",
            "default_rate",
            "nobody would take part",
            "The share is 0% at every site.",
            "Give at least one site a share, or give one to all other sites: "
            "100% lets everybody take part.",
        )


def _names(plan: AnyPlan, taken: Collection[str]) -> Iterator[Refusal]:
    name = plan.machine_name
    if not MACHINE_NAME.fullmatch(name):
        yield Refusal(
            "name-has-form",
            "machine_name",
            "the machine name has a form that code cannot use",
            f"“{name}” is not 8 to 63 letters, digits, dots, dashes or underscores "
            "that begin with a letter or digit.",
            "Choose a name such as related-articles-card.",
        )
    elif name.casefold() in {other.casefold() for other in taken}:
        yield Refusal(
            "name-is-free",
            "machine_name",
            "the machine name is taken",
            f"“{name}” is the name of another instrument, experiment or stream.",
            "Choose another name; upper and lower case count as the same.",
        )


def _dates(plan: AnyPlan) -> Iterator[Refusal]:
    if plan.start is not None and plan.end <= plan.start:
        yield Refusal(
            "end-after-start",
            "end",
            "the end is not after the start",
            f"It starts {plan.start:%d %b %Y, %H:%M} and ends {plan.end:%d %b %Y, %H:%M} UTC.",
            "Choose an end that is later than the start.",
        )


def _traffic(plan: AnyPlan) -> Iterator[Refusal]:
    counts = Counter(site for site, _ in plan.sites)
    for site, count in counts.items():
        if count > 1:
            rates = [percent(rate) for listed, rate in plan.sites if listed == site]
            yield Refusal(
                "site-listed-once",
                "sites",
                f"{site} is listed {'twice' if count == 2 else f'{count} times'}",  # noqa: PLR2004
                f"{site} stands at {' and at '.join(rates)}.",
                "Keep one of the rows.",
            )
        if not SITE_NAME.fullmatch(site):
            yield Refusal(
                "site-has-form",
                "sites",
                f"“{site}” is no name of a site",
                f"“{site}” is not made of lower-case letters, digits, dots, dashes or underscores.",
                "Give the site's database name, such as frwiki.",
            )


def _risk(plan: AnyPlan) -> Iterator[Refusal]:
    if plan.risk_level in {"medium", "high"} and not plan.review_link:
        yield Refusal(
            "risk-needs-review",
            "review_link",
            f"{plan.risk_level} risk needs a review",
            f"The risk is {plan.risk_level} and no review is linked.",
            "Link the security and legal review, or choose another risk level.",
        )
    if not plan.acknowledged:
        yield Refusal(
            "guidelines-acknowledged",
            "acknowledged",
            "the guidelines are not acknowledged",
            "Nobody has said that this follows the data collection guidelines.",
            "Read them and tick the box.",
        )


def _attributes(plan: AnyPlan) -> Iterator[Refusal]:
    missing = attributes.without_field(plan.attributes, plan.schema_title)
    if missing:
        yield Refusal(
            "attribute-has-field",
            "attributes",
            "the schema has no field for an attribute",
            f"Events of {plan.stream} have no field for {', '.join(missing)}, "
            "so every event would be refused.",
            "Leave it out, or choose another stream.",
        )


def _groups(plan: ExperimentPlan) -> Iterator[Refusal]:
    if not FEWEST_GROUPS <= len(plan.groups) <= MAX_GROUPS:
        yield Refusal(
            "groups-are-enough",
            "groups",
            f"an experiment has {FEWEST_GROUPS} to {MAX_GROUPS} groups",
            f"This one has {len(plan.groups)}.",
            "The first is control; give at least one more to compare with it.",
        )
    counts = Counter(group.name for group in plan.groups)
    for name, count in counts.items():
        if count > 1:
            yield Refusal(
                "group-named-once",
                "groups",
                f"two groups are called {name}",
                f"“{name}” stands in {count} rows.",
                "Give each group a name of its own.",
            )
        if not GROUP_NAME.fullmatch(name):
            yield Refusal(
                "group-name-has-form",
                "groups",
                f"“{name}” cannot be a group's name",
                f"“{name}” is not 1 to 63 letters, digits, dots, dashes or underscores.",
                "Choose a name such as control or card.",
            )
    weights = [group.weight for group in plan.groups]
    if min(weights, default=1) < 1 or sum(weights) > MAX_TOTAL_WEIGHT:
        yield Refusal(
            "weights-are-positive",
            "groups",
            "a group's weight cannot be used",
            f"The weights are {', '.join(str(w) for w in weights)}.",
            f"Give whole numbers from 1 whose sum is at most {MAX_TOTAL_WEIGHT}.",
        )


def _frozen(plan: AnyPlan, before: Standing) -> Iterator[Refusal]:
    old = before.plan
    changed: list[tuple[str, str]] = []
    if plan.machine_name != old.machine_name:
        changed.append(("machine_name", "the machine name"))
    if isinstance(plan, ExperimentPlan) and isinstance(old, ExperimentPlan):
        if plan.identifier_type != old.identifier_type:
            changed.append(("identifier_type", "who is put into a group"))
        if [g.name for g in plan.groups] != [g.name for g in old.groups]:
            changed.append(("groups", "the groups"))
        elif [g.weight for g in plan.groups] != [g.weight for g in old.groups]:
            changed.append(("groups", "the groups' weights"))
    for field, word in changed:
        yield Refusal(
            "live-is-frozen",
            field,
            f"{word} cannot change any more",
            f"It has been switched on, and {word} decided who met what.",
            "Put back what stood here, or make a new item with another name.",
        )
    if isinstance(plan, ExperimentPlan):
        yield from _lowered(plan, old)


def _lowered(plan: ExperimentPlan, old: AnyPlan) -> Iterator[Refusal]:
    places = {site for site, _ in (*plan.sites, *old.sites)}
    lowered = [
        (f"on {site}", old.rate_at(site), plan.rate_at(site))
        for site in sorted(places)
        if plan.rate_at(site) < old.rate_at(site)
    ]
    if plan.default_rate < old.default_rate:
        lowered.append(("on all other sites", old.default_rate, plan.default_rate))
    for place, was, now in lowered:
        yield Refusal(
            "traffic-only-rises",
            "sites" if place != "on all other sites" else "default_rate",
            f"this would lower the traffic {place}",
            f"The traffic {place} is {percent(was)} and would fall to {percent(now)}: readers who "
            "have met their group would lose it.",
            f"Give {percent(was)} or more, or stop the experiment and make a new one.",
        )


def _live_dates(plan: AnyPlan, before: Standing, now: datetime) -> Iterator[Refusal]:
    if before.started and plan.start != before.plan.start:
        yield Refusal(
            "start-stays",
            "start",
            "the start cannot move once it has passed",
            f"It started {before.plan.start:%d %b %Y, %H:%M} UTC, and its events count from there.",
            "Put the start back.",
        )
    if plan.end <= now:
        yield Refusal(
            "end-in-future",
            "end",
            "this would stop it",
            f"{plan.end:%d %b %Y, %H:%M} UTC has passed, and editing never switches off.",
            "Choose a later end, or use Stop now on its page.",
        )


def percent(rate: Decimal) -> str:
    """A share as people read it: `0.125` → `12.5%`."""
    return f"{rate_text(rate * 100)}%"
