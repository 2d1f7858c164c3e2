"""Templates that a new registry holds, for its first forms: an A/A test, an A/B test, a click rate.

They have no owner, so that the form asks for one and only admins change them. An admin who wants
none archives them; what is there, archived too, is never made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from allotment.registry import lifecycle, schema_catalog
from allotment.registry.attributes import WEB_TITLE
from allotment.registry.models import Experiment, Stream
from allotment.registry.plan import AnyPlan, ExperimentPlan, GroupPlan, InstrumentPlan
from allotment.registry.seeding import WEB_STREAM

_REASON = "Comes with Allotment"
_CLICKS = (
    "performer_is_logged_in",
    "mediawiki_database",
    "performer_session_id",
    "performer_pageview_id",
)
"""What the clients' click-through-rate instrument needs, and the usual segments."""


def create() -> None:
    """Make the templates whose names are free; needs the stream of the web."""
    if not Stream.objects.filter(name=WEB_STREAM).exists():
        return
    taken = {name.casefold() for name in lifecycle.taken_names()}
    for plan in _plans():
        if plan.machine_name not in taken:
            lifecycle.create(plan, reason=_REASON)


def _plans() -> Iterator[AnyPlan]:
    yield _experiment(
        14,
        machine_name="template-a-a-test",
        name="A/A test",
        description="Both groups see the same. Run one before the first real experiment on a site, "
        "and after every change of how readers are enrolled or events are sent.",
        hypothesis="The two groups do not differ, because they see the same. If they differ by "
        "more than chance, something in enrolling, sending or counting is wrong.",
        decision_rule=Experiment.DecisionRule.LEARN,
        groups=(
            GroupPlan(name="control", description="As today"),
            GroupPlan(name="control-again", description="As today, too"),
        ),
    )
    yield _experiment(
        28,
        machine_name="template-a-b-test",
        name="A/B test of a click-through rate",
        description="One change against what is there today, judged by how many follow it.",
        hypothesis="If … then more readers follow …, because …",
        minimum_effect=Decimal(5),
        planned_days=28,
        groups=(
            GroupPlan(name="control", description="As today"),
            GroupPlan(name="treatment", description="With the change"),
        ),
    )
    yield InstrumentPlan(
        **_shared(90),
        machine_name="template-click-through-rate",
        name="Click-through rate",
        description="How often what is shown is followed: impressions and clicks, whatever runs.",
        sample_unit="session",
    )


def _experiment(days: int, **fields: Any) -> ExperimentPlan:  # noqa: ANN401 - fields of a plan
    return ExperimentPlan(
        **_shared(days),
        primary_metric="click_through_rate",
        schema_id=schema_catalog.latest_uri(WEB_TITLE),
        identifier_type=Experiment.IdentifierType.BROWSER.value,
        **fields,
    )


def _shared(days: int) -> dict[str, Any]:
    now = timezone.now().replace(second=0, microsecond=0)
    return {
        "end": now + timedelta(days=days),
        "stream": WEB_STREAM,
        "schema_title": WEB_TITLE,
        "attributes": _CLICKS,
        "default_rate": Decimal("0.1"),
        "environments": ("production",),
        "risk_level": "low",
        "acknowledged": True,
        "is_template": True,
    }
