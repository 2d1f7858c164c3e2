"""How a rule is written: a function with a name, a severity, and a docstring that says why."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allotment.contract.check.entries import Entry, Path
from allotment.contract.check.findings import Finding, Kind, Place, Severity, pointer
from allotment.contract.texts import Text

if TYPE_CHECKING:
    from allotment.contract.check.scene import Scene


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule found, before the runner adds rule and place.

    `field` names the form's field where it is not the path's first step; `severity` is set where
    this fault weighs otherwise than the rule does.
    """

    headline: Text
    what: Text
    consequence: Text
    remedy: Text
    path: Path = ()
    field: str = ""
    entry: Entry | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One named rule. `claim` says what holds where it is silent, `story` what it prevents."""

    name: str
    severity: Severity
    kinds: tuple[Kind, ...]
    claim: str
    story: str
    find: Callable[[Scene], Iterator[Fault]]

    def findings(self, scene: Scene) -> Iterator[Finding]:
        """What the rule finds in a scene, with the place of each."""
        for fault in self.find(scene):
            yield _finding(self, fault)


RULES: dict[str, Rule] = {}
"""Every rule by its name, in the order in which the modules of rules define them."""

_Each = Callable[[Entry, "Scene"], Iterator[Fault]]
_Whole = Callable[["Scene"], Iterator[Fault]]


def rule_for(name: str, severity: Severity, *kinds: Kind) -> Callable[[_Each], _Each]:
    """Make a function the rule that looks at each entry of the kinds by itself."""

    def register(function: _Each) -> _Each:
        def find(scene: Scene) -> Iterator[Fault]:
            for kind in kinds:
                for entry in scene.looked_at(kind):
                    for fault in function(entry, scene):
                        yield fault if fault.entry else replace(fault, entry=entry)

        _add(name, severity, kinds, function.__doc__, find)
        return function

    return register


def rule_over_all(name: str, severity: Severity, *kinds: Kind) -> Callable[[_Whole], _Whole]:
    """Make a function the rule that looks at everything at once; it names the entry of a fault."""

    def register(function: _Whole) -> _Whole:
        _add(name, severity, kinds, function.__doc__, function)
        return function

    return register


def _add(
    name: str, severity: Severity, kinds: tuple[Kind, ...], doc: str | None, find: _Whole
) -> None:
    if name in RULES or not doc:
        raise ValueError(f"the rule {name!r} is there twice or tells no story")
    claim, _, story = inspect.cleandoc(doc).partition("\n\n")
    RULES[name] = Rule(
        name, severity, kinds, " ".join(claim.split()), " ".join(story.split()), find
    )


def _finding(rule: Rule, fault: Fault) -> Finding:
    entry = fault.entry
    if entry is None:
        place = Place(Kind.LAB, "")
    else:
        place = Place(
            entry.kind,
            entry.name,
            fault.field or (str(fault.path[0]) if fault.path else ""),
            pointer(fault.path),
            entry.origin.file if entry.origin else None,
            entry.line(fault.path),
        )
    return Finding(
        rule.name,
        fault.severity or rule.severity,
        place,
        fault.headline,
        fault.what,
        fault.consequence,
        fault.remedy,
    )
