"""The life cycle as a table: states, what moves an item between them, what guards it. Pure.

The documentation's diagram, the pages' buttons and the lifecycle itself all read `TRANSITIONS`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Stage(StrEnum):
    """What is stored: how far people have taken an item."""

    DRAFT = "draft"
    READY = "ready"
    ACTIVE = "active"
    STOPPED = "stopped"
    DECIDED = "decided"
    ARCHIVED = "archived"


class State(StrEnum):
    """Where an item stands at a moment: its stage, read with the clock."""

    DRAFT = "draft"
    READY = "ready"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    STOPPED = "stopped"
    DECIDED = "decided"
    ARCHIVED = "archived"


class Verb(StrEnum):
    """What a person or the clock does to an item."""

    ASK = "ask"
    WITHDRAW = "withdraw"
    APPROVE = "approve"
    ACTIVATE = "activate"
    START = "start"
    STOP = "stop"
    KILL = "kill"
    DECIDE = "decide"
    RELAUNCH = "relaunch"
    ARCHIVE = "archive"
    RESTORE = "restore"
    BEGINS = "begins"
    ENDS = "ends"


LIVE = frozenset({State.SCHEDULED, State.RUNNING})
"""The states in which sites are served the item."""

WORDS: dict[Verb, str] = {
    Verb.ASK: "ask for approval",
    Verb.WITHDRAW: "take back to draft",
    Verb.APPROVE: "approve",
    Verb.ACTIVATE: "switch on",
    Verb.START: "start now",
    Verb.STOP: "stop",
    Verb.KILL: "kill switch",
    Verb.DECIDE: "decide",
    Verb.RELAUNCH: "relaunch",
    Verb.ARCHIVE: "archive",
    Verb.RESTORE: "bring back",
    Verb.BEGINS: "the start comes",
    Verb.ENDS: "the end passes",
}
"""Each verb as people say it: what its button reads."""

CLOCK = frozenset({Verb.BEGINS, Verb.ENDS})
"""What the clock does by itself; `permissions.ACTIONS` says who may do the others."""

_BOTH = ("experiment", "instrument")
COMPLETE = (
    "risk-is-assessed",
    "risk-fits-what-is-sent",
    "risk-needs-review",
    "end-in-future",
    "some-traffic",
    "environments-chosen",
    "environment-has-stream",
    "environment-has-site",
    "site-below-cap",
    "family-is-known",
    "site-listed-once",
    "template-never-runs",
)
"""The rules of a complete plan: what asking, approving and switching on have in common."""

_KILL = ("kill-has-reason", "kill-has-items")
_ACTIVATE = (
    *COMPLETE,
    "second-person-approved",
    "phases-follow",
    "layer-has-room",
    "layer-fits-identifier",
)


@dataclass(frozen=True)
class Transition:
    """One arrow: from a state, by a verb, to a state.

    `rules` are the names of the rules that may refuse it, `kinds` the kinds of item that have it.
    """

    source: State
    verb: Verb
    target: State
    rules: tuple[str, ...] = ()
    kinds: tuple[str, ...] = _BOTH


_EXPERIMENT = ("experiment",)
TRANSITIONS: tuple[Transition, ...] = (
    Transition(State.DRAFT, Verb.ASK, State.READY, COMPLETE),
    Transition(State.READY, Verb.WITHDRAW, State.DRAFT),
    Transition(State.READY, Verb.APPROVE, State.READY, (*COMPLETE, "approver-is-another")),
    *(
        Transition(source, Verb.ACTIVATE, target, _ACTIVATE)
        for source in (State.DRAFT, State.READY)
        for target in (State.SCHEDULED, State.RUNNING)
    ),
    Transition(State.SCHEDULED, Verb.START, State.RUNNING, ("end-in-future",)),
    Transition(State.SCHEDULED, Verb.BEGINS, State.RUNNING),
    Transition(State.RUNNING, Verb.ENDS, State.STOPPED),
    Transition(State.SCHEDULED, Verb.STOP, State.STOPPED),
    Transition(State.RUNNING, Verb.STOP, State.STOPPED),
    Transition(State.SCHEDULED, Verb.KILL, State.STOPPED, _KILL),
    Transition(State.RUNNING, Verb.KILL, State.STOPPED, _KILL),
    *(
        Transition(
            State.STOPPED,
            Verb.ACTIVATE,
            target,
            (*_ACTIVATE, "layer-range-is-free"),
        )
        for target in (State.SCHEDULED, State.RUNNING)
    ),
    Transition(
        State.STOPPED,
        Verb.APPROVE,
        State.STOPPED,
        (*COMPLETE, "approver-is-another"),
    ),
    Transition(
        State.STOPPED, Verb.DECIDE, State.DECIDED, ("decision-has-reasons",), kinds=_EXPERIMENT
    ),
    Transition(State.STOPPED, Verb.RELAUNCH, State.DRAFT, kinds=_EXPERIMENT),
    Transition(State.DECIDED, Verb.RELAUNCH, State.DRAFT, kinds=_EXPERIMENT),
    Transition(State.DRAFT, Verb.ARCHIVE, State.ARCHIVED),
    Transition(State.STOPPED, Verb.ARCHIVE, State.ARCHIVED, kinds=("instrument",)),
    Transition(State.DECIDED, Verb.ARCHIVE, State.ARCHIVED, kinds=_EXPERIMENT),
    Transition(State.ARCHIVED, Verb.RESTORE, State.DRAFT),
    Transition(State.ARCHIVED, Verb.RESTORE, State.STOPPED, kinds=("instrument",)),
    Transition(State.ARCHIVED, Verb.RESTORE, State.DECIDED, kinds=_EXPERIMENT),
)


def state_at(stage: str, start: datetime | None, end: datetime, now: datetime) -> State:
    """Where an item stands at a moment. Start and end both belong to the running time."""
    if stage != Stage.ACTIVE:
        return State(stage)
    if now > end:
        return State.STOPPED
    if start is not None and now < start:
        return State.SCHEDULED
    return State.RUNNING


def possible(state: State, kind: str) -> tuple[Verb, ...]:
    """What people can do to an item of a kind in a state, in the table's order."""
    found = [t.verb for t in TRANSITIONS if t.source is state and kind in t.kinds]
    return tuple(dict.fromkeys(verb for verb in found if verb not in CLOCK))


def arrows(state: State, verb: Verb, kind: str) -> tuple[Transition, ...]:
    """The arrows that a verb has from a state; none where the table knows no such move."""
    return tuple(t for t in TRANSITIONS if (t.source, t.verb) == (state, verb) and kind in t.kinds)


def way_to(state: State, verb: Verb, kind: str) -> tuple[Verb, ...]:
    """The fewest verbs that lead from a state to one in which `verb` is possible; none: no way."""
    seen = {state}
    waiting: deque[tuple[State, tuple[Verb, ...]]] = deque([(state, ())])
    while waiting:
        here, path = waiting.popleft()
        if arrows(here, verb, kind):
            return path
        for arrow in TRANSITIONS:
            if arrow.source is here and kind in arrow.kinds and arrow.target not in seen:
                seen.add(arrow.target)
                waiting.append((arrow.target, (*path, arrow.verb)))
    return ()


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> draft: save"]
    labels: dict[tuple[State, State], list[str]] = {}
    for arrow in TRANSITIONS:
        words = labels.setdefault((arrow.source, arrow.target), [])
        if WORDS[arrow.verb] not in words:
            words.append(WORDS[arrow.verb])
    lines += [f"    {a} --> {b}: {', '.join(words)}" for (a, b), words in labels.items()]
    return "\n".join(lines)


def rows() -> list[tuple[State, Verb, str, str, tuple[str, ...]]]:
    """The table for the reference: from, verb, to, of which kind alone, guarded by."""
    merged: dict[tuple[State, Verb, tuple[str, ...]], list[Transition]] = {}
    for arrow in TRANSITIONS:
        merged.setdefault((arrow.source, arrow.verb, arrow.rules), []).append(arrow)
    found = []
    for (source, verb, guards), same in merged.items():
        targets = " or ".join(dict.fromkeys(str(arrow.target) for arrow in same))
        kinds = dict.fromkeys(kind for arrow in same for kind in arrow.kinds)
        only = "" if len(kinds) > 1 else next(iter(kinds))
        found.append((source, verb, targets, only, guards))
    return found
