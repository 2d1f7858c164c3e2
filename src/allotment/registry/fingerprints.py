"""What is stored, one number for each row: whether anything of it was changed, by whomever.

To read two thousand items with all that belongs to them takes half a second. To have the database
write each row out as one text takes a tenth of it, and nothing has to be understood: a row that
cannot be read has a number like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.db import connection
from django.db.models import Model

from allotment.registry.models import (
    Experiment,
    ExperimentSite,
    Group,
    Instrument,
    InstrumentSite,
    Layer,
    Phase,
    Site,
    Stream,
)

Prints = Mapping[type[Model], Mapping[int, int]]
"""By kind and key; good only beside others that this process has taken."""

_ALONE: Final = (Stream, Layer, Site, Phase)
_PARTS: Final[Mapping[type[Model], tuple[type[Model], ...]]] = {
    Experiment: (Group, ExperimentSite),
    Instrument: (InstrumentSite,),
}
_SHARED: Final = frozenset({Stream, Layer})
"""What many items name: each item's number differs when they do."""


def taken() -> Prints:
    """The number of each row that the public configuration is made of, with what belongs to it.

    As many queries however many rows there are. They are not one transaction: what is written
    while they are asked may be seen by some of them, so that it is seen again by the next.

    Raises:
        DatabaseError, InterfaceError: the database cannot say.
    """
    found: dict[type[Model], dict[int, int]] = {
        model: {key: hash(row) for key, row in _rows(model)} for model in _ALONE
    }
    for model, parts in _PARTS.items():
        links: dict[str, type[Model]] = {
            field.column: field.related_model
            for field in _fields(model)
            if field.related_model in _SHARED
        }
        around = [dict(_rows_of_each(part, model)) for part in parts]
        found[model] = {
            key: hash(
                (
                    row,
                    *(
                        found[other].get(link)
                        for other, link in zip(links.values(), to, strict=True)
                    ),
                    *(part.get(key) for part in around),
                )
            )
            for key, row, *to in _rows(model, *links)
        }
    return found


def _rows(model: type[Model], *more: str) -> Iterator[tuple[Any, ...]]:
    """Each row's key and text, and more of its columns."""
    columns = "".join(f', "{column}"' for column in more)
    return _asked(f"SELECT id, {_bytes(_text(model))}{columns} FROM {_table(model)} AS t")  # noqa: S608 - our own names


def _rows_of_each(part: type[Model], whole: type[Model]) -> Iterator[tuple[Any, ...]]:
    """The key of each thing that has such parts, and the text of all of them."""
    (parent,) = (field.column for field in _fields(part) if field.related_model is whole)
    texts = f'SELECT "{parent}" AS parent, id, {_text(part)} AS text FROM {_table(part)} AS t'  # noqa: S608 - our own names
    gathered = "string_agg(text, ',' ORDER BY id)" if _on_postgresql() else "group_concat(text)"
    return _asked(
        f"SELECT parent, {_bytes(gathered)} FROM ({texts} ORDER BY 1, 2) AS parts GROUP BY parent"  # noqa: S608 - our own names
    )


def _asked(sql: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        yield from cursor.fetchall()


def _text(model: type[Model]) -> str:
    """A row `t` as a text, told apart also by the types of what SQLite has stored."""
    if _on_postgresql():
        return "t::text"
    return " || ',' || ".join(f'quote("{field.column}")' for field in _fields(model))


def _bytes(text: str) -> str:
    """What of a text comes here. From SQLite, which is in this process, all of it, but as bytes: it
    may be damaged so that it is no text."""
    if _on_postgresql():
        return f"sha256(convert_to({text}, 'UTF8'))"
    return f"CAST({text} AS BLOB)"


def _on_postgresql() -> bool:
    return connection.vendor == "postgresql"


def _fields(model: type[Model]) -> Any:  # noqa: ANN401 - Django's own kind of field
    return model._meta.concrete_fields  # noqa: SLF001


def _table(model: type[Model]) -> str:
    return str(model._meta.db_table)  # noqa: SLF001
