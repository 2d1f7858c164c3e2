"""Makes `evaluation.json`: what becomes of a subject in 2,500 experiments, and why.

An oracle for every language's evaluation of a whole experiment: forced groups, dates, targeting,
holdouts, layer, rate at a site, group. It imports no implementation, takes each step for itself and
then asks which comes first, and holds times against each other as texts. It always writes the same
bytes.

Run it as `python vectors/make_evaluation.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from hashlib import sha256
from itertools import accumulate
from typing import Any, TypeAlias

from case_files import Dice, document, write

Json: TypeAlias = Any

COUNT = 2_500
SPAN = 1 << 24
LAW = (
    "the first that holds gives the reason: a forced group (overridden, subject_id 'overridden');"
    " before start or after end (not_active); a condition of targeting does not hold"
    " (not_targeted); a holdout's slot, the first 24 bits of sha256(utf8(subject) + utf8(name)),"
    " is within begin <= slot < end (held_out); the layer's slot, the first 24 bits of"
    " sha256(utf8(subject) + utf8('layer:' + name)), is not within begin <= slot < end"
    " (layer_taken); the law of allocation.json at the rate of the site (not_sampled); its group"
    " (assigned)"
)
NOW = "2026-11-22T12:00:00Z"
TIMES = [None, None, None, "", "2026-11-22T11:59:59Z", NOW, "2026-11-22T12:00:01Z", "2030-01-01"]
SITES = [None, "enwiki", "frwiki", "xwiki"]
SCALARS: list[Any] = [
    *("", "a", "A", "b", "1", "true", "é", "e\u0301", "vector", True, False),
    *(0, 1, -1, 1.0, 0.5, 2, 1.5, 1e3, 9007199254740992, 9007199254740993, 1e308, -2.5),
]
LISTS: list[Any] = [[], ["a"], ["a", "b"], ["b", "a", "A"], [1, "1"], [True], ["sysop", "bot"]]
ONE = ["equals", "not_equals", "contains", "does_not_contain"]
ORDERED = ["greater_than", "less_than", "greater_than_or_equals", "less_than_or_equals"]
MANY = ["in", "not_in", "contains_all", "contains_any"]
ATTRIBUTES = ["page_id", "page_title", "performer_groups", "mediawiki_skin"]


def kind(value: Json) -> str:
    """What JSON calls a value that is not null."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else "number"


def same(one: Json, other: Json) -> bool:
    """Whether two values are one, without converting anything but numbers to doubles."""
    if kind(one) != kind(other):
        return False
    return float(one) == float(other) if kind(one) == "number" else bool(one == other)


def holds(operator: str, value: Json, operand: Json) -> bool:
    """What one condition says of a value that is there."""
    match operator:
        case "equals" | "not_equals":
            return same(value, operand) == (operator == "equals")
        case "in" | "not_in":
            return any(same(value, each) for each in operand) == (operator == "in")
        case "contains" | "contains_all":
            wanted = operand if operator == "contains_all" else [operand]
            return kind(value) == "list" and all(any(same(m, w) for m in value) for w in wanted)
        case "contains_any":
            return kind(value) == "list" and any(same(m, w) for m in value for w in operand)
        case "does_not_contain":
            return kind(value) == "list" and not any(same(member, operand) for member in value)
    if kind(value) != "number":
        return False
    above, equal = float(value) > float(operand), float(value) == float(operand)
    return {
        "greater_than": above,
        "less_than": not above and not equal,
        "greater_than_or_equals": above or equal,
        "less_than_or_equals": not above,
    }[operator]


def meets(targeting: Mapping[str, Mapping[str, Any]], attributes: Mapping[str, Any]) -> bool:
    """Whether all conditions hold; what is missing or null meets none."""
    return all(
        attributes.get(attribute) is not None and holds(operator, attributes[attribute], operand)
        for attribute, tests in targeting.items()
        for operator, operand in tests.items()
    )


def judge(case: dict[str, Any]) -> dict[str, Any]:
    """The case with what the law says of it."""
    item, subject, now = case["experiment"], case["subject"], case["now"]
    name, groups = item["name"], item["groups"]
    weights = item.get("weights") or [1] * len(groups)
    digest = sha256((subject + name).encode()).hexdigest()
    place = Fraction(int(digest[:6], 16), SPAN) * sum(weights)
    slot = math.floor(place)
    rates = item["sample_rate"]
    named = [float(key) for key in rates if key != "default" and case["site"] in rates[key]]
    rate = min(named, default=float(rates["default"]))
    layer = item.get("layer")
    steps = {
        "overridden": name in case["overrides"],
        "not_active": bool(
            (item.get("start") and now < item["start"]) or (item.get("end") and now > item["end"])
        ),
        "not_targeted": not meets(item.get("targeting") or {}, case["attributes"]),
        "held_out": any(
            in_range(subject, holdout["name"], holdout) for holdout in item.get("holdouts") or []
        ),
        "layer_taken": bool(layer) and not in_range(subject, f"layer:{layer['name']}", layer),
        "not_sampled": place - slot >= Fraction(rate),
        "assigned": True,
    }
    reason = next(step for step, holds_here in steps.items() if holds_here)
    group = None
    if reason == "overridden":
        group, digest = case["overrides"][name], "overridden"
    elif reason == "assigned":
        group = groups[sum(end <= slot for end in accumulate(weights))]
    return {**case, "subject_id": digest, "group": group, "reason": reason}


def in_range(subject: str, hashed: str, owned: Mapping[str, Any]) -> bool:
    """Whether the subject's slot in a layer or holdout is one of a range."""
    digest = sha256(f"{subject}{hashed}".encode()).hexdigest()
    return int(digest[:6], 16) in range(owned["begin"], owned["end"])


def cases() -> Iterator[dict[str, Any]]:
    """A mix in which every reason is common."""
    dice = Dice("allotment/evaluation/1")
    for number in range(COUNT):
        name = f"experiment-{dice.below(200)}"
        groups = ["control", "treatment", "b", "c"][: 1 + dice.below(4)]
        item: dict[str, Any] = {"name": name, "groups": groups, "sample_rate": rates(dice)}
        if dice.below(3) == 0:
            item["weights"] = [1 + dice.below(100) for _ in groups]
        for field in ("start", "end"):
            if (time := dice.pick(TIMES)) is not None:
                item[field] = time
        if dice.below(3) == 0:
            edges = sorted((dice.below(SPAN), dice.below(SPAN)))
            item["layer"] = {
                "name": dice.pick(["search", "page", name]),
                "begin": edges[0],
                "end": edges[1] + 1,
            }
        if dice.below(2):
            item["holdouts"] = [holdout(dice, name) for _ in range(dice.below(4))]
        if dice.below(2):
            item["targeting"] = targeting(dice)
        overrides = {name: dice.pick(["control", "x"])} if dice.below(12) == 0 else {}
        attributes = {
            attribute: dice.pick([*SCALARS, *LISTS, None])
            for attribute in ATTRIBUTES
            if dice.below(5)
        }
        yield judge(
            {
                "experiment": item,
                "subject": str(number) if dice.below(2) else f"{dice.below(1 << 80):020x}",
                "site": dice.pick(SITES),
                "now": NOW,
                "overrides": overrides,
                "attributes": attributes,
            }
        )


def holdout(dice: Dice, experiment: str) -> dict[str, Any]:
    """A small range from the first slot, as the registry writes it, or any other."""
    begin, end = 0, dice.pick([SPAN // 20, SPAN // 3, SPAN])
    if dice.below(3) == 0:
        begin, end = sorted((dice.below(SPAN), dice.below(SPAN)))
    name = dice.pick(["holdout-2026", "search", "layer:search", experiment])
    return {"name": name, "begin": begin, "end": end + (begin == end)}


def rates(dice: Dice) -> dict[str, Any]:
    """A default, and sometimes another rate for some sites; numbers or their texts."""
    found: dict[str, Any] = {"default": dice.pick([0, 0.5, "0.5", 0.9, 1, 1, "1"])}
    if dice.below(3) == 0:
        found[dice.pick(["0", "0.25", "1"])] = ["frwiki", "xwiki"][: 1 + dice.below(2)]
    if dice.below(3) == 0:
        found[dice.pick(["1", "0.75", "0"])] = ["xwiki", "enwiki"][: 1 + dice.below(2)]
    return found


def targeting(dice: Dice) -> dict[str, dict[str, Any]]:
    """One or two conditions, of which each holds now and then."""
    found: dict[str, dict[str, Any]] = {}
    for _ in range(1 + dice.below(2)):
        attribute = dice.pick(ATTRIBUTES)
        operator = dice.pick(ONE + ORDERED + MANY)
        if operator in ORDERED:
            operand: Any = dice.pick([value for value in SCALARS if kind(value) == "number"])
        elif operator in MANY:
            operand = [dice.pick(SCALARS) for _ in range(dice.below(6))]
        else:
            operand = dice.pick(SCALARS)
        found.setdefault(attribute, {})[operator] = operand
    return found


if __name__ == "__main__":
    write("evaluation.json", document(LAW, cases()))
