"""Rules of holdouts: what they cover, that they stand alone, and that they never cover less."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext

from allotment.contract.check.rules_holdouts import LAYER_PREFIX, names_something
from allotment.registry import holdouts
from allotment.registry.models import Experiment
from allotment.registry.plan import ExperimentPlan
from allotment.registry.rules.facts import Standing, Surroundings
from allotment.registry.rules.refusal import Refusal


def listed(plan: ExperimentPlan, around: Surroundings) -> Iterator[Refusal]:
    """What it covers is `all`, a layer that there is, or other experiments; each in its form."""
    for covers in plan.holds_out:
        layer = covers.removeprefix(LAYER_PREFIX) if covers.startswith(LAYER_PREFIX) else None
        if covers == plan.machine_name:
            what = gettext("It would keep its first group out of itself.")
        elif not names_something(covers):
            what = gettext("“%(covers)s” is neither all nor a layer nor a machine name.")
        elif layer is not None and layer not in around.layers:
            what = gettext("“%(layer)s” is no layer.")
        else:
            continue
        yield Refusal(
            "holdout-covers-known",
            "holds_out",
            gettext("it cannot hold anybody out of “%(covers)s”") % {"covers": covers},
            what % {"covers": covers, "layer": layer},
            gettext("Give all, layer: with a layer's name, or machine names of other experiments."),
        )


def stands_alone(plan: ExperimentPlan) -> Iterator[Refusal]:
    """A holdout has neither layer nor targeting, and draws by an id that lasts."""
    if not plan.holds_out:
        return
    more = gettext(
        "Other experiments keep out its whole first group, so more would be held out than compared."
    )
    if plan.layer:
        yield Refusal(
            "holdout-stands-alone",
            "layer",
            gettext("a holdout has no layer"),
            more,
            gettext("Take the layer away, or what it holds out of."),
        )
    if plan.targeting:
        yield Refusal(
            "holdout-stands-alone",
            "targeting",
            gettext("a holdout has no conditions"),
            more,
            gettext("Take the conditions away, or what it holds out of."),
        )
    if plan.identifier_type == Experiment.IdentifierType.SESSION:
        yield Refusal(
            "holdout-stands-alone",
            "identifier_type",
            gettext("a holdout does not draw sessions"),
            gettext("The same person would be held out of one visit and not of the next."),
            gettext("Put browsers or accounts into groups."),
        )


def narrowed(plan: ExperimentPlan, before: Standing) -> Iterator[Refusal]:
    """Once it was switched on it covers no less, and stays a holdout or none."""
    if not before.activated or not isinstance(before.plan, ExperimentPlan):
        return
    was = before.plan.holds_out
    if bool(was) != bool(plan.holds_out):
        what = gettext("Whether its first group is held out was decided when it was switched on.")
    elif not holdouts.is_wider(was, plan.holds_out):
        gone = ", ".join(one for one in was if one not in plan.holds_out)
        what = gettext(
            "People of its first group would meet %(gone)s from now on, and no difference be left."
        ) % {"gone": gone}
    else:
        return
    yield Refusal(
        "holdout-only-grows",
        "holds_out",
        gettext("what it holds out of can only grow"),
        what,
        gettext("Put back what stood here; to change it, stop and relaunch it as a new phase."),
    )
