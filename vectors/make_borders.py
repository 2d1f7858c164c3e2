"""Makes `borders.json`: experiments whose every border runs right beside a subject.

The cases have the form of `evaluation.json`, and its oracle judges them; here each subject stands
at the first or the last place that is still in, and at the next one that is not: of a rate, a
group, a layer, a holdout, a date. A mistake of one in any of them is a case that fails. Then every
value that one language or another takes for another one, against each of them.

Run it as `python vectors/make_borders.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from case_files import Dice, document, write
from make_evaluation import LAW, MANY, ONE, ORDERED, SPAN, judge

SUBJECTS = 40
NOW = "2026-11-22T12:00:00.000Z"
TIMES = ["2026-11-22T11:59:59.999Z", NOW, "2026-11-22T12:00:00.001Z"]
ALIKE: list[Any] = [
    *("", "0", "1", "1.0", "1e0", "true", "a", "A", "é", "e\u0301", "null", True, False),
    *(0, 1, -1, 0.5, 2**53, 2**53 + 1),
]


def first_bits(text: str) -> int:
    """The first 24 bits of a text's hash."""
    return int.from_bytes(sha256(text.encode()).digest()[:3], "big")


def case(
    subject: str,
    name: str,
    now: str = NOW,
    attributes: dict[str, Any] | None = None,
    **item: object,
) -> dict[str, Any]:
    """One case: everybody takes part, but for what `item` says."""
    experiment = {
        "name": name,
        "groups": ["control", "treatment"],
        "sample_rate": {"default": 1},
        **item,
    }
    around: dict[str, Any] = {
        "now": now,
        "site": None,
        "overrides": {},
        "attributes": attributes or {},
    }
    return judge({"experiment": experiment, "subject": subject} | around)


def of_subject(subject: str, name: str, dice: Dice) -> Iterator[dict[str, Any]]:
    """All cases of one subject in one experiment."""
    weights = [1 + dice.below(500) for _ in range(2 + dice.below(6))]
    product = first_bits(subject + name) * sum(weights)
    slot, rest = divmod(product, SPAN)
    groups = [f"group-{number}" for number in range(len(weights))]
    for rate in (rest / SPAN, math.nextafter(rest / SPAN, 1), (rest + 1) / SPAN):
        yield case(subject, name, groups=groups, weights=weights, sample_rate={"default": rate})
    # The same sum, and so the same slot, with the border of two groups on either side of it.
    for first in (slot, slot + 1):
        yield case(subject, name, weights=[first, sum(weights) - first])
    for hashed, field in ((f"layer:{name}-layer", "layer"), (f"{name}-holdout", "holdouts")):
        at = first_bits(subject + hashed)
        for begin, end in ((at, at + 1), (0, at), (at + 1, SPAN), (0, at + 1), (at, SPAN)):
            if begin < end <= SPAN:
                owned = {"name": hashed.removeprefix("layer:"), "begin": begin, "end": end}
                item: dict[str, Any] = {field: owned if field == "layer" else [owned]}
                yield case(subject, name, **item)


def comparisons() -> Iterator[dict[str, Any]]:
    """Values beside such as one language or another takes for them."""

    def asked(value: object, operator: str, operand: object) -> dict[str, Any]:
        attributes = {} if value == ["missing"] else {"page_title": value}
        targeting = {"page_title": {operator: operand}}
        return case("1", "border-value", attributes=attributes, targeting=targeting)

    for value in ALIKE:
        for operand in ALIKE:
            yield asked(value, "equals", operand)
            yield asked([value, "x"], "contains", operand)
        for operator in ORDERED:
            yield asked(value, operator, 1)
    for value in (None, ["missing"], [], [None], "a", "x"):
        for operator in ONE + MANY + ORDERED:
            yield asked(
                value, operator, 0 if operator in ORDERED else "a" if operator in ONE else ["a"]
            )


def cases() -> Iterator[dict[str, Any]]:
    """Subjects at every border, then moments at those of the dates."""
    dice = Dice("allotment/borders/1")
    for number in range(SUBJECTS):
        subject = str(number) if dice.below(2) else f"{dice.below(1 << 80):020x}"
        yield from of_subject(subject, f"border-{dice.below(10)}", dice)
    for now in TIMES:
        for time in TIMES:
            yield case("1", "border-date", now, start=time)
            yield case("1", "border-date", now, end=time)
        yield case("1", "border-date", now, start=NOW, end=NOW)
    yield from comparisons()


if __name__ == "__main__":
    write("borders.json", document(LAW, cases()))
