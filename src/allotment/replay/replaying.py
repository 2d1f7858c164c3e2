"""Sends rejected events again through the normal path, each exactly once.

Page by page, so that what is held does not grow with their number:

1. What is recorded as begun by a replay that did not end is looked for in journal and lake.
2. Each event is mended, its masks are lifted, and it is held against the schemas and the stream
   configuration of now, by the intake's own code. What would be refused is not sent.
3. In batches: recorded as begun, sent, recorded as done.

At the end, what the masks of all those hid that are recorded as done is deleted.

Killed at any moment, the next replay goes on at step 1. One runs at a time on a lake: a lock that
the system frees with the process says so, and the record refuses whom the lock does not reach.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException

from allotment import __version__
from allotment.contract.masking import Masker, lab_key
from allotment.lake.catalog import open_catalog
from allotment.lake.rejected import Rejection
from allotment.lake.replays import Key, Record, Replay, State, arrived, having_arrived
from allotment.lake.sealed import forget_those
from allotment.replay.letters import (
    TIMEOUT_SECONDS,
    Desk,
    Letter,
    Mend,
    ReplayError,
    batches,
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
    """Why the replay did not come to its end, where it did not."""

    def of(self, *fates: Fate) -> list[str]:
        """The rejections with one of these fates."""
        return [name for name, (fate, _) in self.fates.items() if fate in fates]


def replay(
    lab: Lab,
    pages: Iterable[Sequence[Rejection]],
    mend: Mend,
    *,
    who: str,
    dry_run: bool = False,
    settle_seconds: float = SETTLE_SECONDS,
) -> Generator[Report, None, None]:
    """Send rejected events again; see the module's text. What it holds does not grow with them.

    Args:
        lab: where from and where to.
        pages: which, some at a time; each has an id.
        mend: what is changed in each.
        who: who does it, for the record.
        dry_run: check, and neither send nor record anything.
        settle_seconds: how long after the end of a killed replay what it sent may be under way.

    Yields:
        For each page what became of it. Where there is trouble in one, it is the last.

    Raises:
        ReplayError: nothing could begin.
        RivalError: somebody else replays; what is recorded as begun is looked up the next time.
        WaitingError: journal and lake do not belong together.
    """
    masker = Masker(lab_key(lab.masking_key))
    desk = Desk(lab.schema_paths, lab.intake_url, mend, masker)
    with closing(open_catalog(lab.lake_dir)) as catalog:
        if dry_run:
            for page in pages:
                yield _checked(desk, catalog, page)
            return
        with _alone(lab.lake_dir):
            record = Record(catalog, lab.lake_dir, who)
            run = _Run(lab, catalog, record, desk, settle_seconds)
            for page in pages:
                report = run.through(page)
                yield report
                if report.trouble:
                    break
            if trouble := _forget(lab, catalog):
                yield Report(trouble=trouble)


def _checked(desk: Desk, catalog: Catalog, page: Sequence[Rejection]) -> Report:
    report = Report()
    for letter in _fit(desk, catalog, page, report):
        report.fates[letter.replay.rejection] = (Fate.CHECKED, "")
    return report


def _fit(
    desk: Desk, catalog: Catalog, page: Sequence[Rejection], report: Report
) -> Iterator[Letter]:
    """What can be sent; of what cannot the report says why."""
    for found in desk.letters(catalog, page):
        if isinstance(found, Letter):
            yield found
        else:
            report.fates[found.rejection] = (Fate.REFUSED, found.why)


def _forget(lab: Lab, catalog: Catalog) -> str:
    """Delete what the masks of all those hid that have arrived; what is in the way, if anything.

    All of them, so that those of a replay that was killed before it came here are among them.
    """
    try:
        forget_those(catalog, partial(having_arrived, lab.lake_dir))
    except CommitFailedException as error:
        return (
            "what their masks hid could not be deleted, since others write there all the time"
            f" ({error})"
        )
    return ""


class _Run:
    """One replay."""

    def __init__(
        self, lab: Lab, catalog: Catalog, record: Record, desk: Desk, settle_seconds: float
    ) -> None:
        self._lab, self._catalog, self._record, self._desk = lab, catalog, record, desk
        self._settled = time.monotonic() + settle_seconds

    def through(self, page: Sequence[Rejection]) -> Report:
        """Send what is to be sent of a page."""
        report = Report()
        page = list({one.id: one for one in page}.values())
        self._pick_up([one.id for one in page if one.id], report)
        left = [one for one in page if one.id not in report.fates]
        waiting, twins = self._sorted(left, report)
        with Connection(self._lab.intake_url, timeout=TIMEOUT_SECONDS) as connection:
            for batch in batches(waiting):
                self._record.add([one.replay for one in batch], State.BEGUN)
                _send(connection, self._record, batch, report)
                if report.trouble:
                    break
        self._settle_twins(twins, report)
        self._record.tidy()
        return report

    def _pick_up(self, names: Collection[str], report: Report) -> None:
        """Find out what became of those that a replay before this one has recorded."""
        known = self._record.of(names).values()
        for one in known:
            if one.state is State.DONE:
                when = one.at.astimezone(UTC).isoformat(timespec="seconds")
                why = f"replayed by {one.who} at {when.replace('+00:00', 'Z')}"
                report.fates[one.replay.rejection] = (Fate.ALREADY, why)
        begun = [one.replay for one in known if one.state is State.BEGUN]
        if not begun:
            return
        time.sleep(max(0.0, self._settled - time.monotonic()))
        there = self._arrived(begun)
        found = [replayed for replayed in begun if replayed.key in there]
        self._record.add(found, State.DONE)
        for replayed in found:
            report.fates[replayed.rejection] = (Fate.SENT, "by a replay that did not end")

    def _sorted(
        self, page: Sequence[Rejection], report: Report
    ) -> tuple[list[Letter], list[tuple[Replay, str]]]:
        """The letters to send; and those whose event is that of another, which is named."""
        fit = list(_fit(self._desk, self._catalog, page, report))
        done = self._record.done([letter.replay for letter in fit])
        there = self._arrived([one.replay for one in fit if one.replay.key not in done])
        first: dict[Key, str] = {}
        waiting: list[Letter] = []
        twins: list[tuple[Replay, str]] = []
        came: list[Replay] = []
        for letter in fit:
            replayed = letter.replay
            if replayed.key in done | there:
                how = "was replayed before" if replayed.key in done else "was there"
                why = f"meta.id {replayed.event_id} {how}"
                report.fates[replayed.rejection] = (Fate.ALREADY, why)
                came.append(replayed)
            elif replayed.key in first:
                twins.append((replayed, first[replayed.key]))
            else:
                first[replayed.key] = replayed.rejection
                waiting.append(letter)
        self._record.add(came, State.DONE)
        return waiting, twins

    def _settle_twins(self, twins: Sequence[tuple[Replay, str]], report: Report) -> None:
        came = []
        for replayed, other in twins:
            fate, why = report.fates.get(other, (Fate.UNKNOWN, report.trouble))
            if fate in {Fate.SENT, Fate.ALREADY}:
                fate, why = Fate.ALREADY, f"rejection {other} has the same meta.id"
                came.append(replayed)
            report.fates[replayed.rejection] = (fate, why)
        self._record.add(came, State.DONE)

    def _arrived(self, replays: Collection[Replay]) -> set[Key]:
        lab = self._lab
        return arrived(self._catalog, lab.lake_dir, lab.journal_dir, replays)


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
