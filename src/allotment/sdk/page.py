"""What a page gets: two variables in an inline script, and the browser script's tag. Pure."""

from __future__ import annotations

import html
import json
from typing import Any

from allotment.sdk.browser_files import script_url
from allotment.sdk.documents import Configuration
from allotment.sdk.visitor import Visitor

_HEAD_END = b"</head>"


def page_variables(visitor: Visitor, intake_url: str, site: str) -> dict[str, Any]:
    """The values of `window.allotmentUserExperiments` and `window.allotmentConfig`, by name."""
    return {
        "allotmentUserExperiments": visitor.get_current_user_experiments(),
        "allotmentConfig": {
            "intakeUrl": intake_url,
            "site": site,
            "streams": _public_streams(visitor.configuration),
            "experiments": _enrolled_configs(visitor),
            "context": _page_context(visitor),
        },
    }


def head_html(visitor: Visitor, intake_url: str, site: str, nonce: str | None = None) -> str:
    """Script elements for a page's head.

    Args:
        nonce: the page's CSP nonce; the inline script is then allowed by
            `script-src 'nonce-…'`, and the file by `'self'` or the nonce.
    """
    attribute = f' nonce="{html.escape(nonce)}"' if nonce else ""
    statements = "".join(
        f"window.{name}={script_json(value)};"
        for name, value in page_variables(visitor, intake_url, site).items()
    )
    source = html.escape(script_url())
    return (
        f"<script{attribute}>{statements}</script>\n"
        f'<script src="{source}"{attribute} defer></script>\n'
    )


def script_json(value: object) -> str:
    """JSON that is safe inside a script element: it cannot end it, nor open a comment.

    All but ASCII is escaped, and with it U+2028 and U+2029, which older engines take for line ends.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class HeadInjector:
    """Puts text before the first `</head>` of a page that passes through in pieces.

    Nothing is held back but a piece's last bytes that may begin the tag (at most 6), so that a page
    that streams keeps streaming.
    """

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._tail = b""
        self.done = False

    def feed(self, piece: bytes) -> bytes:
        """What of the page can go on now."""
        if self.done:
            return piece
        text = self._tail + piece
        at = text.lower().find(_HEAD_END)
        if at >= 0:
            self.done = True
            self._tail = b""
            return text[:at] + self._head + text[at:]
        keep = _partial_end(text)
        self._tail = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> bytes:
        """What was held back, at the page's end."""
        tail, self._tail = self._tail, b""
        return tail


def _partial_end(text: bytes) -> int:
    """How many bytes at the end may be the beginning of the closing tag."""
    end = text[-len(_HEAD_END) + 1 :].lower()
    return next((n for n in range(len(end), 0, -1) if _HEAD_END.startswith(end[-n:])), 0)


def _page_context(visitor: Visitor) -> dict[str, Any]:
    """The visitor's context without the ids of this request: the browser client has its own."""
    context = dict(visitor.context)
    own = {"pageview_id", "session_id"}
    context["performer"] = {k: v for k, v in context["performer"].items() if k not in own}
    return context


def _public_streams(configuration: Configuration) -> dict[str, Any]:
    """What the browser needs of each stream; where the intake sends it on is no page's matter."""
    return {
        name: {key: stream[key] for key in ("schema_title", "sample", "producers") if key in stream}
        for name, stream in configuration.streams.items()
    }


def _enrolled_configs(visitor: Visitor) -> dict[str, Any]:
    """Stream, schema, attributes and groups of the experiments that the visitor is in."""
    known = visitor.configuration.experiments
    return {
        name: {
            "stream_name": known[name].stream_name,
            "schema_id": known[name].schema_id,
            "contextual_attributes": list(known[name].contextual_attributes),
            "groups": list(known[name].groups),
        }
        for name in visitor.membership.enrolled
        if name in known
    }
