"""Questions about the law, made at random, and what the law in Python answers.

Some questions hold what no experiment may hold: a language must refuse that, as the others do.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from allotment.allocation import (
    ConfigError,
    allocate,
    in_sample,
    parse_experiment,
    parse_overrides,
    parse_rate,
    parse_time,
)

TEXTS = ["", "0", "00", "1", "01", "1e0", "1.0", "a", "A", " a", "é", "e\u0301", "😀", "null"]
SCALARS: list[Any] = [*TEXTS, True, False, 0, 1, -1, 0.0, -0.0, 1.0, 0.5, 2**53, 2**53 + 1, 2**70]
VALUES: list[Any] = [*SCALARS, None, [], ["a"], ["0", 0, False], [1, "1"], [[]], [None], {"a": 1}]
OPERATORS = [
    *("equals", "not_equals", "contains", "does_not_contain", "in", "not_in", "contains_all"),
    *("contains_any", "greater_than", "less_than", "greater_than_or_equals", "less_than_or_equals"),
]
AROUND_NOW = ["2026-11-22T11:59:59.999Z", "2026-11-22T12:00:00Z", "2026-11-22T12:00:00.001Z"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = ["page_id", "page_title", "1", "0", ""]
TIMES = [
    *("2026-11-22T12:00:00Z", "2026-11-22T12:00:00.000001Z", "2026-11-22 12:00", "2026-11-22"),
    *("20261122T120000+0130", "2026-W47-7", "2026W477T12", "2026-11-22T12:00:00,5-23:59"),
    *("0001-01-01", "2026-02-30", "2026-11-22T24:00", "2026-11-22T12:60", "2026-W54", "2020-W53"),
    *("2026-11-22T", "tomorrow", "1", "2026-11-22T12:00:00Z\n", "٢٠٢٦-11-22"),
    "2026-11-22T12:00:00+24:00",
]  # fmt: skip


def any_text(dice: random.Random) -> str:
    """Up to 80 characters from all over Unicode, so that hashes take one block or more."""
    spans = [(0, 0x80), (0x80, 0x800), (0x800, 0xD800), (0xE000, 0x10000), (0x10000, 0x110000)]
    length = dice.choice([1, 2, 5, 15, 80])
    return "".join(chr(dice.randrange(*dice.choice(spans))) for _ in range(dice.randint(0, length)))


def maybe(dice: random.Random, garbage: list[Any], sound: object) -> object:
    return dice.choice(garbage) if dice.random() < 0.02 else sound


def targeting(dice: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(dice.randint(0, 2)):
        operator = dice.choice(OPERATORS)
        operand: Any = dice.choice(SCALARS)
        if operator in {"in", "not_in", "contains_all", "contains_any"}:
            operand = dice.choices(SCALARS, k=dice.randint(0, 4))
        elif "than" in operator:
            operand = dice.choice([-1, 0, 0.5, 1, 2**53])
        used = dice.choice(["is", *[operator] * 50])
        found.setdefault(dice.choice(NAMES), {})[used] = maybe(dice, VALUES, operand)
    return found


def experiment(dice: random.Random) -> dict[str, Any]:
    groups = dice.sample([text for text in TEXTS if text], dice.randint(1, 10))
    name = dice.choice(["foo", "1", "0", "é😀", any_text(dice) or "-"])
    item: dict[str, Any] = {"name": maybe(dice, VALUES, name)}
    item["groups"] = maybe(dice, [*VALUES, ["a", "a"], ["a"] * 11], groups)
    rates: dict[str, Any] = {"default": maybe(dice, VALUES, dice.choice([1, 1.0, "1", "0.5", 0.9]))}
    for _ in range(dice.randint(0, 2)):
        sites = dice.choice([["enwiki"], ["1"], ["frwiki", "enwiki"], None])
        rates[dice.choice(["0", "1", "0.25", "1e-3", "01"])] = maybe(dice, VALUES, sites)
    item["sample_rate"] = maybe(dice, VALUES, rates)
    if dice.random() < 0.4:
        weights = [dice.choice([0, 1, 2.0, 50, 99]) for _ in groups]
        item["weights"] = maybe(dice, [*VALUES, [1.5] * len(groups), [2**20] * 2], weights)
    if dice.random() < 0.3:
        edges = sorted((dice.randrange(1 << 24), dice.randrange(1 << 24)))
        layer: dict[str, Any] = {
            "name": dice.choice(["search", "1"]),
            "begin": edges[0],
            "end": edges[1],
        }
        layer = {field: maybe(dice, VALUES, value) for field, value in layer.items()}
        item["layer"] = maybe(dice, VALUES, layer)
    if dice.random() < 0.3:
        kept = [holdout(dice) for _ in range(dice.randint(0, 3))]
        item["holdouts"] = maybe(dice, VALUES, kept)
    if dice.random() < 0.5:
        item["targeting"] = maybe(dice, VALUES, targeting(dice))
    for field in ("start", "end"):
        if dice.random() < 0.3:
            item[field] = maybe(dice, [*VALUES, *TIMES], dice.choice(["", None, *AROUND_NOW]))
    for field in ("stream_name", "version", "phase_index", "contextual_attributes"):
        if dice.random() < 0.02:
            item[field] = dice.choice([value for value in VALUES if value != 2**70])
    return item


def holdout(dice: random.Random) -> dict[str, Any]:
    edges = sorted((dice.randrange(1 << 24), dice.randrange(1 << 22)))
    found: dict[str, Any] = {"name": dice.choice(["search", "foo", "0"])}
    found |= {"begin": edges[0], "end": edges[1] + 1}
    return {field: maybe(dice, VALUES, value) for field, value in found.items()}


def time(dice: random.Random) -> str:
    day = datetime(1000, 1, 2, tzinfo=UTC) + timedelta(seconds=dice.randrange(280 * 10**9))
    date = dice.choice(["%Y%m%d", "%G-W%V-%u", *["%Y-%m-%d"] * 8])
    clock = dice.choice(["", "T%H", " %H:%M", "T%H%M%S", "T%H:%M", *["T%H:%M:%S"] * 5])
    text = day.strftime(date)
    if clock.endswith("S") and dice.random() < 0.5:
        clock += dice.choice("....,") + str(dice.randrange(10**9))
    if clock:
        clock += dice.choice(["", "Z", "Z", "+01", "-03:30", "+05:45", "-23:59"])
    return text + day.strftime(clock)


def question(dice: random.Random) -> dict[str, Any]:
    kind = dice.random()
    if kind < 0.7:
        item: Any = maybe(dice, VALUES, experiment(dice))
        return {
            "ask": "evaluate",
            "experiment": item,
            "subject": dice.choice(
                [str(dice.randrange(10**6)), f"{dice.getrandbits(80):020x}", any_text(dice)]
            ),
            "site": dice.choice([None, "", "enwiki", "1"]),
            "now": "2026-11-22T12:00:00Z",
            "overrides": {"foo": "0"} if dice.random() < 0.05 else {},
            "attributes": {
                name: dice.choice(VALUES) for name in dice.sample(NAMES, dice.randint(0, 4))
            },
        }
    if kind < 0.8:
        return {"ask": "time", "text": time(dice)}
    if kind < 0.82:
        text = time(dice)
        at = dice.randrange(len(text) + 1)
        changed = text[:at] + dice.choice("0123456789-:+ZTW., ") + text[at + dice.randint(0, 1) :]
        return {"ask": "time", "text": changed}
    if kind < 0.9:
        made = "".join(dice.choices("0123456789.eE+-", k=dice.randint(1, 6)))
        return {"ask": "rate", "found": dice.choice([*VALUES, made, dice.random()])}
    if kind < 0.95:
        unit = f"{dice.getrandbits(32):08x}"
        exact = int(unit, 16) / 0xFFFFFFFF
        return {"ask": "sample", "id": unit, "rate": dice.choice([exact, dice.random(), 0, 1])}
    return {"ask": "overrides", "text": "".join(dice.choices("ab0 :;é", k=dice.randint(0, 12)))}


def answer(asked: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    match asked["ask"]:
        case "evaluate":
            try:
                item = parse_experiment(asked["experiment"])
            except ConfigError:
                return None
            found = allocate(
                item,
                asked["subject"],
                site=asked["site"],
                now=parse_time("", "", asked["now"]),
                overrides=asked["overrides"],
                attributes=asked["attributes"],
            )
            return [found.subject_id, found.group, found.reason.value]
        case "time":
            try:
                found_time = parse_time("", "", asked["text"])
            except ConfigError:
                return None
            return found_time and (found_time - EPOCH) // timedelta(milliseconds=1)
        case "rate":
            return parse_rate(asked["found"])
        case "sample":
            return in_sample(asked["id"], float(asked["rate"]))
    return parse_overrides(asked["text"])
