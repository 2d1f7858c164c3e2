"""Which schemas there are, as far as forms need to know."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Final

from django.conf import settings

from allotment.contract.schemas import SchemaNotFoundError, SchemaRepository
from allotment.contract.tables import why_no_table

LOOK_SECONDS: Final = 2.0
"""How old may be what is known of the schema folders."""


def repository() -> SchemaRepository:
    """The schemas of this installation, as its folders hold them now."""
    return _looked_at(int(time.monotonic() // LOOK_SECONDS))


@lru_cache(maxsize=1)
def _looked_at(turn: int) -> SchemaRepository:
    """The repository, after a look at its folders: one in each turn of some seconds."""
    del turn
    known = _opened()
    known.refresh()
    return known


@lru_cache(maxsize=1)
def _opened() -> SchemaRepository:
    return SchemaRepository(settings.ALLOTMENT.schema_paths)


def titles() -> list[str]:
    """Titles that events may have: those with a table to land in."""
    known = repository()
    return [title for title in known.titles() if why_no_table(known, title) is None]


def latest_uri(title: str) -> str:
    """The newest version's `$schema`; empty where the title is not known."""
    try:
        return repository().latest(title).uri
    except SchemaNotFoundError:
        return ""


def is_known(uri: str) -> bool:
    """Whether a `$schema` names a released version."""
    try:
        repository().load(uri)
    except SchemaNotFoundError:
        return False
    return True
