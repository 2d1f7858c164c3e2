"""Our verdicts and words beside those of Ajv 6, on every example of a foreign repository."""

from __future__ import annotations

import copy
import json
import queue
import random
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.contract.foreign_repository import Repositories
from tests.contract.mutations import mutated
from tests.required_tools import require_tool

from allotment.contract.schema_fields import defaults, fill_defaults
from allotment.contract.schemas import Schema, SchemaRepository
from allotment.contract.validator import Validator

FOLDER: Final = Path(__file__).parents[1] / "ajv"
MUTATED: Final = 6
AHEAD: Final = 8
ON_PURPOSE: Final = {
    # A time that names no instant, such as February 30, has no place in the lake.
    'should match format "date-time"',
    # A bound beyond what a double holds is kept to the digit.
    "should be <= 9223372036854776000",
}
_SHOWN: Final = ("keyword", "dataPath", "schemaPath", "message")

Words = tuple[str, str, str, str]


class Ajv:
    """Asked ahead: it works on the next schema while its answer about the last one is judged."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        # All the while: neither side may wait for the other to take what it has written.
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def ask(self, schema: dict[str, Any], events: list[Any]) -> None:
        """Ask about events; the answers come in the order of the questions."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"schema": schema, "events": events}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:  # noqa: ANN401 -- any JSON
        """What Ajv says to the first question that it has not been asked about yet."""
        return json.loads(self._answers.get(timeout=60))


@pytest.fixture(scope="module")
def ajv() -> Iterator[Ajv]:
    """Ajv 6 in a process of its own, as the lock says."""
    node, npm = require_tool("node"), require_tool("npm")
    installed = FOLDER / "node_modules/.package-lock.json"
    lock = FOLDER / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    with subprocess.Popen(
        [node, "validate.cjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Ajv(process)
        assert process.stdin is not None
        process.stdin.close()


def ours(validator: Validator, event: Any) -> set[Words]:  # noqa: ANN401 -- any JSON
    if validator.accepts(event) or validator.accepts_after_repair(event):
        return set()
    return {(v.keyword, v.data_path, v.schema_path, v.message) for v in validator.violations(event)}


def as_doubles(value: Any) -> Any:  # noqa: ANN401 -- any JSON
    """The same with every number as JavaScript holds it."""
    return json.loads(json.dumps(value), parse_int=float)


def differences(schema: Schema, events: list[Any], answers: object) -> list[str]:
    """One sentence for each event that the two do not judge alike."""
    validator = Validator(schema)
    assert isinstance(answers, list), answers
    found = []
    for event, answer in zip(events, answers, strict=True):
        fill_defaults(event, defaults(schema.body))
        filled = copy.deepcopy(event)
        said = ours(validator, event)
        theirs = {tuple(told[name] for name in _SHOWN) for told in answer["errors"]}
        stricter = {words for words in said if words[3] in ON_PURPOSE}
        if theirs - said or said - theirs - stricter:
            words = f"only Ajv {sorted(theirs - said)}, only we {sorted(said - theirs)}"
            found.append(f"{schema.uri}: {words}: {event}")
        elif not said and as_doubles(filled) != as_doubles(answer["event"]):
            found.append(f"{schema.uri}: filled in {filled}, Ajv {answer['event']}")
    return found


def test_ajv__every_example_and_its_mutations__same_verdict_and_words(
    ajv: Ajv, foreign: Repositories
) -> None:
    repository = SchemaRepository(foreign.paths)
    draw = random.Random(6)
    found, events = [], 0
    asked: deque[tuple[Schema, list[Any]]] = deque()
    for uri in foreign.released:
        schema = repository.load(uri)
        examples = schema.body.get("examples", [])
        made = [e for example in examples for e in mutated(example, schema.body, draw, MUTATED)]
        # Each its own: what is filled in to one must not show in another.
        asked.append((schema, [copy.deepcopy(event) for event in (*examples, *made)]))
        events += len(asked[-1][1])
        ajv.ask(schema.body, asked[-1][1])
        if len(asked) > AHEAD:
            found += differences(*asked.popleft(), ajv.answer())
    for schema, those in asked:
        found += differences(schema, those, ajv.answer())
    assert found == []
    assert events > 2500
