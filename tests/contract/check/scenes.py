"""The demo's configuration as the public API shows it, and scenes in which one thing is broken."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from allotment.contract.check import (
    PLATFORMS,
    Finding,
    MetricNeeds,
    Scene,
    check_scene,
    configuration_of,
)
from allotment.contract.schemas import SchemaRepository

NOW: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)
SCHEMAS: Final = SchemaRepository(())
WEB: Final = "analytics/product_metrics/web/base"
STREAM: Final = "streams/product_metrics.web_base"
CLIENT: Final = f"{STREAM}/producers/metrics_platform_client"
EVENTGATE: Final = f"{STREAM}/producers/eventgate"
EXPERIMENT: Final = "experiments/0"
INSTRUMENT: Final = "instruments/0"
GONE: Final = object()
METRICS: Final = (
    MetricNeeds("click_through_rate", ("action",), ("impression", "click")),
    MetricNeeds("edits_after_exposure", ("performer.edit_count",), ("edit",), from_exposure=True),
    MetricNeeds("scroll_depth", ("scroll.depth",), ("scroll",)),
)
_ASKED = (
    "performer_is_logged_in",
    "mediawiki_database",
    "performer_session_id",
    "performer_pageview_id",
)
Changes = Mapping[str | tuple[str, ...], Any]


def _stream(name: str, title: str, attributes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "stream": name,
        "schema_title": title,
        "destination_event_service": "allotment-intake",
        "topics": [name],
        "producers": {"metrics_platform_client": {"provide_values": list(attributes)}},
    }


_DEMO: Final[dict[str, Any]] = {
    "streams": {
        "product_metrics.app_base": _stream(
            "product_metrics.app_base",
            "analytics/product_metrics/app/base",
            ("mediawiki_database", "performer_is_logged_in"),
        ),
        "product_metrics.web_base": _stream("product_metrics.web_base", WEB, _ASKED),
        "demo-article-clicks": {
            "stream": "demo-article-clicks",
            "schema_title": WEB,
            "producers": {
                "metrics_platform_client": {
                    "provide_values": list(_ASKED),
                    "stream_name": "product_metrics.web_base",
                }
            },
            "sample": {"unit": "session", "rate": 1},
        },
    },
    "instruments": [
        {
            "name": "demo-article-clicks",
            "start": "2026-11-20T09:00:00Z",
            "end": "2027-01-15T09:00:00Z",
            "sample_unit": "session",
            "sample_rate": {"default": 1},
            "stream_name": "product_metrics.web_base",
            "schema_title": WEB,
            "contextual_attributes": list(_ASKED),
            "risk_level": "low",
        }
    ],
    "experiments": [
        {
            "name": "related-articles-card",
            "start": "2026-11-20T09:00:00Z",
            "end": "2026-12-18T09:00:00Z",
            "user_identifier_type": "edge-unique",
            "sample_rate": {"default": 1},
            "groups": ["control", "card"],
            "weights": [1, 1],
            "stream_name": "product_metrics.web_base",
            "schema_id": f"/{WEB}/2.1.0",
            "contextual_attributes": list(_ASKED),
            "version": "1",
            "phase_index": 0,
            "risk_level": "low",
            "environments": ["development"],
            "metrics": ["click_through_rate"],
        }
    ],
}


def demo(changes: Changes | None = None) -> dict[str, Any]:
    """The demo's documents, with other values at some paths; GONE takes a key away."""
    document = copy.deepcopy(_DEMO)
    for path, given in (changes or {}).items():
        value = given if given is GONE else copy.deepcopy(given)
        steps = path.split("/") if isinstance(path, str) else list(path)
        node: Any = document
        for step in steps[:-1]:
            node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
        if value is GONE:
            del node[steps[-1]]
        elif isinstance(node, list):
            place = int(steps[-1])
            node[place : place + 1] = [value]
        else:
            node[steps[-1]] = value
    return document


def scene(
    changes: Changes | None = None,
    *,
    before: Changes | None = None,
    **more: Any,  # noqa: ANN401 - any field of the scene
) -> Scene:
    """The demo with changes; `before` are the changes of the configuration before it."""
    made = Scene(
        configuration_of(**demo(changes)),
        SCHEMAS,
        NOW,
        metrics=METRICS,
        platforms=PLATFORMS,
        previous=None if before is None else configuration_of(**demo(before)),
    )
    return replace(made, **more)


def another(kind: str, name: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A second instrument or experiment like the demo's."""
    return {**copy.deepcopy(_DEMO[kind][0]), "name": name, **changes}


def found(changes: Changes | None = None, *, rule: str = "", **more: Any) -> list[Finding]:  # noqa: ANN401
    """What the check finds in the demo with changes; of one rule, where it is named."""
    findings = check_scene(scene(changes, **more))
    return [f for f in findings if not rule or f.rule == rule]
