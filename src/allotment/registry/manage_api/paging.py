"""Lists in pages: counted, in a stable order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol

from pydantic import Field

SIZE, LARGEST = 50, 500
PageNumber = Annotated[int, Field(ge=1, le=1_000_000, description="Which page, from 1.")]
PageSize = Annotated[int, Field(ge=1, le=LARGEST, description="How many entries a page has.")]


class Rows(Protocol):
    """A list, or a query of the database."""

    def __getitem__(self, part: slice, /) -> Any:  # noqa: ANN401 - rows of any kind
        """Some of the rows."""


def page(
    rows: Rows, total: int, number: int, size: int, shown: Callable[[Any], Any]
) -> dict[str, Any]:
    """One page of rows; a page beyond the last is empty."""
    first = (number - 1) * size
    listed: Sequence[Any] = list(rows[first : first + size])
    return {
        "total": total,
        "page": number,
        "pages": -(-total // size),
        "size": size,
        "items": [shown(row) for row in listed],
    }
