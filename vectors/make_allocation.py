"""Makes `allocation.json`: what the law of allocation says in 10,000 cases.

An oracle for every language's allocation: it imports none of them and follows the published form
of the law, `s = u * W` with `u` a fraction of 2^24, in exact fractions, where the implementations
work in integers. It always writes the same bytes, on every version of Python.

Run it as `python vectors/make_allocation.py`.

Lone surrogates are left out: some languages refuse them when they read JSON.
"""

# ruff: noqa: RUF001 - letters that look alike are what this is about

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from itertools import accumulate
from typing import TypedDict

from case_files import Dice, document, write

COUNT = 10_000
SPAN = 1 << 24
LAW = (
    "subject_id = sha256(utf8(subject) + utf8(experiment)); h = its first 24 bits; W = sum(weights,"
    " each 1 where null); p = h * W; slot = p >> 24; r = p & 0xFFFFFF; enrolled iff"
    " r < ceil(rate * 2^24); group = the first whose cumulative weight exceeds slot"
)


class Case(TypedDict):
    """One line of the file. `weights` null means 1 for each group; `group` null: not enrolled."""

    subject: str
    experiment: str
    groups: list[str]
    weights: list[int] | None
    rate: float
    subject_id: str
    enrolled: bool
    group: str | None


SUBJECTS = [
    *("", " ", "\t", "\n", "a\nb", "a\r\nb", "\u0000", "\u007f", "\u0085", "\u00a0", "\u2028"),
    *("\ufeff1", "1", "01", "1.0", "1e3", "0x10", " 1", "1 ", "+1", "-0", "-1", "NaN", "Infinity"),
    *("null", "true", "9007199254740993", "18446744073709551616", "१२३", "٤٢", "１２３", "²", "½"),
    *("a:b", ":", "a;b", "a=b", "a,b", '"', "'", '"quoted"', "it's", "\\", "\\n", "\\u0041", "%41"),
    *("<script>", "&amp;", "/../", "{}", "[]", "Zoë", "Zoe\u0308", "\u00e9", "e\u0301", "ﬁ", "fi"),
    *(
        "\u212b",
        "\u00c5",
        "A\u030a",
        "q\u0307\u0323",
        "q\u0323\u0307",
        "ß",
        "ẞ",
        "İ",
        "ı",
        "ς",
        "σ",
    ),
    *(
        "Ελλάδα",
        "Россия",
        "日本語",
        "한국어",
        "\u1112\u1161\u11ab",
        "ไทย",
        "العربية",
        "עברית",
        "हिन्दी",
        "ತುಳು",
    ),
    *("\u202eevil", "\u200b", "a\u200db", "\ue000", "\ufffd", "\ufffe", "\uffff"),
    *("😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇺🇦", "👍🏽", "𝒳", "𠮷", "\U00010000", "\U0010ffff", "a😀b"),
    *("x" * 5000, "é" * 2500, "😀" * 1250, "1" * 55, "1" * 56, "1" * 63, "1" * 64, "1" * 65),
]
EXPERIMENTS = [
    *("foo", "bar", "logged-in-experiment-1", "fy25-we3-toc-test", "Search.Box_2", "1", "2foo"),
    *("a:b", "line\nbreak", 'with "quotes"', "it's", "Ünïcødé", "e\u0301preuve", "🧪", "実験", " "),
    "long-" + "name-" * 40,
]
GROUPS = [
    *(
        "control",
        "treatment",
        "b",
        "c",
        "group-something",
        "blue",
        "0",
        "1",
        " ",
        "a:b",
        "two words",
    ),
    *('"q"', "línea\n", "🅰", "グループ", "NULL", "-", "e\u0301", "é"),
]
RATES = [
    *(0.0, 1.0, 0.5, 0.25, 0.1, 0.2, 0.3, 0.7, 0.9, 0.99, 0.01, 0.001, 1 / 3, 2 / 3, 1 / 7, 1e-9),
    *(
        2.0**-24,
        2.0**-25,
        3 * 2.0**-25,
        1 - 2.0**-24,
        1 - 2.0**-53,
        5e-324,
        2.2250738585072014e-308,
    ),
]
WEIGHTS: list[list[int]] = [
    *([1], [7], [1 << 20], [1, 1], [1, 2], [2, 1], [0, 1], [1, 0], [1, 99], [50, 50], [999, 1]),
    *([33, 33, 34], [1, 1, 1], [0, 0, 1], [0, 1, 0], [5, 0, 7], [1, 2, 3, 4], [10, 20, 30, 40]),
    *([(1 << 20) - 1, 1], [1, 0, 1, 0, 1], [3, 1, 4, 1, 5, 9], [97, 89, 83, 79, 73, 71, 67]),
    *([1] * 10, [0] * 9 + [1], [1, 2, 3, 5, 8, 13, 21, 34, 55, 89], [104_857] * 10),
]


def judge(
    subject: str, experiment: str, groups: list[str], weights: list[int] | None, rate: float
) -> Case:
    """The case with what the law says of it."""
    digest = sha256(subject.encode() + experiment.encode()).hexdigest()
    place = position(digest, weights or [1] * len(groups))
    slot = math.floor(place)
    enrolled = place - slot < Fraction(rate)
    ends = list(accumulate(weights or [1] * len(groups)))
    group = groups[sum(end <= slot for end in ends)] if enrolled else None
    return Case(
        subject=subject,
        experiment=experiment,
        groups=groups,
        weights=weights,
        rate=rate,
        subject_id=digest,
        enrolled=enrolled,
        group=group,
    )


def position(digest: str, weights: list[int]) -> Fraction:
    """`s`: where the subject falls, from 0 to just below the sum of the weights."""
    return Fraction(int(digest[:6], 16), SPAN) * sum(weights)


def cases() -> Iterator[Case]:
    """The cases: the published ones, every kind of text, borders of rates, then a wide mix."""
    dice = Dice("allotment/allocation/1")
    made = 0
    for case in (*published(), *texts(dice), *borders(dice)):
        made += 1
        yield case
    for number in range(COUNT - made):
        groups, weights = arms(dice)
        subject = str(number) if dice.below(2) else mixed_text(dice)
        yield judge(subject, dice.pick(EXPERIMENTS), groups, weights, rate(dice))


def published() -> Iterator[Case]:
    """The vectors that the original system published for its sha256 form, equal weights."""
    yield judge("2", "foo", ["control", "treatment"], None, 1)
    yield judge("2", "bar", ["control", "treatment"], None, 0.5)
    yield judge("321", "logged-in-experiment-1", ["control", "group-something"], None, 1)
    yield judge("321", "logged-in-experiment-2", ["control", "group-other-thing"], None, 1)
    # No separator: these two are one subject.
    yield judge("1", "2foo", ["control", "treatment"], None, 1)
    yield judge("12", "foo", ["control", "treatment"], None, 1)


def texts(dice: Dice) -> Iterator[Case]:
    """Every kind of subject with every kind of experiment name; the long ones once."""
    for subject in SUBJECTS:
        if len(subject) > 1000:  # noqa: PLR2004 - keeps the file small
            yield judge(subject, "foo", ["control", "treatment"], None, 1.0)
            continue
        for experiment in EXPERIMENTS:
            groups, weights = arms(dice)
            yield judge(subject, experiment, groups, weights, 1.0)


def borders(dice: Dice) -> Iterator[Case]:
    """Rates at a subject's own border: out at the border and just below it, in just above."""
    for number in range(300):
        groups, weights = arms(dice)
        subject, experiment = f"border-{number}", dice.pick(EXPERIMENTS)
        digest = judge(subject, experiment, groups, weights, 1.0)["subject_id"]
        place = position(digest, weights or [1] * len(groups))
        border = float(place - math.floor(place))
        above = min(1.0, border + 1 / SPAN)
        around = (math.nextafter(border, 0), border, math.nextafter(border, 1), above)
        for at in around:
            yield judge(subject, experiment, groups, weights, at)


def arms(dice: Dice) -> tuple[list[str], list[int] | None]:
    """One to ten different group names, with or without weights."""
    weights = dice.pick(WEIGHTS) if dice.below(2) else None
    count = len(weights) if weights else 1 + dice.below(10)
    first = dice.below(len(GROUPS))
    return [GROUPS[(first + i * 7) % len(GROUPS)] for i in range(count)], weights


def rate(dice: Dice) -> float:
    """A rate of the list, or any other, of 53 bits."""
    return dice.pick(RATES) if dice.below(3) else dice.below(1 << 53) / (1 << 53)


def mixed_text(dice: Dice) -> str:
    """A text of up to 12 characters from all over Unicode, or a browser's id."""
    if dice.below(4) == 0:
        return f"{dice.below(1 << 80):020x}"
    spans = ((0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x400, 0x530), (0x4E00, 0x9FFF))
    more = ((0xE000, 0xFFFE), (0x10000, 0x10FFFF), (0x1F300, 0x1FAFF), (0, 0x20))
    text = ""
    for _ in range(dice.below(13)):
        low, high = dice.pick(spans + more)
        text += chr(low + dice.below(high - low))
    return text


if __name__ == "__main__":
    write("allocation.json", document(LAW, cases()))
