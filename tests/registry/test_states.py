"""The table of the life cycle: what it says, and that code and documentation agree with it."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allotment.registry import permissions, states
from allotment.registry.rules.catalog import RULES
from allotment.registry.rules.freezing import TABLE
from allotment.registry.states import CLOCK, LIVE, TRANSITIONS, Stage, State, Verb

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCE = Path(states.__file__).parent


@pytest.mark.parametrize(
    ("start", "end", "state"),
    [
        (NOW - HOUR, NOW + HOUR, State.RUNNING),
        (None, NOW + HOUR, State.RUNNING),
        (NOW, NOW + HOUR, State.RUNNING),
        (NOW - HOUR, NOW, State.RUNNING),
        (NOW + HOUR, NOW + 2 * HOUR, State.SCHEDULED),
        (NOW - 2 * HOUR, NOW - HOUR, State.STOPPED),
    ],
)
def test_state_at__active__follows_the_clock_to_the_second(
    start: datetime | None, end: datetime, state: State
) -> None:
    assert states.state_at(Stage.ACTIVE, start, end, NOW) is state
    for stage in set(Stage) - {Stage.ACTIVE}:
        assert states.state_at(stage, start, end, NOW) == State(stage.value)


def test_table__every_state__can_be_reached_and_left() -> None:
    assert {t.target for t in TRANSITIONS} == set(State)
    assert {t.source for t in TRANSITIONS} == set(State)
    assert len(TRANSITIONS) == len({(t.source, t.verb, t.target) for t in TRANSITIONS})


def test_table__verbs__are_the_ones_that_permissions_and_buttons_know() -> None:
    assert {t.verb for t in TRANSITIONS} == set(Verb)
    assert set(states.WORDS) == set(Verb)
    assert set(Verb) - CLOCK <= set(permissions.ACTIONS)


def test_table__live__is_left_by_a_stop_or_the_clock_alone() -> None:
    leaving = {t.verb for t in TRANSITIONS if t.source in LIVE and t.target not in LIVE}
    assert leaving == {Verb.STOP, Verb.KILL, Verb.ENDS}


def test_way_to__not_possible_yet__names_the_fewest_steps() -> None:
    assert states.way_to(State.RUNNING, Verb.DECIDE, "experiment") == (Verb.ENDS,)
    assert states.way_to(State.STOPPED, Verb.ARCHIVE, "experiment") == (Verb.DECIDE,)
    assert states.way_to(State.ARCHIVED, Verb.RELAUNCH, "experiment") == (Verb.RESTORE,)
    assert states.way_to(State.DRAFT, Verb.DECIDE, "instrument") == ()


def test_diagram__every_arrow__is_drawn() -> None:
    drawn = states.diagram()
    for arrow in TRANSITIONS:
        line = next(x for x in drawn.splitlines() if f"{arrow.source} --> {arrow.target}:" in x)
        assert states.WORDS[arrow.verb] in line


def refusals_in_source() -> set[str]:
    """The first argument of every `Refusal(…)` that the code makes."""
    found = set()
    for path in [*(SOURCE / "rules").glob("*.py"), *SOURCE.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal":
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


def test_rules__catalog__lists_exactly_those_that_refuse() -> None:
    assert refusals_in_source() == set(RULES)
    guarding = {rule for t in TRANSITIONS for rule in t.rules}
    assert guarding <= set(RULES)


def test_frozen__table__names_fields_of_plans() -> None:
    from allotment.registry.plan import ExperimentPlan  # noqa: PLC0415 - needs the apps

    assert {row.field for row in TABLE} <= set(ExperimentPlan.__dataclass_fields__)
