"""What a change of a plan does to people, in sentences. Pure.

Counted by replaying the last day's subjects where they are known, else said by the law alone. Plans
come as the history keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext

from allotment.allocation import group_index, threshold
from allotment.registry import numbers
from allotment.registry.rules import percent
from allotment.registry.sites import SiteBook

Record = Mapping[str, Any]
_BITS = 24
_SPAN = 1 << _BITS
_GRID = 4096
"""How many evenly spaced draws stand for everybody where nobody is known."""
_FEW_STRANGERS = 0.01


@dataclass(frozen=True)
class Seen:
    """The last day's subjects by site, as the first 24 bits of their ids.

    `by` is the plan at the day's beginning: who came in when traffic was raised later was there for
    a part of it and is not counted. `present` is the plan now. `assigned` has the same subjects by
    the group that they were in, where that is known.
    """

    drawn: Mapping[str, Sequence[int]]
    by: Record
    present: Record
    assigned: Mapping[str, Sequence[int]] = field(default_factory=dict)


def sentences(
    before: Record, after: Record, *, book: SiteBook, seen: Seen | None, subjects: str
) -> list[str]:
    """What lies between two plans, for the people in it. `subjects` is the word for them."""
    if before.get("machine_name") != after.get("machine_name"):
        told = gettext(
            "Everybody is drawn anew: the name decides which %(subjects)s are in which group."
        )
        return [told % {"subjects": subjects}]
    if before.get("identifier_type") != after.get("identifier_type"):
        told = gettext("Everybody is drawn anew: %(subjects)s are told apart by another id.")
        return [told % {"subjects": subjects}]
    was, now = _Law(before, book), _Law(after, book)
    known = seen is not None and any(seen.drawn.values())
    replayed = _Replay(seen, book) if seen is not None and known else None
    fits = replayed is None or replayed.fits
    if not fits:
        replayed = None
    if was.weights != now.weights or was.groups != now.groups:
        found = [_moved(was, now, replayed, subjects)]
    else:
        found = list(_traffic(was, now, replayed, subjects))
    if found and not fits:
        told = gettext(
            "Yesterday's %(subjects)s cannot be counted: their ids do not say where the law puts"
            " them, as where a site hides ids under a key."
        )
        found.append(told % {"subjects": subjects})
    return found


class _Law:
    """Where a plan puts a subject."""

    def __init__(self, record: Record, book: SiteBook) -> None:
        groups = record.get("groups", ())
        self.groups = [group["name"] for group in groups]
        self.weights = [int(group["weight"]) for group in groups]
        self.default = Decimal(str(record.get("default_rate", 0)))
        rows = [(site, Decimal(str(rate))) for site, rate in record.get("sites", {}).items()]
        self.rates = book.rates(rows)

    def rate(self, site: str | None) -> Decimal:
        return self.default if site is None else self.rates.get(site, self.default)

    def group_of(self, drawn: int) -> str | None:
        """The group of somebody who takes part."""
        return self.group(drawn, Decimal(1))

    def group(self, drawn: int, rate: Decimal) -> str | None:
        product = drawn * sum(self.weights)
        if product & (_SPAN - 1) >= threshold(float(rate)):
            return None
        return str(self.groups[group_index(product >> _BITS, self.weights)])


class _Replay:
    """The last day's subjects, and how many there would be at another rate."""

    def __init__(self, seen: Seen, book: SiteBook) -> None:
        self.by, present = _Law(seen.by, book), _Law(seen.present, book)
        self.drawn = {
            site: [one for one in found if self.by.group(one, self.by.rate(site)) is not None]
            for site, found in seen.drawn.items()
        }
        everybody = [(site, drawn) for site, found in seen.drawn.items() for drawn in found]
        strangers = sum(present.group(d, present.rate(s)) is None for s, d in everybody)
        strangers += sum(
            group not in {self.by.group_of(one), present.group_of(one)}
            for group, found in seen.assigned.items()
            for one in found
        )
        # Ids that the law would not have enrolled, or not in that group, are no hashes of its kind:
        # a key hides them.
        self.fits = strangers <= _FEW_STRANGERS * len(everybody)

    def at(self, site: str | None, named: Mapping[str, object]) -> list[int]:
        """The subjects of a site; None: of all that are not named."""
        if site is not None:
            return list(self.drawn.get(site, ()))
        return [d for s, found in self.drawn.items() if s not in named for d in found]

    def count(self, drawn: Sequence[int], site: str | None, rate: Decimal) -> int | None:
        """How many of a site's subjects a rate enrolls; None where nothing is known."""
        present = self.by.rate(site)
        if not present or not drawn:
            return None
        if rate > present:
            return round(len(drawn) * rate / present)
        return sum(self.by.group(one, rate) is not None for one in drawn)


def _traffic(was: _Law, now: _Law, replayed: _Replay | None, subjects: str) -> Iterator[str]:
    named = {**was.rates, **now.rates}
    for site in (*sorted(named), None):
        old, new = was.rate(site), now.rate(site)
        if old == new:
            continue
        named_site = gettext("Traffic on %(site)s %(old)s → %(new)s")
        others = gettext("Traffic on all other sites %(old)s → %(new)s")
        head = (others if site is None else named_site) % {
            "site": site,
            "old": percent(old),
            "new": percent(new),
        }
        there = replayed.at(site, named) if replayed is not None else []
        counted = replayed is not None and replayed.by.weights == was.weights
        before = replayed.count(there, site, old) if replayed is not None and counted else None
        after = replayed.count(there, site, new) if replayed is not None and counted else None
        if before is None or after is None:
            yield f"{head}: {_by_law(old, new, subjects)}"
        elif new > old:
            yield gettext("%(head)s: %(more)s more of yesterday's %(subjects)s; nobody moves.") % {
                "head": head,
                "more": _about(after - before),
                "subjects": subjects,
            }
        else:
            yield gettext(
                "%(head)s: %(gone)s of yesterday's %(before)s %(subjects)s leave; nobody moves to "
                "another group."
            ) % {
                "head": head,
                "gone": _about(before - after),
                "before": numbers.whole(before),
                "subjects": subjects,
            }


def _by_law(old: Decimal, new: Decimal, subjects: str) -> str:
    if new > old:
        return gettext("nobody moves: raising a rate never does.")
    share = percent(((old - new) / old).quantize(Decimal("0.01")))
    told = gettext(
        "about %(share)s of the %(subjects)s in it leave; nobody moves to another group."
    )
    return told % {"share": share, "subjects": subjects}


def _moved(was: _Law, now: _Law, replayed: _Replay | None, subjects: str) -> str:
    if not was.weights or not now.weights:
        return gettext("Who is in which group changes for all %(subjects)s.") % {
            "subjects": subjects
        }
    known = replayed is not None and replayed.by.weights == was.weights
    if replayed is not None and known:
        drawn = [(site, one) for site, found in replayed.drawn.items() for one in found]
    else:
        drawn = [("", step * (_SPAN // _GRID) + 1) for step in range(_GRID)]
    total = moved = left = 0
    for site, one in drawn:
        # Where nobody is known, as if everybody took part: what happens to the shares of groups.
        old = was.group(one, was.rate(site) if known else Decimal(1))
        new = now.group(one, now.rate(site) if known else Decimal(1))
        if old is None:
            continue
        total += 1
        left += new is None
        moved += new is not None and new != old
    if not total:
        told = gettext("Groups or weights change: none of yesterday's %(subjects)s were in it.")
        return told % {"subjects": subjects}
    if known:
        return gettext(
            "Groups or weights change: of yesterday's %(total)s %(subjects)s, %(moved)s would move "
            "to another group and %(left)s would leave."
        ) % {
            "total": numbers.whole(total),
            "subjects": subjects,
            "moved": numbers.whole(moved),
            "left": numbers.whole(left),
        }
    share = percent((Decimal(moved) / total).quantize(Decimal("0.01")))
    told = gettext(
        "Groups or weights change: about %(share)s of the %(subjects)s in it would move."
    )
    return told % {"share": share, "subjects": subjects}


def _about(count: int) -> str:
    """A number to two digits, as an estimate is read."""
    if count < 100:  # noqa: PLR2004 - two digits
        return gettext("about %(number)s") % {"number": count}
    scale = 10 ** (len(str(count)) - 2)
    return gettext("about %(number)s") % {"number": numbers.whole(round(count / scale) * scale)}
