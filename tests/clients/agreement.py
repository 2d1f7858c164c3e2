"""Asks every language the same questions about the law, made at random; all answer as Python does.

`python -m tests.clients.agreement` asks 1,000,000 and prints the seed; `--seed` asks them again.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.law_cases import answer, question
from tests.required_tools import require_tool

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "src/allotment/sdk/browser/allotment.mjs"
BLOCK = 20_000
UNASKED = {"unasked": True}


def drivers(module: Path = MODULE) -> dict[str, list[str]]:
    """By language: the command that answers questions line by line. JavaScript's is built."""
    clients = ROOT / "clients"
    return {
        "JavaScript": [
            require_tool("node"),
            str(clients / "js/tests/law_driver.mjs"),
            str(module),
        ],
        "PHP": [require_tool("php"), str(clients / "php/tests/law_driver.php")],
    }


@dataclass
class Agreement:
    """What was asked, by kind and reason, and what each language answered otherwise."""

    asked: Counter[str] = field(default_factory=Counter)
    unasked: Counter[str] = field(default_factory=Counter)
    """Questions that a language does not answer."""
    wrong: list[str] = field(default_factory=list)


def answers(command: list[str], lines: list[str]) -> Iterator[Any]:
    """What a driver says to each question."""
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        raise RuntimeError(f"{command} failed: {done.stderr}{done.stdout[-2000:]}")
    return map(json.loads, done.stdout.splitlines())


def compare(cases: int, seed: int, commands: Mapping[str, list[str]]) -> Agreement:
    """Ask all languages; stops at the first block in which one answers otherwise."""
    dice = random.Random(seed)
    found = Agreement()
    with ThreadPoolExecutor(len(commands)) as pool:
        for start in range(0, cases, BLOCK):
            lines = [json.dumps(question(dice)) for _ in range(min(BLOCK, cases - start))]
            asking = {
                language: pool.submit(answers, command, lines)
                for language, command in commands.items()
            }
            expected = [answer(json.loads(line)) for line in lines]
            for line, said in zip(lines, expected, strict=True):
                found.asked[kind_of(json.loads(line), said)] += 1
            for language, future in asking.items():
                for line, said, theirs in zip(lines, expected, future.result(), strict=True):
                    judge(found, language, line, said, theirs)
            if found.wrong:
                break
    return found


def kind_of(asked: Mapping[str, Any], said: Sequence[object] | None) -> str:
    """The kind of a question, of an evaluation its reason."""
    if asked["ask"] != "evaluate":
        return str(asked["ask"])
    return "refused" if said is None else str(said[2])


def judge(found: Agreement, language: str, line: str, said: object, theirs: object) -> None:
    """Note how a language answered one question to which Python says `said`."""
    asked = json.loads(line)
    if theirs == UNASKED:
        found.unasked[f"{language}: {asked['ask']}"] += 1
    elif theirs == said:
        return
    else:
        found.wrong.append(f"{language}: {line}\n  says {theirs!r}, Python {said!r}")


def main() -> int:
    """Ask, print what became of it; 1 where a language disagrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(64))
    parser.add_argument("--module", type=Path, default=MODULE, help="the built JavaScript module")
    given = parser.parse_args()
    began = time.monotonic()
    found = compare(given.cases, given.seed, drivers(given.module))
    seconds = time.monotonic() - began
    lines = [f"{count:>9,}  {kind}" for kind, count in found.asked.most_common()]
    lines += [f"{count:>9,}  not asked of {kind}" for kind, count in found.unasked.items()]
    verdict = "disagree" if found.wrong else "agree"
    lines += found.wrong[:5]
    lines.append(
        f"Python, JavaScript and PHP {verdict} on {found.asked.total():,} cases "
        f"({seconds:.0f} s, seed {given.seed})"
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
