"""Saved views: filters of the directory under a name, of one account, offered to all if it says so.

A view holds no right: what it shows, everybody who may read the directory can find.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext

from allotment.registry import browsing
from allotment.registry.models import Account, Experiment, Instrument, SavedView
from allotment.registry.states import State

MOST_VIEWS: Final = 50
LONGEST_NAME: Final = 60
LONGEST_QUERY: Final = 1000
FILTERS: Final = ("q", "whose", "kind", "status", "team", "site", "since", "until", "sort")
_USUAL: Final = {"sort": "status"}


class ViewRefusedError(ValueError):
    """A view cannot be kept; the message says why and what to do."""


def asked_for(given: QueryDict) -> dict[str, str]:
    """The filters of a query, each one that the directory knows; what cannot be read is left
    out."""
    asked = {name: given.get(name, "").strip()[:200] for name in FILTERS}
    known = {
        "whose": {"mine"},
        "kind": {Experiment.KIND, Instrument.KIND},
        "status": {browsing.EVERY_STATUS, *(state.value for state in State)},
        "sort": set(browsing.SORTS),
    }
    for name, values in known.items():
        if asked[name] not in values:
            asked[name] = _USUAL.get(name, "")
    for name in ("since", "until"):
        asked[name] = str(day(asked[name]) or "")
    return asked


def query_of(asked: dict[str, str]) -> str:
    """The query string of filters, always in the same order, without what is usual."""
    return urlencode({n: asked[n] for n in FILTERS if asked[n] and asked[n] != _USUAL.get(n, "")})


def normal(query: str) -> str:
    """A query as the directory writes it."""
    return query_of(asked_for(QueryDict(query)))


def strange(query: str) -> list[str]:
    """The names in a query that the directory does not know, or not with that value."""
    asked = asked_for(QueryDict(query))
    usual = {(name, value) for name, value in _USUAL.items() if asked[name] == value}
    understood = {*asked.items(), *usual}
    pairs = ((name, value.strip()) for name, value in parse_qsl(query, keep_blank_values=True))
    return sorted({name for name, value in pairs if (name, value) not in understood})


def day(text: str) -> date | None:
    """A day of a filter; None where it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def offered(account: Account) -> QuerySet[SavedView]:
    """One's own views and those that others offer, by name."""
    rows = SavedView.objects.filter(Q(account=account) | Q(shared=True))
    return rows.select_related("account").order_by("name", "pk")


def save(account: Account, *, name: str, query: str, shared: bool) -> SavedView:
    """Keep a query under a name; the same name again means another query.

    Raises:
        ViewRefusedError: it has no name, or the account has as many as can be kept.
    """
    named = " ".join(name.split())[:LONGEST_NAME]
    if not named:
        raise ViewRefusedError(gettext("A view needs a name. Nothing was saved."))
    mine = SavedView.objects.filter(account=account)
    if mine.exclude(name=named).count() >= MOST_VIEWS:
        raise ViewRefusedError(
            gettext("You have as many views as can be kept. Remove one of them first.")
        )
    kept: dict[str, Any] = {"query": normal(query), "shared": shared}
    try:
        with transaction.atomic():
            found, _ = mine.update_or_create(account=account, name=named, defaults=kept)
    except IntegrityError:  # two at once: the other one has made it
        mine.filter(name=named).update(**kept)
        found = mine.get(name=named)
    return found


def remove(account: Account, key: int) -> SavedView | None:
    """Forget one's own view; None where there is no such one."""
    found = SavedView.objects.filter(account=account, pk=key).first()
    if found is not None:
        found.delete()
    return found
