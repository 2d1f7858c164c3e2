"""Rules about who is targeted, and about layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from allotment.allocation.targeting import OF_LISTS, OF_NUMBERS, OPERATORS
from allotment.contract.check.entries import CLIENT, Entry, Path
from allotment.contract.check.findings import Kind, Severity, listed, shown
from allotment.contract.check.platforms import ATTRIBUTES
from allotment.contract.check.rule import Fault, rule_for, rule_over_all
from allotment.contract.check.scene import Scene, did_you_mean

_SPELT: Final = {
    "is_equals": "equals",
    "not_contains": "does_not_contain",
    "is_not_equals": "not_equals",
}
"""Other clients' and documents' words for an operator."""


def _blocks(entry: Entry) -> Iterator[tuple[Path, object]]:
    """(path, rules) of each block in which attributes stand with operators."""
    if entry.kind is Kind.STREAM:
        if (curation := entry.at(*CLIENT, "curation")) is not None:
            yield (*CLIENT, "curation"), curation
    elif (targeting := entry.at("targeting")) is not None and targeting not in ({}, []):
        yield ("targeting",), targeting


def _conditions(entry: Entry) -> Iterator[tuple[Path, str, str, object]]:
    """(path, attribute, operator, operand) of each condition that has the usual shape."""
    for path, block in _blocks(entry):
        for attribute, operators in block.items() if isinstance(block, Mapping) else ():
            for operator, operand in operators.items() if isinstance(operators, Mapping) else ():
                at = (*path, str(attribute), str(operator))
                yield at, str(attribute), str(operator), operand


@rule_for("targeting-has-shape", Severity.ERROR, Kind.EXPERIMENT, Kind.INSTRUMENT, Kind.STREAM)
def targeting_has_shape(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Targeting is an object: attribute, then operator, then what it is held against.

    What has another shape is passed over, and the experiment then reaches everybody.
    """
    for path, block in _blocks(entry):
        wrong = not isinstance(block, Mapping) or any(
            not isinstance(operators, Mapping) or not operators for operators in block.values()
        )
        if wrong:
            yield Fault(
                "the targeting cannot be read",
                f"“{'.'.join(map(str, path))}” is {shown(block)}.",
                "It would be passed over, and everybody be reached.",
                "Write attribute, operator and operand, such as "
                "{“performer_edit_count”: {“less_than”: 100}}.",
                path,
            )


@rule_for(
    "targeting-operator-is-known", Severity.ERROR, Kind.EXPERIMENT, Kind.INSTRUMENT, Kind.STREAM
)
def targeting_operator_is_known(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Every operator of the targeting is one that clients know.

    Clients pass over unknown operators, so a misspelt one targets everybody. Two published
    clients spell the same operator differently.
    """
    for path, _, operator, _ in _conditions(entry):
        if operator not in OPERATORS:
            hint = f"Did you mean {_SPELT[operator]}? " if operator in _SPELT else ""
            yield Fault(
                f"there is no operator “{operator}”",
                f"{shown(operator)} is none of {', '.join(OPERATORS)}.",
                "Clients would pass over it, and everybody be reached.",
                f"{hint or did_you_mean(operator, list(OPERATORS))}Choose one of these.",
                path,
            )


@rule_for("targeting-operand-fits", Severity.ERROR, Kind.EXPERIMENT, Kind.INSTRUMENT, Kind.STREAM)
def targeting_operand_fits(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """What an operator is held against has the operator's type, and the attribute's.

    Comparison is strict: `"1"` is not `1`, and a lone text is no list, so such a condition is
    never met and nobody takes part.
    """
    for path, attribute, operator, operand in _conditions(entry):
        kind = ATTRIBUTES[attribute].kind if attribute in ATTRIBUTES else None
        expected = _expected(operator, kind, operand)
        if expected:
            yield Fault(
                f"“{operator}” has something it cannot be held against",
                f"“{attribute} {operator}” is given {shown(operand)}.",
                "The condition would never be met, and nobody take part.",
                f"Give {expected}.",
                path,
            )


def _expected(operator: str, kind: str | None, operand: object) -> str:
    if operator in OF_LISTS:
        return "" if isinstance(operand, list) and operand else "a list that is not empty"
    if operator in OF_NUMBERS:
        fine = isinstance(operand, int | float) and not isinstance(operand, bool)
        return "" if fine else "a number"
    if operator in OPERATORS:
        if operand is None or isinstance(operand, list | Mapping):
            return "one value"
        types: Mapping[str, tuple[type, ...]] = {
            "boolean": (bool,),
            "integer": (int,),
            "string": (str,),
        }
        wanted = types.get(kind or "")
        wrong = wanted is not None and (
            not isinstance(operand, wanted) or (kind == "integer" and isinstance(operand, bool))
        )
        return f"a value of type {kind}" if wrong else ""
    return ""


@rule_for(
    "targeting-attribute-is-sent", Severity.ERROR, Kind.EXPERIMENT, Kind.INSTRUMENT, Kind.STREAM
)
def targeting_attribute_is_sent(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Every attribute that the targeting looks at is asked for.

    Conditions are held against the event's context; an attribute that is not asked for is missing
    there, the condition fails, and nobody takes part.
    """
    asked = scene.requested(entry) if entry.kind is Kind.EXPERIMENT else entry.attributes
    always = ("agent_client_platform", "agent_client_platform_family")
    for path, attribute in dict.fromkeys((p[:-1], a) for p, a, _, _ in _conditions(entry)):
        if attribute not in asked and attribute not in always:
            yield Fault(
                f"the targeting looks at “{attribute}”, which is not asked for",
                f"{attribute} is none of the attributes: {listed(list(asked) or 'none')}.",
                "The condition would never be met, and nobody take part.",
                f"{did_you_mean(attribute, list(asked) or list(ATTRIBUTES))}Ask for {attribute}.",
                path,
                field="targeting",
            )


@rule_over_all("layer-ranges-apart", Severity.ERROR, Kind.EXPERIMENT)
def layer_ranges_apart(scene: Scene) -> Iterator[Fault]:
    """Experiments of one layer own ranges that do not overlap.

    A layer promises that nobody is in two of its experiments. Overlapping experiments spoiled
    each other's subject ids at the edge.
    """
    layers: dict[str, list[tuple[int, int, Entry]]] = {}
    for entry in scene.configuration.experiments:
        name, begin, end = (entry.at("layer", key) for key in ("name", "begin", "end"))
        if not isinstance(name, str) or entry.is_off:
            continue
        whole = [n for n in (begin, end) if isinstance(n, int) and not isinstance(n, bool)]
        if len(whole) < len((begin, end)) or not 0 <= whole[0] < whole[1]:
            yield Fault(
                "its range of the layer cannot be used",
                f"Its range of {name} is {shown(begin)} to {shown(end)}.",
                "Nobody would take part.",
                "Give whole numbers, begin less than end.",
                ("layer",),
                entry=entry,
            )
            continue
        layers.setdefault(name, []).append((whole[0], whole[1], entry))
    for name, ranges in layers.items():
        for begin, end, entry in ranges:
            others = [
                other.name
                for b, e, other in ranges
                if other is not entry and b < end and begin < e and _meet(entry, other)
            ]
            if others:
                yield Fault(
                    "its range of the layer overlaps another's",
                    f"In {name} it owns {begin} to {end}, of which {listed(others)} owns a part.",
                    "The same subjects would be in both.",
                    "Give it a range that is free.",
                    ("layer",),
                    entry=entry,
                )


def _meet(one: Entry, other: Entry) -> bool:
    """Whether there is a moment at which both run."""
    begins = [entry.time("start") for entry in (one, other)]
    ends = [entry.time("end") for entry in (one, other)]
    return not any(
        end and begin and end < begin for begin, end in ((begins[0], ends[1]), (begins[1], ends[0]))
    )
