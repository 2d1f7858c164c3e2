"""Groups that an edge in front of the site gave its readers, and the headers that tell them. Pure.

`X-Experiment-Enrollments: name=group;name2=group2;` comes with the request, from an edge that takes
the header away from whoever else sends it. The subject ids are the edge's alone: events say
`awaiting`, and the intake fills them in. `vectors/enrollments.json` fixes what is read.
"""

from __future__ import annotations

import re
from typing import Final

from allotment.sdk.enrollment import Membership

HEADER: Final = "X-Experiment-Enrollments"
SERVER_TIMING: Final = "WMF-Uniq"
_ITEM: Final = re.compile(
    r"[ \t]*([A-Za-z0-9][-_.A-Za-z0-9]{7,62})=([A-Za-z0-9][-_.A-Za-z0-9]{0,62})"
    r"(?:/[-_A-Za-z0-9]{1,128})?[ \t]*"
)


def parse_enrollments(header: str) -> dict[str, str]:
    """What can be read of the header, groups by experiment; a damaged item hides no other.

    An experiment that is named twice with different groups is left out: which of them is true
    cannot be known.
    """
    found: dict[str, str] = {}
    doubtful: set[str] = set()
    for item in header.split(";"):
        match = _ITEM.fullmatch(item)
        if match and found.setdefault(match[1], match[2]) != match[2]:
            doubtful.add(match[1])
    return {name: group for name, group in found.items() if name not in doubtful}


def enrollment_headers(membership: Membership) -> dict[str, str]:
    """A membership as headers of an answer, for clients that read it there.

    `X-Experiment-Enrollments` is for programs, `Server-Timing` for scripts of pages. None where
    there is nothing to tell; names that the header cannot carry are left out.
    """
    told = [f"{name}={group};" for name, group in membership.assigned.items()]
    items = "".join(item for item in told if parse_enrollments(item))
    if not items:
        return {}
    return {HEADER: items, "Server-Timing": f'{SERVER_TIMING};desc="{items}"'}
