"""The page of the reference that lists every rule, written from the rules themselves."""

from __future__ import annotations

from typing import Final

from allotment.contract.check import RULES, Kind, Severity

_WORDS: Final = {
    Severity.ERROR: "Refuses that it is switched on.",
    Severity.WARNING: "Advice: it can be switched on.",
    Severity.NOTE: "Good to know.",
}
_INTRODUCTION: Final = """\
# Rules of the check

The check looks at streams, schemas, instruments, experiments, metrics and clients together.
[Check before launch](../how-to/check-before-launch.md) says how to run it: in the form as somebody
types, before anything is switched on, once a day by the registry itself, and by `allotment check`.

An **error** refuses that something is switched on, a **warning** is advice, a **note** is good to
know. Single findings of a rule may weigh less than the rule does. Rules about the life of a record
(what is frozen when, who approves) are the registry's own and are told there.
"""


def rules_page() -> str:
    """The page `docs/reference/check-rules.md`."""
    rows = [
        f"| [`{rule.name}`](#{rule.name}) | {rule.severity} | {_kinds(rule.kinds)} |"
        f" {rule.claim.replace('|', chr(92) + '|')} |"
        for rule in RULES.values()
    ]
    sections = [
        f"## {rule.name}\n\n{rule.claim} {_WORDS[rule.severity]}\n\n{rule.story}\n"
        for rule in RULES.values()
    ]
    table = ["| rule | severity | about | what holds |", "|---|---|---|---|", *rows, ""]
    return "\n".join([_INTRODUCTION, *table, *sections])


def _kinds(kinds: tuple[Kind, ...]) -> str:
    return ", ".join("the lab" if kind is Kind.LAB else f"{kind.value}s" for kind in kinds)
