"""The parts of the reference's page on the life cycle that are written from the code."""

from __future__ import annotations

from allotment.registry import states
from allotment.registry.permissions import ACTIONS
from allotment.registry.roles import Role
from allotment.registry.rules.catalog import RULES
from allotment.registry.rules.freezing import TABLE
from allotment.registry.states import CLOCK, COMPLETE, WORDS, Verb


def sections() -> dict[str, list[str]]:
    """The lines of each generated part, by the name of its marks."""
    return {
        "diagram": ["```mermaid", *states.diagram().splitlines(), "```"],
        "arrows": _arrows(),
        "frozen": _frozen(),
        "rules": ["| rule | what it demands |", "|---|---|", *_rules()],
    }


def _arrows() -> list[str]:
    lines = ["| from | by | to | refused by | who |", "|---|---|---|---|---|"]
    for source, verb, target, only, guards in states.rows():
        own = [f"`{rule}`" for rule in guards if rule not in COMPLETE]
        whole = ["a plan that is not complete"] if set(COMPLETE) <= set(guards) else []
        named = ", ".join([*whole, *own]) or "nothing"
        word = f"{WORDS[verb]}{f' ({only}s only)' if only else ''}"
        lines.append(f"| {source} | {word} | {target} | {named} | {_who(verb)} |")
    complete = ", ".join(f"`{rule}`" for rule in COMPLETE)
    return [*lines, "", f"A plan is complete when none of these refuses it: {complete}."]


def _who(verb: Verb) -> str:
    if verb in CLOCK:
        return "the clock"
    action = ACTIONS[verb]
    others = ", ".join(role.value for role in Role if role in action.others)
    if action.own == action.others:
        return others
    return f"owners, {others}" if action.own else f"{others}; nobody for what is their own"


def _frozen() -> list[str]:
    lines = ["| what | of | fixed | because |", "|---|---|---|---|"]
    for row in TABLE:
        fill = "; what stood empty may be filled in" if row.fill else ""
        kinds = " and ".join(f"{kind}s" for kind in row.kinds)
        lines.append(f"| {row.words} | {kinds} | {row.since}{fill} | {row.why} |")
    return lines


def _rules() -> list[str]:
    return [f"| `{name}` | {demand} |" for name, demand in RULES.items()]
