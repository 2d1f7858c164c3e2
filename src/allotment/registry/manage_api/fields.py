"""The kinds of value that requests hold: how long, how large, and how they read in JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, WithJsonSchema

EARLIEST, LATEST = 2000, 2200
LARGEST = 2**53 - 1


def _plausible(moment: datetime) -> datetime:
    if not EARLIEST <= moment.year <= LATEST:
        raise ValueError(f"the year is not from {EARLIEST} to {LATEST}")
    return moment.astimezone(UTC)


def _number(**bounds: float) -> dict[str, Any]:
    return {"type": "number", **bounds}


Line = Annotated[str, StringConstraints(max_length=255)]
Name = Annotated[str, StringConstraints(max_length=120)]
Key = Annotated[str, StringConstraints(max_length=63)]
Address = Annotated[str, StringConstraints(max_length=1000)]
Text = Annotated[str, StringConstraints(max_length=20_000)]
Reason = Annotated[
    str,
    StringConstraints(max_length=500, strip_whitespace=True),
    Field(description="One sentence for the history: why."),
]
Moment = Annotated[
    AwareDatetime,
    AfterValidator(_plausible),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Share = Annotated[
    Decimal,
    Field(ge=0, le=1, max_digits=9, decimal_places=8),
    WithJsonSchema(_number(minimum=0, maximum=1)),
]
Percent = Annotated[
    Decimal, Field(max_digits=9, decimal_places=4, allow_inf_nan=False), WithJsonSchema(_number())
]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Weight = Annotated[int, Field(ge=0, le=2**31 - 1)]
