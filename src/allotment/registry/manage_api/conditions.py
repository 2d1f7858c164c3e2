"""If-Match: a write says from which version it began, so that nobody's change is lost (RFC 9110).

Items have a revision. Everything else is named by a digest of what a read shows of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest

from allotment.registry.manage_api.documents import plain
from allotment.registry.manage_api.problems import STALE_RULE, ProblemError
from allotment.registry.rules import Refusal

_TAG = re.compile(r'(?:W/)?"([0-9a-f]{1,64})"', re.ASCII)
IF_MATCH: Final[dict[str, Any]] = {
    "parameters": [
        {
            "in": "header",
            "name": "If-Match",
            "required": True,
            "schema": {"type": "string", "pattern": '^(W/)?"[0-9a-f]{1,64}"$'},
            "description": "The ETag of the read that the write began from.",
        }
    ],
    "responses": {
        status: {
            "description": words,
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
        for status, words in (
            (409, "The things as they stand do not allow it"),
            (412, "Somebody else wrote meanwhile"),
            (428, "The version is missing"),
        )
    },
}
"""What the document says of a route that needs a version."""


def tag_of(document: Mapping[str, Any]) -> str:
    """The version of what is no item: a digest of what a read shows."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def asked(request: HttpRequest) -> str:
    """The version that a write began from.

    Raises:
        ProblemError: the header is missing or names none.
    """
    header = request.headers.get("If-Match", "").strip()
    found = _TAG.fullmatch(header)
    if found is None:
        raise ProblemError(
            428,
            "The header If-Match is missing." if not header else "If-Match names no version.",
            remedy="Read the thing first, and send its ETag as If-Match.",
        )
    return found[1]


def revision(request: HttpRequest) -> int:
    """The revision of an item that a write began from.

    Raises:
        ProblemError: the header is missing or names none.
    """
    tag = asked(request)
    if not tag.isdigit() or len(tag) > 9:  # noqa: PLR2004 - more than any item has
        raise stale(tag, "another")
    return int(tag)


def matches(request: HttpRequest, document: Mapping[str, Any]) -> None:
    """Pass when what is stored is what the write began from; ask inside its transaction.

    Raises:
        ProblemError: it is not, or the header is missing.
    """
    wanted, stored = asked(request), tag_of(document)
    if wanted != stored:
        raise stale(wanted, stored)


def stale(wanted: object, stored: object) -> ProblemError:
    """Somebody else wrote meanwhile."""
    refusal = Refusal(
        STALE_RULE,
        "If-Match",
        "somebody else saved it meanwhile",
        f"The write began from version {wanted}; {stored} is stored now.",
        "Read it again, and make your change once more.",
    )
    return ProblemError(412, refusal.what, remedy=refusal.remedy, refusals=[refusal])
