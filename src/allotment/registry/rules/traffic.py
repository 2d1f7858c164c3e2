"""Rules of traffic: sites and families, shares and caps, layers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from decimal import Decimal

from django.utils.translation import gettext

from allotment.contract.check.rules_traffic import SITE_NAME
from allotment.registry import sites as places
from allotment.registry.layers import Range, free_share, grown, lowest_free, slots
from allotment.registry.plan import AnyPlan, ExperimentPlan
from allotment.registry.rules.facts import Standing, Surroundings
from allotment.registry.rules.refusal import Refusal, percent
from allotment.registry.sites import FAMILY_PREFIX, SiteBook

FAMILY_NAME = re.compile(r"[a-z0-9][-_.a-z0-9]{0,59}", re.ASCII)
_TWICE = 2
_SHOWN = 3


def listed(plan: AnyPlan, book: SiteBook) -> Iterator[Refusal]:
    """Every site is named once, also through its family; every family has sites."""
    found: dict[str, list[places.Place]] = {}
    for place in book.places(plan.sites):
        found.setdefault(place.site, []).append(place)
    for site, rows in found.items():
        if len(rows) > 1:
            counted = Counter(row.row for row in rows)
            direct = counted.keys() == {site}
            rates = [percent(row.rate) for row in rows]
            told = gettext(" and at ").join(rates)
            if not direct:
                told = gettext("%(rates)s (by %(rows)s)") % {
                    "rates": told,
                    "rows": ", ".join(counted),
                }
            yield Refusal(
                "site-listed-once",
                "sites",
                gettext("%(site)s is listed twice") % {"site": site}
                if len(rows) == _TWICE
                else gettext("%(site)s is listed %(count)s times")
                % {"site": site, "count": len(rows)},
                gettext("%(site)s stands at %(rates)s.") % {"site": site, "rates": told},
                gettext("Keep one of the rows.")
                if direct
                else gettext(
                    "Keep one of the rows; instead of a family its other sites can be named."
                ),
            )
        if not SITE_NAME.fullmatch(site):
            yield Refusal(
                "site-has-form",
                "sites",
                gettext("“%(site)s” is no name of a site") % {"site": site},
                gettext(
                    "“%(site)s” is not made of lower-case letters, digits, dots, dashes or "
                    "underscores."
                )
                % {"site": site},
                gettext("Give the site's database name, such as frwiki."),
            )
    counts = Counter(row for row, _ in plan.sites if row.startswith(FAMILY_PREFIX))
    for family in places.unknown_families(plan.sites, book):
        known = ", ".join(f"{FAMILY_PREFIX}{name}" for name in book.families())
        yield Refusal(
            "family-is-known",
            "sites",
            gettext("no site belongs to %(family)s") % {"family": family},
            gettext("“%(family)s” has no sites; known are %(known)s.")
            % {"family": family, "known": known}
            if known
            else gettext("“%(family)s” has no sites.") % {"family": family},
            gettext("Register its sites first, or name the sites."),
        )
    for family, count in counts.items():
        if count > 1 and not book.family(family.removeprefix(FAMILY_PREFIX)):
            yield Refusal(
                "site-listed-once",
                "sites",
                gettext("%(family)s is listed %(count)s times")
                % {"family": family, "count": count},
                gettext("“%(family)s” stands in %(count)s rows.")
                % {"family": family, "count": count},
                gettext("Keep one of the rows."),
            )


def caps(plan: AnyPlan, before: Standing | None, around: Surroundings) -> Iterator[Refusal]:
    """No site's share is above its cap, unless somebody granted more, or it stood there before."""
    rates = around.book.rates(plan.sites)
    # A cap that was lowered since does not take away what already runs.
    old = around.book.rates(before.plan.sites) if before is not None and before.live else {}
    floor = before.plan.default_rate if before is not None and before.live else Decimal(0)
    others: list[tuple[str, Decimal]] = []
    for name, site in sorted(around.book.sites.items()):
        cap = around.exceptions.get(name, site.cap)
        rate = rates.get(name, plan.default_rate)
        if cap is None or rate <= cap or rate <= old.get(name, floor):
            continue
        if name not in rates:
            if set(site.environments) & set(plan.environments):
                others.append((name, cap))
            continue
        yield Refusal(
            "site-below-cap",
            "sites",
            gettext("the traffic on %(name)s is above its cap") % {"name": name},
            gettext(
                "The share on %(name)s is %(rate)s; at most %(cap)s of its subjects may take "
                "part in one item."
            )
            % {"name": name, "rate": percent(rate), "cap": percent(cap)},
            gettext(
                "Give %(cap)s or less for %(name)s. For more, save it so, and ask an operator for "
                "an exception."
            )
            % {"cap": percent(cap), "name": name},
        )
    if others:
        yield _others_above(plan.default_rate, others)


def _others_above(rate: Decimal, others: list[tuple[str, Decimal]]) -> Refusal:
    """One refusal for all sites that no row names: there may be hundreds."""
    shown = ", ".join(f"{name} {percent(cap)}" for name, cap in others[:_SHOWN])
    if len(others) > _SHOWN:
        shown = gettext("%(shown)s and %(more)s more") % {
            "shown": shown,
            "more": len(others) - _SHOWN,
        }
    return Refusal(
        "site-below-cap",
        "default_rate",
        gettext("the traffic on all other sites is above some caps"),
        gettext("The share at all other sites is %(rate)s, and some of them have a cap: %(shown)s.")
        % {"rate": percent(rate), "shown": shown},
        gettext(
            "Name these sites with their cap or less, or lower the share. For more, save it so, "
            "and ask an operator for an exception."
        ),
    )


def where(plan: AnyPlan, around: Surroundings) -> Iterator[Refusal]:
    """The stream and the sites are in the environments that the item is meant for."""
    wanted = set(plan.environments)
    absent = [name for name in plan.environments if name not in around.stream.environments]
    if absent:
        yield Refusal(
            "environment-has-stream",
            "environments",
            gettext("its stream is not in %(absent)s") % {"absent": " and ".join(absent)},
            gettext(
                "%(stream)s is in %(environment)s alone, so every event from elsewhere would "
                "be refused."
            )
            % {
                "stream": plan.stream,
                "environment": ", ".join(around.stream.environments) or "no environment",
            },
            gettext("Take the environment away, or choose another stream."),
        )
    for site in sorted(around.book.rates(plan.sites)):
        known = around.book.sites.get(site)
        if known and wanted and not wanted & set(known.environments):
            yield Refusal(
                "environment-has-site",
                "sites",
                gettext("%(site)s is in none of its environments") % {"site": site},
                gettext(
                    "%(site)s is in %(environment)s; this is meant for %(environments)s, so nobody "
                    "there would take part."
                )
                % {
                    "site": site,
                    "environment": ", ".join(known.environments) or "no environment",
                    "environments": ", ".join(plan.environments),
                },
                gettext("Take the site away, or choose its environment too."),
            )


def some(default_rate: Decimal, rates: Collection[Decimal]) -> Iterator[Refusal]:
    """Refuses a plan that nobody would take part in; the form gives it as advice before that.

    Args:
        default_rate: the share at all sites that are not named.
        rates: the shares at those that are.
    """
    if not default_rate and not any(rates):
        yield Refusal(
            "some-traffic",
            "default_rate",
            gettext("nobody would take part"),
            gettext("The share is 0% at every site."),
            gettext(
                "Give at least one site a share, or give one to all other sites: "
                "100% lets everybody take part."
            ),
        )


def lowered(plan: ExperimentPlan, before: Standing, book: SiteBook) -> Iterator[Refusal]:
    """While an experiment can still enrol, no site's traffic falls."""
    old = before.plan
    was, now = book.rates(old.sites), book.rates(plan.sites)
    found = [
        (site, was.get(site, old.default_rate), now.get(site, plan.default_rate))
        for site in sorted({*was, *now})
    ]
    found.append(("", old.default_rate, plan.default_rate))
    for site, before_rate, rate in found:
        if rate >= before_rate:
            continue
        place = gettext("on %(site)s") % {"site": site} if site else gettext("on all other sites")
        yield Refusal(
            "traffic-only-rises",
            "sites" if site else "default_rate",
            gettext("this would lower the traffic %(place)s") % {"place": place},
            gettext(
                "The traffic %(place)s is %(before_rate)s and would fall to %(rate)s: readers "
                "who have met their group would lose it."
            )
            % {"place": place, "before_rate": percent(before_rate), "rate": percent(rate)},
            gettext("Give %(before_rate)s or more, or stop the experiment and relaunch it.")
            % {"before_rate": percent(before_rate)},
        )


def layer(plan: ExperimentPlan, before: Standing | None, around: Surroundings) -> Iterator[Refusal]:
    """A layer is known and has a share; while live, its range grows only where it is free."""
    if not plan.layer:
        return
    if plan.layer not in around.layers:
        yield Refusal(
            "layer-is-known",
            "layer",
            gettext("there is no layer %(layer)s") % {"layer": plan.layer},
            gettext("“%(layer)s” is no layer.") % {"layer": plan.layer},
            gettext("Choose one of the list, or make it first."),
        )
    if plan.layer_share is None or not 0 < plan.layer_share <= 1:
        yield Refusal(
            "layer-has-share",
            "layer_share",
            gettext("the share of the layer is missing"),
            gettext("An experiment in the layer %(layer)s owns a part of it that no other one has.")
            % {"layer": plan.layer},
            gettext("Give how much of the layer it needs, above 0% and at most 100%."),
        )
        return
    if before is None or before.range is None or not isinstance(before.plan, ExperimentPlan):
        return
    share = before.plan.layer_share or Decimal(0)
    if before.plan.layer == plan.layer and plan.layer_share < share:
        yield Refusal(
            "layer-range-only-grows",
            "layer_share",
            gettext("its part of the layer can only grow"),
            gettext(
                "It owns %(share)s of %(layer)s; with %(layer_share)s people who have met "
                "their group would lose it."
            )
            % {
                "share": percent(share),
                "layer": plan.layer,
                "layer_share": percent(plan.layer_share),
            },
            gettext("Give %(share)s or more.") % {"share": percent(share)},
        )
    elif before.live and before.plan.layer == plan.layer:
        yield from _no_room(plan, before.range, around)


def layer_to_activate(
    plan: ExperimentPlan, own: Range | None, around: Surroundings
) -> Iterator[Refusal]:
    """The layer has room, the own range is still free, and its experiments draw the same way."""
    if not plan.layer or plan.layer_share is None:
        return
    other = next((o for o in around.owners if o.identifier_type != plan.identifier_type), None)
    if other is not None:
        yield Refusal(
            "layer-fits-identifier",
            "layer",
            gettext("%(layer)s is used by experiments that put others into groups")
            % {"layer": plan.layer},
            gettext(
                "%(name)s draws by %(identifier_type)s, this one by %(identifier_type2)s: one "
                "person could be in both."
            )
            % {
                "name": other.name,
                "identifier_type": other.identifier_type,
                "identifier_type2": plan.identifier_type,
            },
            gettext("Choose another layer, or wait until the other one has ended."),
        )
    taken = [owner.range for owner in around.owners]
    if own is not None and grown(own, own.width, taken) is None:
        yield Refusal(
            "layer-range-is-free",
            "layer",
            gettext("its part of the layer has been taken since"),
            gettext("While it was stopped, another experiment of %(layer)s took the people it had.")
            % {"layer": plan.layer},
            gettext("Wait until that one has ended, or relaunch this one in another part."),
        )
    else:
        yield from _no_room(plan, own, around)


def range_for(plan: ExperimentPlan, own: Range | None, around: Surroundings) -> Range | None:
    """The range that an experiment takes: the lowest free one, or its own, grown."""
    taken = [owner.range for owner in around.owners]
    width = slots(plan.layer_share or Decimal(0))
    return lowest_free(width, taken) if own is None else grown(own, width, taken)


def _no_room(plan: ExperimentPlan, own: Range | None, around: Surroundings) -> Iterator[Refusal]:
    if range_for(plan, own, around) is None:
        free = free_share([owner.range for owner in around.owners])
        yield Refusal(
            "layer-has-room",
            "layer_share",
            gettext("%(layer)s has no room for %(decimal)s")
            % {"layer": plan.layer, "decimal": percent(plan.layer_share or Decimal(0))},
            gettext("%(owners)s own the rest; %(free)s in one piece is free.")
            % {"owners": ", ".join(owner.name for owner in around.owners), "free": percent(free)}
            if own is None
            else gettext("The parts beside its own are taken, and its people must stay in it."),
            gettext(
                "Take less of it, choose another layer, or wait until another experiment has ended."
            ),
        )
