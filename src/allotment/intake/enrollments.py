"""Memberships: subject ids that only the edge knows, and the record of a single experiment.

A client writes `awaiting` for the subject id of an experiment that the edge enrolled it in. The
edge adds `X-Experiment-Enrollments: name=group/subject_id;…` to requests for events, and takes that
header away from whoever else sends it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from allotment.intake.enrichment import Header
from allotment.intake.outcome import RefusalError

HEADER: Final = "x-experiment-enrollments"
AWAITING: Final = "awaiting"
MISSING: Final = "enrollment_missing"
MISMATCH: Final = "enrollment_mismatch"
_ITEM: Final = re.compile(
    r"[ \t]*([A-Za-z0-9][-_.A-Za-z0-9]{7,62})=([A-Za-z0-9][-_.A-Za-z0-9]{0,62})"
    r"/([-_A-Za-z0-9]{1,128})[ \t]*",
    re.ASCII,
)


_PLURALS: Final = {
    "subject_id": "subject_ids",
    "sampling_unit": "sampling_units",
    "coordinator": "coordinators",
    "version": "versions",
}


class Enrollment(NamedTuple):
    """One item of the header."""

    group: str
    subject_id: str


@lru_cache(maxsize=256)
def parse_enrollments(header: str) -> Mapping[str, Enrollment]:
    """What can be read of the header, by experiment; a damaged item hides no other.

    An experiment that is named twice with different groups or ids is left out: which of them is
    true cannot be known.
    """
    found: dict[str, Enrollment] = {}
    doubtful: set[str] = set()
    for item in header.split(";"):
        match = _ITEM.fullmatch(item)
        if match is None:
            continue
        name, enrollment = match[1], Enrollment(match[2], match[3])
        if found.setdefault(name, enrollment) != enrollment or enrollment.subject_id == AWAITING:
            doubtful.add(name)
    return {name: found[name] for name in found if name not in doubtful}


def fill_subject_ids(event: dict[str, Any], header: Header) -> None:
    """Replace every `awaiting` of an event, in the record of one experiment and in that of many.

    Raises:
        RefusalError: an id is awaited that the header does not give for that experiment and group.
            The event is then as it was.
    """
    one, many = event.get("experiment"), event.get("experiments")
    found: str | None = None
    if type(one) is dict and one.get("subject_id") == AWAITING:
        found = _subject_id(one.get("enrolled"), one.get("assigned"), header)
    ids = many.get("subject_ids") if type(many) is dict else None
    if type(many) is dict and type(ids) is dict and AWAITING in ids.values():
        assigned = many.get("assigned")
        groups = assigned if type(assigned) is dict else {}
        awaited = [name for name, subject_id in ids.items() if subject_id == AWAITING]
        ids.update({name: _subject_id(name, groups.get(name), header) for name in awaited})
    if type(one) is dict and found is not None:
        one["subject_id"] = found


def complete_membership(event: dict[str, Any]) -> None:
    """Write the record of one experiment into that of many, where the event has the first alone.

    Clients of the original system send `experiment`; whoever asks the lake asks for `experiments`.
    Of `other_assigned`, which has no subject ids, nothing is taken. `xLab` was the law's old name.
    """
    one = event.get("experiment")
    if type(one) is not dict or "experiments" in event:
        return
    name, group = one.get("enrolled"), one.get("assigned")
    if type(name) is not str or type(group) is not str:
        return
    many: dict[str, Any] = {"enrolled": [name], "assigned": {name: group}}
    for single, plural in _PLURALS.items():
        value = one.get(single)
        if type(value) is str:
            many[plural] = {name: "default" if value == "xLab" else value}
    event["experiments"] = many


def _subject_id(name: object, group: object, header: Header) -> str:
    if type(name) is not str or type(group) is not str:
        raise RefusalError(
            MISMATCH, "a subject id is awaited, but the record names no experiment and group for it"
        )
    sent = header(HEADER)
    enrollment = parse_enrollments(sent).get(name) if sent else None
    if enrollment is None:
        where = "has no readable item for it" if sent else "is not there"
        raise RefusalError(
            MISSING,
            f"the subject id of experiment {name[:255]} is awaited, but X-Experiment-Enrollments "
            f"{where}",
        )
    if enrollment.group != group:
        raise RefusalError(
            MISMATCH,
            f"the subject id of experiment {name[:255]} is awaited for group {group[:255]}, but "
            f"X-Experiment-Enrollments has it in group {enrollment.group}",
        )
    return enrollment.subject_id
