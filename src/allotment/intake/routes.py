"""Which path means what, and what the intake tells about itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

from allotment import __version__
from allotment.intake import answers, openapi
from allotment.intake.answers import Answer
from allotment.intake.metrics import CONTENT_TYPE, Metrics, Snapshot, render
from allotment.intake.plans import PlanSource
from allotment.intake.request import Request
from allotment.intake.stream_source import StreamSource, StreamState
from allotment.intake.worker_numbers import WorkerNumbers
from allotment.journal.segments import SegmentWriter

CONFIGS: Final = "/v1/stream-configs"
_ANY_PREFIX: Final = "*"
_ONE_ELEMENT: Final = "/[a-z0-9-]+"
_NAMES: Final = re.compile(r"[,|]")


def plain(path: str) -> str:
    """The path in lower case and without one slash at its end."""
    path = path.lower()
    return path[:-1] if len(path) > 1 and path.endswith("/") else path


class EventPaths:
    """The paths that take events: `/v1/events` and `/v2/events`, also below prefixes.

    Edges lead groups of events in below a prefix of their own, such as `/evt-103e/v2/events`.
    """

    def __init__(self, prefixes: Sequence[str] = (_ANY_PREFIX,)) -> None:
        """Take paths in lower case, such as `/evt-103e`; `*` is any one path element."""
        known = (_ONE_ELEMENT if one == _ANY_PREFIX else re.escape(one) for one in prefixes)
        self._form = re.compile(f"(?:{'|'.join(('', *known))})/v[12]/events", re.ASCII)
        self.take = lru_cache(maxsize=256)(self._take)
        """Whether a path as it was asked for takes events."""

    def _take(self, path: str) -> bool:
        return self._form.fullmatch(plain(path)) is not None


class Routes:
    """Everything but the events themselves."""

    def __init__(
        self,
        source: StreamSource,
        schemas: PlanSource,
        journal: SegmentWriter,
        metrics: Metrics,
        numbers: WorkerNumbers,
        paths: EventPaths,
    ) -> None:
        self._source = source
        self._schemas = schemas
        self._journal = journal
        self._metrics = metrics
        self._numbers = numbers
        self._paths = paths
        self.stopping = False
        self.load: Callable[[], Mapping[str, float]] = dict
        """More gauges: what the worker has under way."""

    def answer(self, request: Request) -> Answer:
        """Answer anything that brings no events."""
        if self._paths.take(request.path):
            if request.method == "OPTIONS":
                return answers.PREFLIGHT
            return _not_allowed(request, "events are sent by POST", answers.SENDING)
        found = self._page(request)
        if found is not None and request.method not in {"GET", "HEAD"}:
            return _not_allowed(request, "this is only read, by GET", answers.READING)
        return found or answers.problem(
            404,
            "not_found",
            "there is nothing here; events go to /v1/events",
            method=request.method,
            uri=request.path,
        )

    def _page(self, request: Request) -> Answer | None:
        path = plain(request.path)
        if path == "/healthz":
            return answers.json_answer(200, {"status": "ok"})
        if path == "/readyz":
            return self._ready()
        if path == "/metrics":
            return answers.text_answer(self._measured(), CONTENT_TYPE)
        if path == "/_info":
            return self._info()
        if path == CONFIGS or path.startswith(f"{CONFIGS}/"):
            return self._configs(request.path[len(CONFIGS) + 1 :])
        if path == "/robots.txt":
            return answers.ROBOTS
        if path == "/" and any(
            name == "spec" for name, _ in parse_qsl(request.query, keep_blank_values=True)
        ):
            return answers.json_answer(200, openapi.document())
        return None

    def reasons(self) -> list[str]:
        """Why no event can be taken now, as sentences; empty where it can."""
        reasons = ["the intake is stopping"] if self.stopping else []
        if not self._source.state.known:
            cause = f" ({self._source.last_error})" if self._source.last_error else ""
            reasons.append(f"no stream configuration has been received yet{cause}")
        if not self._journal.available:
            reasons.append(self._journal.failure or "the journal is closed")
        return reasons

    def _configs(self, names: str) -> Answer:
        configs = self._source.state.streams
        wanted = [name for name in _NAMES.split(names.rstrip("/")) if name] or list(configs)
        return answers.json_answer(
            200, {name: dict(configs[name].settings) for name in wanted if name in configs}
        )

    def snapshot(self) -> Snapshot:
        """What this worker counted, and how it stands."""
        state = self._source.state
        version = state.version or ""
        return self._metrics.snapshot(
            {
                "schema_problems": len(self._schemas.problems),
                "journal_available": int(self._journal.available),
                "configuration_age_seconds": state.age(time.time()),
                "configuration_version": int(version) if version.isdecimal() else None,
                "renewed_seconds": 0,
                **self.load(),
            }
        )

    def _measured(self) -> str:
        own = self.snapshot()
        return render({**self._numbers.others(), self._numbers.worker: own})

    def _configuration(self, state: StreamState) -> dict[str, Any]:
        age = state.age(time.time())
        return {
            "version": state.version,
            "age_seconds": None if age is None else round(age, 3),
            "streams": len(state.streams),
            "problems": list(state.problems),
            "last_error": self._source.last_error,
        }

    def _ready(self) -> Answer:
        reasons = self.reasons()
        found = {
            "status": "not ready" if reasons else "ready",
            "reasons": reasons,
            "stream_configuration": self._configuration(self._source.state),
            "schemas": {
                "versions": self._schemas.versions,
                "problems": list(self._schemas.problems),
            },
        }
        return answers.json_answer(503 if reasons else 200, found)

    def _info(self) -> Answer:
        return answers.json_answer(
            200,
            {
                "name": "allotment-intake",
                "version": __version__,
                "description": "Accepts events, holds them to their schemas and keeps them.",
                "journal_partition": self._journal.number,
                "stream_configuration": self._configuration(self._source.state),
            },
        )


def _not_allowed(request: Request, detail: str, allowed: str) -> Answer:
    return answers.problem(
        405,
        "method_not_allowed",
        detail,
        method=request.method,
        uri=request.path,
        extra=(("allow", allowed),),
    )
