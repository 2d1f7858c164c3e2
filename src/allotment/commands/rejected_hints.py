"""What to do about each reason for which an event is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_AGAIN: Final = "then: allotment rejected replay ID"
HINTS: Final[Mapping[str, str]] = {
    "malformed_json": "The body was no JSON. Mend the client; send what can be saved of this one by"
    " allotment rejected replay ID --file MENDED.json.",
    "not_an_object": "The client sent something else than an object. Mend the client; send what can"
    " be saved of this one by allotment rejected replay ID --file MENDED.json.",
    "missing_schema": f"""Set it: {_AGAIN} --set '$schema="/title/1.0.0"'.""",
    "missing_stream": f"""Set it: {_AGAIN} --set meta.stream='"name"'.""",
    "unknown_schema": f"Add the schema, {_AGAIN}. Or correct the name:"
    """ allotment rejected replay ID --set '$schema="/title/1.0.0"'.""",
    "no_table": "Use a schema that is no fragment and whose newest version has meta.dt with format"
    f" date-time, {_AGAIN}.",
    "unknown_stream": f"Create the stream in the registry, {_AGAIN}. Or correct the name:"
    """ allotment rejected replay ID --set meta.stream='"name"'.""",
    "instrument_stream": "Send it to the instrument's stream, which the error names:"
    """ allotment rejected replay ID --set meta.stream='"name"'.""",
    "schema_mismatch": "Send it to a stream of its schema title, or give the stream that title,"
    f" {_AGAIN}.",
    "enrollment_missing": "The edge had not added the subject's enrollments to the request: send to"
    " the URL where it does. This event lacks its subject id for good, unless you know it:"
    " --set /experiments/subject_ids/NAME='\"…\"'.",
    "enrollment_mismatch": "The client and the edge disagree about the group, or the event names"
    " none. Find out which is right before you set it.",
    "invalid": "Mend what the errors name, in the client, and in this one by --set and --remove;"
    f" or correct the schema, {_AGAIN}.",
    "nested_too_deeply": "Nothing here goes deeper than 250 levels. Mend the client.",
    "too_many_days": "Its meta.dt is far from all others. Leave it out:"
    " allotment rejected replay ID --remove meta.dt.",
    "impossible_day": "Its meta.dt is of a year that no calendar here has. Leave it out:"
    " allotment rejected replay ID --remove meta.dt.",
    "unreadable_in_lake": "The intake took it, and no row can hold it: often a number that is too"
    " large. Correct the field that the error names, by --set.",
}


def hint(reason: str) -> str:
    """What to do, in a sentence or two."""
    return HINTS.get(reason, "See docs/reference/intake.md, Reasons.")
