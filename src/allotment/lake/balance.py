"""What the intake counted held against what the lake has, by stream and minute. No I/O.

For every stream and minute of the receive time:

    received = accepted + rejected + lost                     by the intake's tally
    accepted = written + duplicate + unreadable + waiting     by the tables and the journal
    rejected = rows of `event.rejected` + waiting             for each reason

Nothing on the right is taken from what the sink says that it did: rows are counted in the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from allotment.contract.counting import ACCEPTED, LOST, NO_MINUTE, Count


@dataclass(slots=True)
class Account:
    """The events of one stream and minute, or of more than one added up."""

    accepted: int = 0
    lost: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    """By reason, as the intake counted."""
    written: int = 0
    duplicate: int = 0
    unreadable: int = 0
    waiting: int = 0
    """Accepted, durable, not yet moved by the sink."""
    kept: dict[str, int] = field(default_factory=dict)
    """Rows of `event.rejected`, by reason."""
    rejected_waiting: dict[str, int] = field(default_factory=dict)

    @property
    def received(self) -> int:
        """All that was answered, but for what was refused with 503."""
        return self.accepted + sum(self.rejected.values()) + self.lost

    @property
    def difference(self) -> int:
        """Accepted events that are nowhere; negative: events that the intake never counted."""
        there = self.written + self.duplicate + self.unreadable + self.waiting
        return self.accepted - there

    @property
    def rejected_differences(self) -> dict[str, int]:
        """Of each reason the rejected events that are nowhere, where that is not 0."""
        reasons = sorted(self.rejected.keys() | self.kept.keys() | self.rejected_waiting.keys())
        found = {
            reason: self.rejected.get(reason, 0)
            - self.kept.get(reason, 0)
            - self.rejected_waiting.get(reason, 0)
            for reason in reasons
        }
        return {reason: events for reason, events in found.items() if events}

    @property
    def balanced(self) -> bool:
        """Whether every event is accounted for, and none was lost."""
        return not self.difference and not self.rejected_differences and not self.lost

    def add(self, other: Account) -> None:
        """Add another account to this one."""
        for name in ("accepted", "lost", "written", "duplicate", "unreadable", "waiting"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("rejected", "kept", "rejected_waiting"):
            mine: dict[str, int] = getattr(self, name)
            for reason, events in getattr(other, name).items():
                mine[reason] = mine.get(reason, 0) + events


class Accounts:
    """Every account by stream and minute."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Account] = {}

    def __getitem__(self, key: tuple[str, str]) -> Account:
        return self._found.setdefault(key, Account())

    def __iter__(self) -> Iterator[tuple[tuple[str, str], Account]]:
        yield from sorted(self._found.items())

    def tally(self, counts: Mapping[Count, int]) -> None:
        """Add what the intake counted."""
        for (stream, minute, outcome), events in counts.items():
            account = self[stream, minute]
            if outcome == ACCEPTED:
                account.accepted += events
            elif outcome == LOST:
                account.lost += events
            else:
                account.rejected[outcome] = account.rejected.get(outcome, 0) + events

    def wait(self, counts: Mapping[Count, int]) -> None:
        """Add what is durable in the journal and not yet in the lake."""
        for (stream, minute, outcome), events in counts.items():
            account = self[stream, minute]
            if outcome == ACCEPTED:
                account.waiting += events
            else:
                waiting = account.rejected_waiting
                waiting[outcome] = waiting.get(outcome, 0) + events

    def chosen(self, since: str, stream: str | None) -> Accounts:
        """Those of a stream, from a minute on; those without a minute stay."""
        found = Accounts()
        found._found = {
            key: account
            for key, account in self._found.items()
            if (key[1] >= since or key[1] == NO_MINUTE) and stream in {None, key[0]}
        }
        return found

    def totals(self) -> dict[str, Account]:
        """Added up by stream."""
        found: dict[str, Account] = {}
        for (stream, _), account in self:
            found.setdefault(stream, Account()).add(account)
        return found


def unbalanced(accounts: Iterable[tuple[tuple[str, str], Account]]) -> list[tuple[str, str]]:
    """The streams and minutes where something does not balance."""
    return [key for key, account in accounts if not account.balanced]
