"""Makes `exposures.json`: which of the calls that say "now met its group" are told.

Each case is one visitor of one experiment, through a few pages of a browser's session. A case with
`request` has one page and one membership, as a request to a server has; servers, who know no
session, follow those. An oracle: it imports no implementation and keeps every telling. It always
writes the same bytes.

Run it as `python vectors/make_exposures.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from case_files import Dice, document, write

COUNT = 150
LAW = (
    "an exposure is of one experiment, group, version and subject id; a call is told unless it was"
    " told on this page (request), or in this session less than 5 minutes ago, or less than 24"
    " hours ago where it was told more than ten times; tellings before the reset (Unix seconds) do"
    " not count; what could not be handed to the delivery is not told, and does not count. at:"
    " milliseconds since the session began; begin: that moment in Unix milliseconds"
)
BEGIN = 1_795_338_000_000
MINUTE = 60_000
SHORT, LONG = 5 * MINUTE, 24 * 60 * MINUTE


class Step(NamedTuple):
    """One call."""

    at: int = 0
    page: int = 1
    group: str = "control"
    version: str | None = "3"
    subject_id: str = "ab12"
    handed: bool = True
    reset: int | None = None
    """Unix seconds."""


def wait(tellings: int) -> int:
    """How long nothing is told after so many tellings, in milliseconds."""
    return SHORT if tellings <= 10 else LONG  # noqa: PLR2004 - the first ten


def judge(steps: list[Step]) -> dict[str, Any]:
    """The case with what is told."""
    told: list[tuple[tuple[Any, ...], int, int]] = []
    said = []
    for step in steps:
        key = (step.group, step.version, step.subject_id)
        mine = [(page, at) for other, page, at in told if other == key]
        on_page = any(page == step.page for page, _ in mine)
        last = mine[-1][1] if mine else None
        before_reset = last is not None and BEGIN + last < (step.reset or 0) * 1000
        rests = last is not None and not before_reset and step.at < last + wait(len(mine))
        is_told = step.handed and not on_page and not rests
        if is_told:
            told.append((key, step.page, step.at))
        said.append({**step._asdict(), "told": is_told})
    keys = {(step.page, step.group, step.version, step.subject_id) for step in steps}
    request = len(keys) == 1 and all(step.reset is None for step in steps)
    return {"begin": BEGIN, "request": request, "steps": said}


def by_hand() -> Iterator[list[Step]]:
    """What the law says, point by point."""
    yield [Step(), Step(), Step(at=LONG * 2)]
    yield [Step(handed=False), Step(), Step()]
    yield [Step(handed=False), Step(handed=False), Step(), Step(handed=False)]
    yield [Step(), Step(page=2, at=1), Step(page=2, at=SHORT - 1), Step(page=2, at=SHORT)]
    yield [Step(), Step(page=2, at=SHORT, handed=False), Step(page=2, at=SHORT)]
    yield [Step(), Step(group="b"), Step(version="4"), Step(subject_id="cd34"), Step(version=None)]
    yield [Step(version=None), Step(version=None), Step(version=None, page=2, at=SHORT)]
    yield [Step(page=page, at=page * SHORT) for page in range(1, 14)]
    often = [Step(page=page, at=page * SHORT) for page in range(1, 12)]
    last = 11 * SHORT
    yield [*often, Step(page=12, at=last + SHORT), Step(page=12, at=last + LONG - 1)]
    yield [*often, Step(page=12, at=last + LONG), Step(page=13, at=last + LONG + SHORT)]
    yield [*often, Step(page=12, at=last + SHORT, group="b"), Step(page=12, at=last + LONG)]
    second = BEGIN // 1000
    yield [Step(), Step(page=2, at=1000, reset=second), Step(page=2, at=1000, reset=second + 1)]
    yield [Step(), Step(page=2, at=1000, reset=second + 1), Step(page=3, at=2000, reset=second + 1)]
    yield [Step(), Step(at=1000, reset=second + 1)]
    yield [*often, Step(page=12, at=last + 1000, reset=second + last // 1000 + 1)]


def cases() -> Iterator[dict[str, Any]]:
    """Those by hand, then visitors who come and go."""
    first = [judge(steps) for steps in by_hand()]
    yield from first
    dice = Dice("allotment/exposures/1")
    for _ in range(COUNT - len(first)):
        steps, at, page = [], 0, 1
        alone = dice.below(3) == 0
        for _ in range(2 + dice.below(12)):
            at += dice.pick([0, 0, MINUTE, SHORT - 1, SHORT, SHORT, LONG])
            page += 0 if alone else dice.pick([0, 1, 1])
            reset = BEGIN // 1000 + at // 1000 - dice.below(600)
            steps.append(
                Step(
                    at=at,
                    page=page,
                    group="control" if alone else dice.pick(["control", "control", "control", "b"]),
                    version="3" if alone else dice.pick(["3", "3", "3", "4"]),
                    handed=dice.below(5) > 0,
                    reset=None if alone or dice.below(4) else reset,
                )
            )
        yield judge(steps)


if __name__ == "__main__":
    write("exposures.json", document(LAW, cases()))
