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
from allotment.contract.texts import NOTHING, Text, enumerated, said, sentences

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
                said("the targeting cannot be read"),
                said(
                    "“%(field)s” is %(value)s.",
                    field=".".join(map(str, path)),
                    value=shown(block),
                ),
                said("It would be passed over, and everybody be reached."),
                said(
                    "Write attribute, operator and operand, such as "
                    "{“performer_edit_count”: {“less_than”: 100}}."
                ),
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
            hint = (
                said("Did you mean %(name)s?", name=_SPELT[operator])
                if operator in _SPELT
                else did_you_mean(operator, list(OPERATORS))
            )
            yield Fault(
                said("there is no operator “%(operator)s”", operator=operator),
                said(
                    "%(operator)s is none of %(operators)s.",
                    operator=shown(operator),
                    operators=enumerated(OPERATORS),
                ),
                said("Clients would pass over it, and everybody be reached."),
                sentences(hint, said("Choose one of these.")),
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
                said("“%(operator)s” has something it cannot be held against", operator=operator),
                said(
                    "“%(attribute)s %(operator)s” is given %(operand)s.",
                    attribute=attribute,
                    operator=operator,
                    operand=shown(operand),
                ),
                said("The condition would never be met, and nobody take part."),
                said("Give %(expected)s.", expected=expected),
                path,
            )


def _expected(operator: str, kind: str | None, operand: object) -> Text:
    """What an operator is held against, where the operand is not that."""
    if operator in OF_LISTS:
        fine = isinstance(operand, list) and bool(operand)
        return NOTHING if fine else said("a list that is not empty")
    if operator in OF_NUMBERS:
        fine = isinstance(operand, int | float) and not isinstance(operand, bool)
        return NOTHING if fine else said("a number")
    if operator in OPERATORS:
        if operand is None or isinstance(operand, list | Mapping):
            return said("one value")
        types: Mapping[str, tuple[type, ...]] = {
            "boolean": (bool,),
            "integer": (int,),
            "string": (str,),
        }
        wanted = types.get(kind or "")
        wrong = wanted is not None and (
            not isinstance(operand, wanted) or (kind == "integer" and isinstance(operand, bool))
        )
        return said("a value of type %(kind)s", kind=kind or "") if wrong else NOTHING
    return NOTHING


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
                said(
                    "the targeting looks at “%(attribute)s”, which is not asked for",
                    attribute=attribute,
                ),
                said(
                    "%(attribute)s is none of the attributes: %(names)s.",
                    attribute=attribute,
                    names=listed(list(asked)),
                )
                if asked
                else said("%(attribute)s is none of the attributes: none.", attribute=attribute),
                said("The condition would never be met, and nobody take part."),
                sentences(
                    did_you_mean(attribute, list(asked) or list(ATTRIBUTES)),
                    said("Ask for %(name)s.", name=attribute),
                ),
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
                said("its range of the layer cannot be used"),
                said(
                    "Its range of %(layer)s is %(begin)s to %(end)s.",
                    layer=name,
                    begin=shown(begin),
                    end=shown(end),
                ),
                said("Nobody would take part."),
                said("Give whole numbers, begin less than end."),
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
                    said("its range of the layer overlaps another's"),
                    said(
                        "In %(layer)s it owns %(begin)s to %(end)s, of which %(names)s owns a "
                        "part.",
                        layer=name,
                        begin=begin,
                        end=end,
                        names=listed(others),
                    ),
                    said("The same subjects would be in both."),
                    said("Give it a range that is free."),
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
