"""Rules about who takes part where: rates, sites, caps, sample units."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from allotment.allocation import ConfigError, parse_experiment
from allotment.allocation.law import HASH_SPAN, threshold
from allotment.allocation.reading import parse_rate
from allotment.contract.check.entries import DEFAULT, Entry
from allotment.contract.check.findings import Kind, Severity, listed, shown
from allotment.contract.check.rule import Fault, rule_for
from allotment.contract.check.scene import Scene, did_you_mean
from allotment.contract.texts import Text, counted, number, percent, said, sentences

SITE_NAME: Final = re.compile(r"[a-z0-9][-_.a-z0-9]{0,62}", re.ASCII)
UNITS: Final = ("pageview", "session")
_ITEMS = (Kind.INSTRUMENT, Kind.EXPERIMENT)
EVERYWHERE: Final = said("all other sites")
ROUNDED: Final = 0.01
"""The part of a rate from which its rounding is told."""


@rule_for("rate-is-a-number", Severity.ERROR, *_ITEMS)
def rate_is_a_number(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Every rate of `sample_rate` is a number from 0 to 1, and lists its sites.

    A rate that is no number counts as 0 in the published clients, with a warning that nobody
    reads: the site takes no part.
    """
    rates = entry.at("sample_rate")
    if rates is None:
        return
    if not isinstance(rates, dict):
        remedy = said("Give an object such as {“default”: 0, “0.1”: [“frwiki”]}.")
        yield _bad_rate(rates, remedy, ())
        return
    for key, value in rates.items():
        if key == DEFAULT:
            if parse_rate(value) is None:
                yield _bad_rate(value, said("Give a number from 0 to 1."), (DEFAULT,))
        elif parse_rate(key) is None:
            hint = did_you_mean(str(key), [DEFAULT])
            remedy = sentences(hint, said("Give a number from 0 to 1, such as “0.1”."))
            yield _bad_rate(key, remedy, (str(key),))
        elif not isinstance(value, list) or not all(isinstance(site, str) for site in value):
            remedy = said("Give the list of the sites at %(rate)s.", rate=str(key))
            yield _bad_rate(value, remedy, (str(key),))


def _bad_rate(value: object, remedy: Text, path: tuple[str, ...]) -> Fault:
    return Fault(
        said("a rate cannot be used"),
        said(
            "“%(field)s” is %(value)s.",
            field=".".join(("sample_rate", *path)),
            value=shown(value),
        ),
        said("Clients would take it for 0, or leave the item out."),
        remedy,
        ("sample_rate", *path),
        field="sites",
    )


@rule_for("default-rate-given", Severity.ERROR, *_ITEMS)
def default_rate_given(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """`sample_rate` says what holds at sites that it does not name.

    The published consumer reads `default` without looking whether it is there, and breaks where
    it is not.
    """
    rates = entry.at("sample_rate")
    if rates is None or (isinstance(rates, dict) and DEFAULT not in rates):
        yield Fault(
            said("no rate is given for the other sites"),
            said("There is no sample_rate.")
            if rates is None
            else said("sample_rate has no “default”."),
            said("Consumers that look for it break, and others take it for 0."),
            said("Add “default”: 0 if nobody else takes part."),
            ("sample_rate",),
            field="default_rate",
        )


@rule_for("some-traffic", Severity.ERROR, *_ITEMS)
def some_traffic(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Somebody takes part at some site.

    With 0 everywhere an item runs and waits for events that cannot come.
    """
    rates = entry.at("sample_rate")
    if not isinstance(rates, dict) or not rates:
        return
    numbers = [rate for _, rate, _ in entry.site_rates]
    if DEFAULT in rates:
        numbers.append(entry.default_rate)
    if all(rate == 0 for rate in numbers):
        yield Fault(
            said("nobody would take part"),
            said("The share is 0% at every site."),
            said("It would run and nothing would ever come of it."),
            said(
                "Give at least one site a share, or give one to all other sites: "
                "100% lets everybody take part."
            ),
            ("sample_rate",),
            field="default_rate",
        )


@rule_for("site-listed-once", Severity.ERROR, *_ITEMS)
def site_listed_once(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Every site stands in one list only, and in one spelling.

    A form once took the same wiki in two rows. Of two rates for one site clients take the lowest,
    so that the traffic is not what the last row says.
    """
    places: dict[str, list[tuple[str, float | None, tuple[str | int, ...]]]] = {}
    for site, rate, path in entry.site_rates:
        places.setdefault(site.casefold(), []).append((site, rate, path))
    for same in places.values():
        if len(same) > 1:
            spellings = list(dict.fromkeys(site for site, _, _ in same))
            rates = [said("at %(rate)s", rate=percent(r)) for _, r, _ in same if r is not None]
            yield Fault(
                said("%(site)s is listed twice", site=spellings[0])
                if len(same) == 2  # noqa: PLR2004
                else said("%(site)s is listed %(count)s times", site=spellings[0], count=len(same)),
                said("%(names)s stands %(rates)s.", names=listed(spellings), rates=listed(rates)),
                said("Clients take the lowest and pass over the others."),
                said("Keep one of the rows."),
                same[1][2],
                field="sites",
            )


@rule_for("site-has-form", Severity.ERROR, *_ITEMS)
def site_has_form(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Every site is named as clients name it, in lower case; it exists, where that is known.

    A client compares its own site letter by letter. A domain instead of a database name, or a
    slip in it, leaves the site at the rate of all others.
    """
    for site, _, path in entry.site_rates:
        if site in scene.limits.families:
            continue
        if not SITE_NAME.fullmatch(site):
            yield Fault(
                said("“%(site)s” is no name of a site", site=site),
                said(
                    "%(site)s is not made of lower-case letters, digits, dots, dashes or "
                    "underscores.",
                    site=shown(site),
                ),
                said("No client would take it for its own."),
                said("Give the site's database name, such as frwiki."),
                path,
                field="sites",
            )
        elif scene.limits.sites and site not in scene.limits.sites:
            yield Fault(
                said("there is no site %(site)s", site=site),
                counted(
                    "%(site)s is not the one site of this lab.",
                    "%(site)s is none of the %(count)s sites of this lab.",
                    len(scene.limits.sites),
                    site=shown(site),
                ),
                said("Nobody would take part there."),
                sentences(
                    did_you_mean(site, list(scene.limits.sites)),
                    said("Choose a site that there is."),
                ),
                path,
                field="sites",
            )


@rule_for("site-below-cap", Severity.ERROR, *_ITEMS)
def site_below_cap(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """No rate is above the cap that the lab sets for the site.

    Caps keep caches and tables within what they bear: one table grew until jobs over it ran out
    of memory.
    """
    kind = entry.text("user_identifier_type") or entry.text("sample_unit")
    if (rate := entry.default_rate) is not None:
        yield from _above(entry, scene, kind, EVERYWHERE, rate, ("sample_rate", DEFAULT))
    for site, found, path in entry.site_rates:
        if found is not None:
            yield from _above(entry, scene, kind, site, found, path)


def _above(
    entry: Entry, scene: Scene, kind: str, site: str, rate: float, path: tuple[str | int, ...]
) -> Iterator[Fault]:
    cap = scene.limits.cap(kind, site)
    if rate > cap:
        yield Fault(
            said("the traffic at %(site)s is above the cap", site=site),
            said(
                "%(rate)s at %(site)s is more than the %(cap)s that are allowed there.",
                rate=percent(rate),
                site=site,
                cap=percent(cap),
            ),
            said("Caches and tables are not made for more."),
            said("Give %(cap)s or less, or ask for an exception.", cap=percent(cap)),
            path,
            field="default_rate" if site == EVERYWHERE else "sites",
        )
    del entry


def drawn(rate: float, weights: Sequence[int]) -> float:
    """The share of subjects that the law enrolls at a rate; never less than the rate.

    The law compares `h * W mod 2^24` with the rate, which is always a multiple of
    `gcd(W, 2^24)`: the more often 2 divides the sum of the weights, the coarser the rates are.
    """
    step = math.gcd(sum(weights), HASH_SPAN)
    return -(-threshold(rate) // step) * step / HASH_SPAN


@rule_for("rate-can-be-drawn", Severity.WARNING, Kind.EXPERIMENT)
def rate_can_be_drawn(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """So many take part as the rate says, whatever the weights of the groups are.

    A share is drawn in steps, which are large where the sum of the weights is a large power of
    two: of two groups that weigh 524,288 each, 6.25% is the least that can take part.
    """
    try:
        item = {"name": "it", "groups": entry.at("groups"), "weights": entry.at("weights")}
        weights = parse_experiment(item).weights
    except ConfigError:
        return  # item-is-usable tells of it
    rates = [(site, rate, path) for site, rate, path in entry.site_rates if rate is not None]
    if (default := entry.default_rate) is not None:
        rates.insert(0, (EVERYWHERE, default, ("sample_rate", DEFAULT)))
    for site, rate, path in rates:
        share = drawn(rate, weights)
        if share > rate * (1 + ROUNDED):
            yield Fault(
                said("more take part at %(site)s than the rate says", site=site),
                said(
                    "With weights that add up to %(sum)s, %(rate)s becomes %(share)s.",
                    sum=number(sum(weights)),
                    rate=percent(rate),
                    share=percent(float(f"{share:.4g}")),
                ),
                said(
                    "Caps, forecasts and the planned run time count on the rate as it is written."
                ),
                _finer(rate, weights),
                path,
                field="default_rate" if site == EVERYWHERE else "sites",
            )


def _finer(rate: float, weights: Sequence[int]) -> Text:
    """How the rate can be drawn: by the same shares in smaller weights, or by nearly the same."""
    divisor = math.gcd(*weights)
    largest = weights.index(max(weights))
    lowest = [weight // divisor for weight in weights]
    odd = [weight - (place == largest) for place, weight in enumerate(weights)]
    enough = rate * (1 + ROUNDED)
    if drawn(rate, lowest) <= enough:
        told = listed([number(weight) for weight in lowest])
        return said("Give the weights %(weights)s: the same shares.", weights=told)
    if drawn(rate, odd) <= enough:
        told = listed([number(weight) for weight in odd])
        return said("Give the weights %(weights)s: their sum is odd.", weights=told)
    least = percent(float(f"{1 / ROUNDED / HASH_SPAN:.1g}"))
    return said("Give at least %(rate)s.", rate=least)


@rule_for("sample-unit-is-known", Severity.ERROR, Kind.INSTRUMENT, Kind.STREAM)
def sample_unit_is_known(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """A sample is drawn by a unit that web clients know.

    Of any other unit, `device` among them, browsers are out of the sample without an error.
    """
    path = ("sample_unit",) if entry.kind is Kind.INSTRUMENT else ("sample", "unit")
    unit = entry.at(*path)
    if unit is None and (entry.kind is Kind.INSTRUMENT or entry.at("sample") is None):
        return
    if unit not in UNITS and not (unit == "device" and "/app/" in entry.text("schema_title")):
        yield Fault(
            said("nothing is sampled by that unit"),
            said("“%(field)s” is %(value)s.", field=".".join(path), value=shown(unit)),
            said("No browser would be in the sample."),
            sentences(
                did_you_mean(str(unit), list(UNITS)),
                said("Give %(names)s.", names=listed(list(UNITS), "or")),
            ),
            path,
        )
