"""Changes to sites, layers and exceptions to caps: each one transaction, refused by named rules.

A site's family, environments and cap decide what live items mean, so a change that would lower the
traffic of a live experiment, or list a site twice, is refused. Every function takes `by`, the
account that acts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext

from allotment.registry import audit, rules, shown
from allotment.registry import plan as plans
from allotment.registry.changing import configuration_change, refuse
from allotment.registry.environments import ENVIRONMENTS
from allotment.registry.models import (
    Account,
    CapException,
    Experiment,
    ExperimentSite,
    Instrument,
    InstrumentSite,
    Layer,
    Site,
)
from allotment.registry.plan import ExperimentPlan
from allotment.registry.rules import Refusal, traffic
from allotment.registry.sites import FAMILY_PREFIX, SiteBook
from allotment.registry.states import LIVE, Stage
from allotment.registry.surroundings import AnyItem, Neighborhood, facts_of


def save_site(site: Site, *, by: Account | None = None, reason: str = "") -> Site:
    """Store a new or changed site."""
    refuse(tuple(_site(site)))
    with configuration_change(shown.of_site(site)) as now:
        before = Neighborhood(now).book
        old = Site.objects.get(pk=site.pk).name if site.pk is not None else None
        others = {name: facts for name, facts in before.sites.items() if name != old}
        if site.name in others:
            refuse((_taken(),))
        after = SiteBook({**others, site.name: facts_of(site)})
        refuse(tuple(_moved(before, after, now)))
        made = site.pk is None
        _save(site, by, reason)
        audit.record(
            "make-site" if made else "change-site", kind="site", name=site.name, reason=reason
        )
    return site


def remove_site(site: Site, *, by: Account | None = None, reason: str = "") -> None:
    """Forget a site: it can still be named, but has no family, environments or cap."""
    with configuration_change(shown.of_site(site)) as now:
        before = Neighborhood(now).book
        after = SiteBook({k: v for k, v in before.sites.items() if k != site.name})
        refuse(tuple(_moved(before, after, now)))
        _sign(site, by, reason)
        site.delete()
        audit.record("remove-site", kind="site", name=site.name, reason=reason)


def save_layer(layer: Layer, *, by: Account | None = None, reason: str = "") -> Layer:
    """Store a new layer, or another description; the name of one that is used stays."""
    found: list[Refusal] = []
    if not rules.GROUP_NAME.fullmatch(layer.name):
        found.append(
            Refusal(
                "layer-name-has-form",
                "name",
                gettext("“%(name)s” cannot be a layer's name") % {"name": layer.name},
                gettext("“%(name)s” is not 1 to 63 letters, digits, dots, dashes or underscores.")
                % {"name": layer.name},
                gettext("Choose a name such as desktop-chrome."),
            )
        )
    taken = Layer.objects.filter(name__iexact=layer.name).exclude(pk=layer.pk).exists()
    if taken:
        found.append(
            Refusal(
                "layer-name-is-free",
                "name",
                gettext("the layer's name is taken"),
                gettext("There is a layer “%(name)s” already.") % {"name": layer.name},
                gettext("Choose another name."),
            )
        )
    refuse(tuple(found))
    with configuration_change(shown.nothing):
        old = Layer.objects.filter(pk=layer.pk).first() if layer.pk else None
        if old is not None and old.name != layer.name and is_used(old):
            refuse(
                (
                    Refusal(
                        "layer-name-stays",
                        "name",
                        gettext("the name of a layer that was used stays"),
                        gettext("The name decides who is in which part, so everybody would move."),
                        gettext("Put the name back, or make another layer."),
                    ),
                )
            )
        _save(layer, by, reason)
        action = "make-layer" if old is None else "change-layer"
        audit.record(action, kind="layer", name=layer.name, reason=reason)
    return layer


def is_used(layer: Layer) -> bool:
    """Whether an experiment has had a part of the layer, so that its name is fixed."""
    return Experiment.objects.filter(layer=layer, layer_begin__isnull=False).exists()


def grant_exception(
    item: AnyItem, site: str, cap: Decimal, *, reason: str, by: Account | None = None
) -> CapException:
    """Let one item have more of a site's subjects than the site's cap."""
    found: list[Refusal] = []
    if not reason.strip():
        found.append(
            Refusal(
                "exception-has-reason",
                "reason",
                gettext("the reason is missing"),
                gettext("An exception without a reason cannot be judged later."),
                gettext("Write why this item needs more than the cap."),
            )
        )
    if not 0 < cap <= 1:
        found.append(
            Refusal(
                "cap-is-share",
                "cap",
                gettext("the share is not above 0% and at most 100%"),
                gettext("It is %(cap)s.") % {"cap": rules.percent(cap)},
                gettext("Give a share above 0% and at most 100%."),
            )
        )
    refuse(tuple(found))
    with configuration_change(shown.nothing):
        granted = CapException.objects.filter(machine_name=item.machine_name, site=site).first()
        granted = granted or CapException(machine_name=item.machine_name, site=site)
        granted.cap, granted.reason, granted.granted_by = cap, reason.strip(), by
        _save(granted, by, reason)
        audit.record(
            "grant-exception",
            kind=item.KIND,
            name=item.machine_name,
            reason=reason,
            site=site,
            cap=str(cap),
        )
    return granted


def withdraw_exception(
    granted: CapException, *, by: Account | None = None, reason: str = ""
) -> None:
    """Take an exception back: what runs stays, and cannot be raised any more."""
    with configuration_change(shown.nothing):
        _sign(granted, by, reason)
        granted.delete()
        audit.record(
            "withdraw-exception", name=granted.machine_name, reason=reason, site=granted.site
        )


def _taken() -> Refusal:
    return Refusal(
        "site-is-free",
        "name",
        gettext("the site is registered already"),
        gettext("There is a site of this name."),
        gettext("Edit that one."),
    )


def _site(site: Site) -> Iterator[Refusal]:
    if not rules.SITE_NAME.fullmatch(site.name):
        yield Refusal(
            "site-has-form",
            "name",
            gettext("“%(name)s” is no name of a site") % {"name": site.name},
            gettext(
                "“%(name)s” is not made of lower-case letters, digits, dots, dashes, underscores."
            )
            % {"name": site.name},
            gettext("Give the site's database name, such as frwiki."),
        )
    if site.family and not traffic.FAMILY_NAME.fullmatch(site.family):
        yield Refusal(
            "site-has-form",
            "family",
            gettext("“%(family)s” is no name of a family") % {"family": site.family},
            gettext("“%(family)s” is not made of lower-case letters, digits, dots, dashes.")
            % {"family": site.family},
            gettext("Give a name such as wikipedia."),
        )
    if site.cap is not None and not 0 <= site.cap <= 1:
        yield Refusal(
            "cap-is-share",
            "cap",
            gettext("the cap is not from 0% to 100%"),
            gettext("It is %(cap)s.") % {"cap": rules.percent(site.cap)},
            gettext("Give a share from 0% to 100%, or leave it empty."),
        )
    unknown = [name for name in site.environments if name not in ENVIRONMENTS]
    if unknown or not site.environments:
        yield Refusal(
            "environments-chosen",
            "environments",
            gettext("the site is in no known environment"),
            gettext("%(unknown)s is none of %(environments)s.")
            % {"unknown": ", ".join(unknown), "environments": ", ".join(ENVIRONMENTS)}
            if unknown
            else gettext("Nothing is chosen."),
            gettext("Choose at least one of them."),
        )


def _moved(before: SiteBook, after: SiteBook, now: datetime) -> Iterator[Refusal]:
    """What a change of sites would do to live items that no edit of them could."""
    rows = _rows_that_name(before, after)
    measured = InstrumentSite.objects.filter(site__in=rows).values("instrument")
    tested = ExperimentSite.objects.filter(site__in=rows).values("experiment")
    instruments = Instrument.objects.filter(stage=Stage.ACTIVE, pk__in=measured)
    experiments = Experiment.objects.filter(stage=Stage.ACTIVE, pk__in=tested)
    active: list[AnyItem] = [
        *experiments.select_related("stream", "layer").prefetch_related("sites", "groups"),
        *instruments.select_related("stream").prefetch_related("sites"),
    ]
    for item in active:
        if item.state(now) in LIVE:
            yield from _moved_in(item, before, after)


def _rows_that_name(before: SiteBook, after: SiteBook) -> set[str]:
    """By which rows an item names a site that changes: itself, and its old and new family."""
    found = set()
    for name in before.sites.keys() | after.sites.keys():
        was, becomes = before.sites.get(name), after.sites.get(name)
        if was != becomes:
            families = {facts.family for facts in (was, becomes) if facts is not None}
            found |= {name, *(f"{FAMILY_PREFIX}{family}" for family in families if family)}
    return found


def _moved_in(item: AnyItem, before: SiteBook, after: SiteBook) -> Iterator[Refusal]:
    plan = plans.of(item)
    names = {place.site for book in (before, after) for place in book.places(plan.sites)}
    problems = [
        f"{refusal.headline}"
        for refusal in traffic.listed(plan, after)
        if refusal.rule != "site-has-form"
    ]
    was, becomes = before.rates(plan.sites), after.rates(plan.sites)
    if isinstance(plan, ExperimentPlan):
        problems += [
            gettext("its traffic on %(site)s would fall from %(was)s to %(becomes)s")
            % {
                "site": site,
                "was": rules.percent(was.get(site, plan.default_rate)),
                "becomes": rules.percent(becomes.get(site, plan.default_rate)),
            }
            for site in sorted(names)
            if becomes.get(site, plan.default_rate) < was.get(site, plan.default_rate)
        ]
        problems += [
            gettext("%(site)s would leave %(environments)s")
            % {"site": site, "environments": ", ".join(gone)}
            for site in sorted(names & before.sites.keys() & after.sites.keys())
            if (gone := _left(before, after, site, plan.environments))
        ]
    if problems:
        yield Refusal(
            "family-moves-nobody",
            "name",
            gettext("%(name)s is on and would change") % {"name": item.name},
            gettext("In %(machine_name)s, %(problems)s.")
            % {"machine_name": item.machine_name, "problems": "; ".join(problems)},
            gettext("Stop it first, or name its sites in it instead of the family."),
        )


def _left(before: SiteBook, after: SiteBook, site: str, wanted: tuple[str, ...]) -> list[str]:
    was, becomes = before.sites[site].environments, after.sites[site].environments
    return [name for name in wanted if name in was and name not in becomes]


def _save(row: Any, by: Account | None, reason: str) -> None:  # noqa: ANN401 - rows with a history
    _sign(row, by, reason)
    row.save()


def _sign(row: Model, by: Account | None, reason: str) -> None:
    """Tell the history who changes a row, and why."""
    named: Any = row
    named._change_reason = reason[:100]  # noqa: SLF001 - how the history is told why
    if by is not None:
        named._history_user = by  # noqa: SLF001 - how the history is told who
