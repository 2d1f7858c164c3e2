"""Sends rejected events again through the normal path, each exactly once.

1. Each event is mended, its masks are lifted, and it is held against the schemas and the stream
   configuration of now, by the intake's own code. What would be refused is not sent.
2. What is recorded as begun by a replay that did not end is looked for in journal and lake.
3. In batches: recorded as begun, sent, recorded as done.
4. What the masks of those hid is deleted.

Killed at any moment, the next replay goes on at step 2. One runs at a time on a lake: a lock that
the system frees with the process says so, and the record refuses whom the lock does not reach.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pyiceberg.catalog import Catalog

from allotment import __version__
from allotment.contract.masking import Masker, lab_key
from allotment.lake.catalog import open_catalog
from allotment.lake.rejected import Rejection
from allotment.lake.replays import Key, Record, State, arrived
from allotment.lake.sealed import forget
from allotment.replay.letters import (
    TIMEOUT_SECONDS,
    Letter,
    Mend,
    ReplayError,
    batches,
    letters,
)
from allotment.sdk.connection import Answer, Connection, ConnectionProblemError

SETTLE_SECONDS: Final = 5.0
"""How long an intake may take to store what a killed replay had sent."""
_DECIDED: Final = frozenset({201, 207, 400})
_TOO_LARGE: Final = 413
_HEADERS: Final = {
    "Content-Type": "application/json",
    "X-Allotment-SDK": f"replay/{__version__}",
}


class Fate(StrEnum):
    """What became of one rejected event in a replay."""

    SENT = "sent"
    CHECKED = "would be sent"
    ALREADY = "is in the lake already"
    REFUSED = "stays rejected"
    UNKNOWN = "was sent, and no answer came"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """Where the parts of a lab are."""

    lake_dir: Path
    journal_dir: Path
    schema_paths: tuple[Path, ...]
    intake_url: str
    masking_key: Path


@dataclass(slots=True)
class Report:
    """What became of each, by rejection: its fate and why."""

    fates: dict[str, tuple[Fate, str]] = field(default_factory=dict)
    trouble: str = ""
    """Why the replay ended early, where it did."""

    def of(self, *fates: Fate) -> list[str]:
        """The rejections with one of these fates."""
        return [name for name, (fate, _) in self.fates.items() if fate in fates]


def replay(
    lab: Lab,
    rejections: Sequence[Rejection],
    mend: Mend,
    *,
    who: str,
    dry_run: bool = False,
    settle_seconds: float = SETTLE_SECONDS,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Report:
    """Send rejected events again; see the module's text.

    Args:
        lab: where from and where to.
        rejections: which; each has an id.
        mend: what is changed in each.
        who: who does it, for the record.
        dry_run: check, and neither send nor record anything.
        settle_seconds: how long after the end of a killed replay what it sent may be under way.
        progress: is told how many of how many are through.

    Raises:
        ReplayError: nothing could begin.
        RivalError: somebody else replays; what is recorded as begun is looked up the next time.
        WaitingError: journal and lake do not belong together.
    """
    with closing(open_catalog(lab.lake_dir)) as catalog:
        if dry_run:
            report = Report()
            for letter in _fit(lab, catalog, rejections, mend, report):
                report.fates[letter.replay.rejection] = (Fate.CHECKED, "")
            return report
        with _alone(lab.lake_dir):
            return _replay(lab, catalog, rejections, mend, who, settle_seconds, progress)


def _replay(
    lab: Lab,
    catalog: Catalog,
    rejections: Sequence[Rejection],
    mend: Mend,
    who: str,
    settle_seconds: float,
    progress: Callable[[int, int], None],
) -> Report:
    report = Report()
    record = Record(catalog, who)
    _pick_up(lab, catalog, record, rejections, settle_seconds, report)
    left = [r for r in rejections if r.id not in report.fates]
    first: dict[Key, str] = {}
    twins: dict[str, str] = {}
    waiting = []
    for letter in _fit(lab, catalog, left, mend, report):
        name, key = letter.replay.rejection, letter.replay.key
        if record.done(letter.replay):
            why = f"meta.id {letter.replay.event_id} was replayed before"
            report.fates[name] = (Fate.ALREADY, why)
        elif first.setdefault(key, name) != name:
            twins[name] = first[key]
        else:
            waiting.append(letter)
    replays = [letter.replay for letter in waiting]
    there = arrived(catalog, lab.lake_dir, lab.journal_dir, replays)
    record.add([one for one in replays if one.key in there], State.DONE)
    for found in replays:
        if found.key in there:
            report.fates[found.rejection] = (Fate.ALREADY, f"meta.id {found.event_id} was there")
    waiting = [letter for letter in waiting if letter.replay.key not in there]
    through = 0
    with Connection(lab.intake_url, timeout=TIMEOUT_SECONDS) as connection:
        for batch in batches(waiting):
            record.add([one.replay for one in batch], State.BEGUN)
            _send(connection, record, batch, report)
            if report.trouble:
                break
            through += len(batch)
            progress(through, len(waiting))
    for name, other in twins.items():
        fate, why = report.fates.get(other, (Fate.UNKNOWN, report.trouble))
        if fate in {Fate.SENT, Fate.ALREADY}:
            fate, why = Fate.ALREADY, f"rejection {other} has the same meta.id"
        report.fates[name] = (fate, why)
    forget(catalog, report.of(Fate.SENT, Fate.ALREADY))
    record.tidy()
    return report


def _fit(
    lab: Lab, catalog: Catalog, rejections: Sequence[Rejection], mend: Mend, report: Report
) -> Iterator[Letter]:
    """What can be sent; of what cannot the report says why."""
    masker = Masker(lab_key(lab.masking_key))
    every = letters(catalog, lab.schema_paths, lab.intake_url, rejections, mend, masker)
    for found in every:
        if isinstance(found, Letter):
            yield found
        else:
            report.fates[found.rejection] = (Fate.REFUSED, found.why)


def _pick_up(
    lab: Lab,
    catalog: Catalog,
    record: Record,
    rejections: Sequence[Rejection],
    settle_seconds: float,
    report: Report,
) -> None:
    """Find out what became of those that a replay before this one has recorded."""
    chosen = {r.id for r in rejections}
    known = [r for name, r in record.replays.items() if name in chosen]
    for one in known:
        if one.state is State.DONE:
            when = one.at.astimezone(UTC).isoformat(timespec="seconds")
            why = f"replayed by {one.who} at {when.replace('+00:00', 'Z')}"
            report.fates[one.replay.rejection] = (Fate.ALREADY, why)
    begun = [one.replay for one in known if one.state is State.BEGUN]
    if not begun:
        return
    time.sleep(settle_seconds)
    there = arrived(catalog, lab.lake_dir, lab.journal_dir, begun)
    found = [replayed for replayed in begun if replayed.key in there]
    record.add(found, State.DONE)
    for replayed in found:
        report.fates[replayed.rejection] = (Fate.SENT, "by a replay that did not end")


def _send(connection: Connection, record: Record, batch: Sequence[Letter], report: Report) -> None:
    """Send a batch that is recorded as begun, and record what the answer says."""
    body = b"[" + b",".join(one.body for one in batch) + b"]"
    try:
        answer = connection.request("POST", connection.target, body=body, headers=_HEADERS)
    except ConnectionProblemError as error:
        _leave(batch, report, f"the intake does not answer ({error})")
        return
    if answer.status == _TOO_LARGE and len(batch) > 1:
        middle = len(batch) // 2
        for part in (batch[:middle], batch[middle:]):
            if report.trouble:
                _leave(part, report, report.trouble)
            else:
                _send(connection, record, part, report)
        return
    refused = _refused(answer) if answer.status in {*_DECIDED, _TOO_LARGE} else None
    if refused is None or (None in refused and len(batch) > 1):
        _leave(batch, report, f"the intake answers {answer.status}: {_detail(answer)}")
        return
    if answer.status == _TOO_LARGE or None in refused:
        refused = {_named(one): next(iter(refused.values()), "") for one in batch}
    good = [one.replay for one in batch if _named(one) not in refused]
    bad = [(one.replay, refused[_named(one)]) for one in batch if _named(one) in refused]
    record.add(good, State.DONE)
    record.add([one for one, _ in bad], State.REFUSED)
    for one in good:
        report.fates[one.rejection] = (Fate.SENT, "")
    for one, why in bad:
        kept = f"{why} (kept anew, with the SDK replay/{__version__})"
        report.fates[one.rejection] = (Fate.REFUSED, kept)


def _named(letter: Letter) -> tuple[str | None, str]:
    return letter.replay.stream, letter.replay.event_id


def _leave(batch: Sequence[Letter], report: Report, trouble: str) -> None:
    """Nobody knows whether these have arrived: they stay begun, and the next replay looks."""
    report.trouble = trouble
    for one in batch:
        report.fates[one.replay.rejection] = (Fate.UNKNOWN, trouble)


def _refused(answer: Answer) -> dict[tuple[str | None, str] | None, str] | None:
    """By stream and id why each refused one of an answer was; None if it cannot be read."""
    if answer.status == 201:  # noqa: PLR2004 -- all were taken
        return {}
    if answer.status == _TOO_LARGE:
        return {None: _detail(answer)}
    try:
        found = json.loads(answer.body)
        elements = [*found.get("invalid", ()), *found.get("error", ())]
        return {
            _meta(e["event"]): str(e["context"].get("errorsText") or e["context"].get("message"))
            for e in elements
        } or None
    except (ValueError, AttributeError, KeyError, TypeError):
        return None


def _meta(shown: Any) -> tuple[str | None, str] | None:  # noqa: ANN401 -- any JSON value
    """The stream and the id of an event as an answer shows it; None where it does not."""
    meta = (shown or {}).get("meta", {})
    return (meta.get("stream"), meta["id"]) if "id" in meta else None


def _detail(answer: Answer) -> str:
    try:
        return str(json.loads(answer.body)["detail"])
    except (ValueError, KeyError, TypeError):
        return "without a reason"


@contextmanager
def _alone(lake_dir: Path) -> Iterator[None]:
    """Holds the lock of replays; the system frees it when the process ends, however it does.

    Raises:
        ReplayError: another replay runs.
    """
    descriptor = os.open(lake_dir / "replay.lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReplayError(
                "another replay runs on this lake; run the command again when it is through"
            ) from None
        yield
    finally:
        os.close(descriptor)
