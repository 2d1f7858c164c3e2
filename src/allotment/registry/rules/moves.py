"""Rules of the verbs: what refuses that an item is taken from one state to another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext, gettext_noop

from allotment.registry import states, words
from allotment.registry.layers import Range
from allotment.registry.plan import AnyPlan, ExperimentPlan
from allotment.registry.rules import privacy, traffic
from allotment.registry.rules.facts import Surroundings
from allotment.registry.rules.refusal import Refusal, moment
from allotment.registry.states import State, Verb

# What is refused, by the verb and the kind: a language may need either in a form of its own.
_REFUSED = {
    Verb.ASK: gettext_noop("%(thing)s that is %(state)s cannot be submitted for approval"),
    Verb.WITHDRAW: gettext_noop("%(thing)s that is %(state)s cannot be taken back to draft"),
    Verb.APPROVE: gettext_noop("%(thing)s that is %(state)s cannot be approved"),
    Verb.ACTIVATE: gettext_noop("%(thing)s that is %(state)s cannot be switched on"),
    Verb.START: gettext_noop("%(thing)s that is %(state)s cannot be started now"),
    Verb.STOP: gettext_noop("%(thing)s that is %(state)s cannot be stopped"),
    Verb.KILL: gettext_noop("%(thing)s that is %(state)s cannot be killed"),
    Verb.DECIDE: gettext_noop("%(thing)s that is %(state)s cannot be decided"),
    Verb.RELAUNCH: gettext_noop("%(thing)s that is %(state)s cannot be relaunched"),
    Verb.ARCHIVE: gettext_noop("%(thing)s that is %(state)s cannot be archived"),
    Verb.RESTORE: gettext_noop("%(thing)s that is %(state)s cannot be brought back"),
}
_THINGS = {"experiment": gettext_noop("an experiment"), "instrument": gettext_noop("an instrument")}


def state_allows(state: State, verb: Verb, kind: str) -> tuple[Refusal, ...]:
    """Refuses a verb that the table does not know from a state, and says which come first."""
    if states.arrows(state, verb, kind):
        return ()
    way = states.way_to(state, verb, kind)
    if way:
        first = gettext(", then ").join(f"“{words.verb(step)}”" for step in way)
        remedy = gettext("First: %(verbs)s.") % {"verbs": first}
    elif not any(t.verb is verb and kind in t.kinds for t in states.TRANSITIONS):
        remedy = gettext("Archive it when it is no longer needed.")
    else:
        remedy = gettext("Clone it to begin a new one.")
    named = {"thing": gettext(_THINGS[kind]), "state": words.inside(state)}
    return (
        Refusal(
            "state-allows",
            "state",
            gettext(_REFUSED[verb]) % named,
            gettext("It is %(state)s.") % named,
            remedy,
        ),
    )


def pledges(plan: AnyPlan) -> Iterator[Refusal]:
    """What holds of everything that is served: no template, a risk, an environment."""
    if plan.is_template:
        yield Refusal(
            "template-never-runs",
            "is_template",
            gettext("a template never runs"),
            gettext("It is there to begin others from."),
            gettext("Clone it, or take the mark of a template away."),
        )
    if plan.risk_level == "pending":
        yield Refusal(
            "risk-is-assessed",
            "risk_level",
            gettext("the risk is not assessed yet"),
            gettext("Nothing may be switched on before somebody has said how much is at stake."),
            gettext("Edit the item and choose a risk level."),
        )
    if not plan.environments:
        yield Refusal(
            "environments-chosen",
            "environments",
            gettext("it is meant for no environment"),
            gettext("No site would be served it."),
            gettext("Choose at least one; production is where readers are."),
        )


def to_be_complete(plan: AnyPlan, *, around: Surroundings, now: datetime) -> tuple[Refusal, ...]:
    """What keeps a stored plan from being ready: all that refuses it but approval and layer."""
    found = [*pledges(plan), *privacy.tiers(plan, around.stream)]
    if plan.end <= now:
        found.append(
            Refusal(
                "end-in-future",
                "end",
                gettext("the end has passed"),
                gettext("It ends %(end)s, so it would stop at once.") % {"end": moment(plan.end)},
                gettext("Edit the item and choose a later end."),
            )
        )
    found += traffic.some(plan.default_rate, [rate for _, rate in plan.sites])
    found += traffic.where(plan, around)
    found += traffic.caps(plan, None, around)
    found += [r for r in traffic.listed(plan, around.book) if r.rule != "site-has-form"]
    return tuple(found)


def to_activate(
    plan: AnyPlan,
    *,
    now: datetime,
    around: Surroundings | None = None,
    approved: bool = False,
    own: Range | None = None,
    last_stop: datetime | None = None,
) -> tuple[Refusal, ...]:
    """What refuses that a stored plan is switched on.

    Args:
        plan: the plan as it is stored.
        now: the moment.
        around: what is around it; left out, it stands alone.
        approved: whether another person has approved the plan as it stands.
        own: the range in its layer, from an earlier time in this phase.
        last_stop: when the phase before this one ended; None in the first.
    """
    around = around or Surroundings()
    found = [*to_be_complete(plan, around=around, now=now)]
    if around.needs_approval(plan.risk_level) and not approved:
        found.append(
            _not_approved(
                "state", gettext("Ask for approval on its page; then an approver approves it.")
            )
        )
    if last_stop is not None and plan.start is not None and plan.start <= last_stop:
        found.append(
            Refusal(
                "phases-follow",
                "start",
                gettext("it would start in the phase before"),
                gettext(
                    "The phase before ended %(last_stop)s, and this one is planned to start "
                    "%(start)s: events would belong to both."
                )
                % {"last_stop": moment(last_stop), "start": moment(plan.start)},
                gettext("Choose a later start, or leave it empty."),
            )
        )
    if isinstance(plan, ExperimentPlan):
        found += traffic.layer_to_activate(plan, own, around)
    return tuple(found)


def to_change_live(plan: AnyPlan, before: AnyPlan, around: Surroundings) -> tuple[Refusal, ...]:
    """Refuses that what is on without approval comes to a risk that needs one."""
    if around.needs_approval(before.risk_level) or not around.needs_approval(plan.risk_level):
        return ()
    remedy = gettext("Stop it, change it, and ask for approval before you switch it on again.")
    return (_not_approved("risk_level", remedy),)


def _not_approved(field: str, remedy: str) -> Refusal:
    return Refusal(
        "second-person-approved",
        field,
        gettext("a second person has not approved it"),
        gettext("Here, what is switched on was looked at by somebody else, as it stands."),
        remedy,
    )


def to_approve(*, approver: object, authors: tuple[object, ...]) -> tuple[Refusal, ...]:
    """Refuses an approval by whoever made or last edited the item."""
    if approver is not None and approver not in authors:
        return ()
    return (
        Refusal(
            "approver-is-another",
            "state",
            gettext("nobody approves what is their own"),
            gettext(
                "The person who approves must be another than the one who made or last edited it."
            ),
            gettext("Ask somebody else to approve it."),
        ),
    )


def to_start(plan: AnyPlan, now: datetime) -> tuple[Refusal, ...]:
    """Refuses to start what would have ended."""
    return tuple(
        r for r in to_be_complete(plan, around=Surroundings(), now=now) if r.field == "end"
    )


def to_decide(decision: str, reasons: str, known: tuple[str, ...]) -> tuple[Refusal, ...]:
    """Refuses a decision without a word for it or without reasons."""
    found: list[Refusal] = []
    if decision not in known:
        found.append(
            Refusal(
                "decision-has-reasons",
                "decision",
                gettext("the decision is missing"),
                gettext("“%(decision)s” is no decision.") % {"decision": decision}
                if decision
                else gettext("Nothing is chosen."),
                gettext("Give one of %(known)s.") % {"known": ", ".join(known)},
            )
        )
    if not reasons.strip():
        found.append(
            Refusal(
                "decision-has-reasons",
                "decision_reasons",
                gettext("the reasons are missing"),
                gettext("Whoever reads the decision in a year must see what it rested on."),
                gettext("Write one or two sentences."),
            )
        )
    return tuple(found)


def to_kill(reason: str, *, picked: bool) -> tuple[Refusal, ...]:
    """Refuses a kill without a reason or of nothing, and nothing else."""
    found: list[Refusal] = []
    if not reason.strip():
        found.append(
            Refusal(
                "kill-has-reason",
                "reason",
                gettext("the reason is missing"),
                gettext("Everybody whose item stops must see why."),
                gettext("Write what is wrong, in a few words."),
            )
        )
    if not picked:
        found.append(
            Refusal(
                "kill-has-items",
                "items",
                gettext("nothing is ticked"),
                gettext("The kill switch was pressed for what is ticked, and nothing is."),
                gettext("Tick what must stop, or stop everything."),
            )
        )
    return tuple(found)
