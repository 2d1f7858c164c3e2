"""What waits for a person: decisions, approvals, drafts, and what ends soon."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q, Window
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from allotment.registry import browsing, permissions, rules
from allotment.registry import plan as plans
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account, Experiment, Instrument
from allotment.registry.rules import Refusal
from allotment.registry.states import Stage, State
from allotment.registry.surroundings import Neighborhood, range_of

SOON = timedelta(days=3)
MOST = 6
"""How many of one sort are read; the directory has the others."""


@dataclass(frozen=True)
class Matter:
    """One thing that waits for somebody: `page` is the name of the address where it is done."""

    item: AnyItem
    tone: str
    headline: str
    detail: str
    action: str
    page: str


@dataclass(frozen=True)
class Waiting:
    """What waits, the most pressing first, and how much of it there is in all."""

    matters: tuple[Matter, ...]
    total: int


@dataclass(frozen=True)
class _Sort:
    """One sort of matter: which rows, of whom, and what is said about one."""

    condition: Q
    said: Callable[[AnyItem, Neighborhood, datetime], Matter]
    models: tuple[type[Experiment | Instrument], ...] = (Experiment, Instrument)
    of_others: bool = False
    order: str = "-changed"


def for_account(account: Account, now: datetime, *, everybodys: bool) -> Waiting:
    """What an account can do something about: with its own items, or with anybody's.

    Approval is always of what others own. What the account may not do is not listed.
    """
    around = Neighborhood(now)
    listed: list[tuple[_Sort, browsing.Key]] = []
    total = 0
    mine = browsing.own_names(account)
    for sort in _sorts(account, now):
        for model in sort.models:
            rows = model.objects.filter(sort.condition, is_template=False)
            owned = browsing.owned_by(rows, mine)
            if sort.of_others:
                rows = rows.exclude(pk__in=owned.values("pk"))
            elif not everybodys:
                rows = owned
            counted = rows.annotate(of_all=Window(Count("pk"))).order_by(sort.order, "pk")
            found = list(counted.values_list("pk", "of_all")[:MOST])
            total += found[0][1] if found else 0
            listed += [(sort, (model.KIND, key)) for key, _ in found]
    items = {(item.KIND, item.pk): item for item in browsing.fetched([key for _, key in listed])}
    matters = (sort.said(items[key], around, now) for sort, key in listed if key in items)
    return Waiting(tuple(matters), total)


def owns_anything(account: Account) -> bool:
    """Whether an item that is not archived belongs to the account or to one of its teams."""
    mine = browsing.own_names(account)
    shown = ~Q(stage=Stage.ARCHIVED)
    return any(
        browsing.owned_by(model.objects.filter(shown), mine).exists()
        for model in (Experiment, Instrument)
    )


def hindrances(item: AnyItem, around: Neighborhood, now: datetime) -> tuple[Refusal, ...]:
    """The rules that keep a draft from being switched on, by what a list knows of its items."""
    plan = plans.of(item)
    return rules.to_activate(
        plan,
        now=now,
        around=around.around(plan, item),
        approved=item.approved is not None,
        own=range_of(item),
    )


def _sorts(account: Account, now: datetime) -> Iterable[_Sort]:
    if permissions.may(account, "approve"):
        unseen = browsing.in_state(State.READY, now) & Q(approved__isnull=True)
        yield _Sort(unseen, _approval, of_others=True, order="changed")
    if permissions.may(account, "decide"):
        yield _Sort(browsing.in_state(State.STOPPED, now), _undecided, (Experiment,), order="-end")
    if permissions.may(account, "edit"):
        running = browsing.in_state(State.RUNNING, now) & Q(end__lte=now + SOON)
        yield _Sort(running, _ending, order="end")
        approved = Q(stage=Stage.READY, approved__isnull=False)
        yield _Sort(Q(stage=Stage.DRAFT) | approved, _draft)


def _approval(item: AnyItem, around: Neighborhood, now: datetime) -> Matter:
    del around, now
    told = _("%(risk)s risk. Belongs to %(owners)s.") % {
        "risk": item.get_risk_level_display(),
        "owners": ", ".join(item.owners) or _("nobody"),
    }
    return Matter(
        item,
        "warn",
        _("waits for your approval"),
        told,
        pgettext("what to do", "Review"),
        item.KIND,
    )


def _undecided(item: AnyItem, around: Neighborhood, now: datetime) -> Matter:
    del around, now
    return Matter(
        item,
        "warn",
        _("has stopped and has no decision"),
        _("Read its results, and write down what was decided and why."),
        _("Decide"),
        "experiment-decide",
    )


def _ending(item: AnyItem, around: Neighborhood, now: datetime) -> Matter:
    del around, now
    return Matter(
        item,
        "warn",
        _("ends within 3 days"),
        _("Give it a later end if it is to go on."),
        _("Look"),
        item.KIND,
    )


def _draft(item: AnyItem, around: Neighborhood, now: datetime) -> Matter:
    refusals = hindrances(item, around, now)
    asked = rules.Surroundings(approval_from=settings.ALLOTMENT.approval_from)
    others = [r for r in refusals if r.rule != "second-person-approved"]
    if others:
        headline = _("cannot start: %(headline)s") % {"headline": others[0].headline}
        return Matter(item, "bad", headline, others[0].what, _("Mend"), f"{item.KIND}-edit")
    if refusals and asked.needs_approval(item.risk_level):
        headline, detail = _("can be shown to a second person"), _("Ask for approval on its page.")
    elif item.approved is not None:
        headline, detail = _("is approved"), _("It can be switched on.")
    else:
        headline, detail = _("is a draft that nothing refuses"), _("It can be switched on.")
    return Matter(item, "draft", headline, detail, _("Look"), item.KIND)
