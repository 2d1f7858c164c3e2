"""Rules about holdouts: experiments whose first group is kept out of other experiments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from allotment.allocation import ConfigError, IdentifierType, first_group_end, parse_experiment
from allotment.allocation.law import HASH_SPAN
from allotment.contract.check.entries import DEFAULT, Entry
from allotment.contract.check.findings import Kind, Severity, listed, shown
from allotment.contract.check.rule import Fault, rule_for
from allotment.contract.check.rules_names import GROUP_NAME, MACHINE_NAME
from allotment.contract.check.rules_traffic import EVERYWHERE
from allotment.contract.check.scene import Scene
from allotment.contract.texts import percent, said

ALL: Final = "all"
LAYER_PREFIX: Final = "layer:"
LARGEST: Final = 0.2
"""The share from which a holdout is told to be large: who is in it meets nothing new for months."""


def names_something(covers: str) -> bool:
    """Whether a text names what a holdout covers, as far as its form tells."""
    if covers.startswith(LAYER_PREFIX):
        return GROUP_NAME.fullmatch(covers.removeprefix(LAYER_PREFIX)) is not None
    return covers == ALL or MACHINE_NAME.fullmatch(covers) is not None


@rule_for("holdout-covers-known", Severity.ERROR, Kind.EXPERIMENT)
def holdout_covers_known(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """A holdout covers `all` experiments, those of a `layer:…`, or others by their names.

    What names nothing keeps nobody out, and the difference that is measured would be none.
    """
    found = entry.at("holds_out")
    if found is None:
        return
    if not isinstance(found, list):
        yield _covers_nothing(found)
        return
    for place, covers in enumerate(found):
        if not isinstance(covers, str) or not names_something(covers) or covers == entry.name:
            yield _covers_nothing(covers, place)


def _covers_nothing(found: object, *place: int) -> Fault:
    return Fault(
        said("it holds nobody out of what it names"),
        said("“holds_out” has %(value)s.", value=shown(found)),
        said("Nobody would be kept out of anything by it."),
        said("Give all, layer: with a layer's name, or the machine names of other experiments."),
        ("holds_out", *place),
    )


@rule_for("holdout-stands-alone", Severity.ERROR, Kind.EXPERIMENT)
def holdout_stands_alone(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """A holdout has no layer and no targeting, and draws by an id that lasts.

    Others keep out everybody of its first group, in a layer or not, targeted or not. Who is drawn
    anew at each visit is never held out of anything for long.
    """
    if not entry.at("holds_out"):
        return
    for name in ("layer", "targeting"):
        if entry.at(name):
            yield Fault(
                said("a holdout has no layer")
                if name == "layer"
                else said("a holdout has no targeting"),
                said("“%(field)s” is %(value)s.", field=name, value=shown(entry.at(name))),
                said("More people would be held out than are compared."),
                said("Take it away, or take away what it holds out of."),
                (name,),
            )
    if entry.at("user_identifier_type") == IdentifierType.SESSION:
        yield Fault(
            said("a holdout does not draw sessions"),
            said("“user_identifier_type” is session."),
            said("The same person would be held out of one visit and not of the next."),
            said("Draw browsers or accounts."),
            ("user_identifier_type",),
        )


@rule_for("holdout-is-small", Severity.WARNING, Kind.EXPERIMENT)
def holdout_is_small(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """A holdout keeps no more than a fifth of the subjects out.

    Two groups of equal weight hold half of everybody out of all that is tested and shipped.
    """
    if not entry.at("holds_out"):
        return
    try:
        item = {"name": "it", "groups": entry.at("groups"), "weights": entry.at("weights")}
        weights = parse_experiment(item).weights
    except ConfigError:
        return  # item-is-usable tells of it
    share = first_group_end(weights) / HASH_SPAN
    if round(share, 6) > LARGEST:
        yield Fault(
            said("the holdout is large"),
            said("Its first group is %(share)s of the subjects.", share=percent(round(share, 4))),
            said("So many would meet nothing of what is tested as long as it lasts."),
            said("Give the first group a small weight, such as 5 beside 95."),
            ("weights",),
        )


@rule_for("holdout-measures-all", Severity.WARNING, Kind.EXPERIMENT)
def holdout_measures_all(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Whoever is held out is measured too: a holdout has all traffic wherever others run.

    Others keep out the whole first group, at every site and at whatever rate. Only who is within
    the holdout's own rate sends its membership, so that the rest are held out for nothing.
    """
    if not entry.at("holds_out"):
        return
    named = {site for site, _, _ in entry.site_rates}
    rates = list(entry.site_rates)
    if not any(every and every <= named for every in (scene.limits.sites, scene.limits.families)):
        rates.insert(0, (EVERYWHERE, entry.default_rate, ("sample_rate", DEFAULT)))
    partly = [found for found in rates if found[1] is not None and found[1] < 1]
    if partly:
        places = [
            said("%(rate)s at %(site)s", rate=percent(rate or 0), site=site)
            for site, rate, _ in partly
        ]
        yield Fault(
            said("not all of the held-out are measured"),
            said(
                "It has %(names)s, but others keep its whole first group out everywhere.",
                names=listed(places),
            ),
            said("The rest would meet nothing new and not be counted either."),
            said("Give 100%. To hold fewer people out, give the first group a smaller weight."),
            partly[0][2],
            field="default_rate" if partly[0][2][1] == DEFAULT else "sites",
        )
