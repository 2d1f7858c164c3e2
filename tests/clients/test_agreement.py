"""All languages answer questions about the law that are made on the spot as Python does.

`make agree` asks 1,000,000.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tests.clients.agreement import answers, compare, drivers
from tests.clients.law_cases import TIMES, answer

CASES = 20_000
REASONS = {
    *(
        "overridden",
        "not_active",
        "not_targeted",
        "held_out",
        "layer_taken",
        "not_sampled",
        "assigned",
    ),
    *("refused", "time", "rate", "sample", "overrides"),
}


def test_languages__cases_made_on_the_spot__agree() -> None:
    seed = random.SystemRandom().getrandbits(64)
    found = compare(CASES, seed, drivers())
    assert found.wrong == [], f"seed {seed}"
    assert found.asked.total() == CASES
    assert set(found.asked) >= REASONS, f"seed {seed}: {found.asked}"


def test_compare__one_language_answers_otherwise__finds_it(tmp_path: Path) -> None:
    module = Path(drivers()["JavaScript"][-1])
    other = tmp_path / "other.mjs"
    say = "export const inSample = (id, rate) => parseInt(id.slice(0, 8), 16) / 2 ** 32 < rate;"
    other.write_text(f'export * from "{module.as_uri()}";\n{say}\n')
    found = compare(5_000, 1, {"JavaScript": drivers(other)["JavaScript"]})
    assert found.wrong
    assert all('"ask": "sample"' in wrong for wrong in found.wrong)


@pytest.mark.parametrize("text", TIMES)
def test_time__text__is_the_same_time_or_none(text: str) -> None:
    asked = {"ask": "time", "text": text}
    for command in drivers().values():
        assert list(answers(command, [json.dumps(asked)])) == [answer(asked)]
