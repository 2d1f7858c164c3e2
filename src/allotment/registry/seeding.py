"""What a new registry holds: the default streams, and the demo's experiment and instrument.

Every function may be called again; it creates only what is not there. Needs Django set up.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from allotment.registry import lifecycle, schema_catalog
from allotment.registry.attributes import APP_TITLE, WEB_TITLE
from allotment.registry.environments import ENVIRONMENTS
from allotment.registry.models import Experiment, Instrument, Stream
from allotment.registry.plan import ExperimentPlan, GroupPlan, InstrumentPlan

WEB_STREAM = "product_metrics.web_base"
APP_STREAM = "product_metrics.app_base"
DEMO_EXPERIMENT = "related-articles-card"
DEMO_INSTRUMENT = "demo-article-clicks"
SYNTHETIC_NOTE = (
    "Part of this traffic is synthetic: a few thousand made-up readers were sent through the real "
    "client and the real intake when the demo was started, so that there is something to read."
)
_DAYS = timedelta(days=28)
_STREAMS = (
    (WEB_STREAM, WEB_TITLE, "Everything that happens on web pages."),
    (APP_STREAM, APP_TITLE, "Everything that happens in apps."),
)


def create_streams() -> None:
    """The two streams that everything can begin with."""
    for name, title, description in _STREAMS:
        with transaction.atomic():
            if not Stream.objects.filter(name=name).exists():
                lifecycle.save_stream(
                    Stream(
                        name=name,
                        schema_title=title,
                        description=description,
                        attributes=["mediawiki_database", "performer_is_logged_in"],
                    )
                )


def seed_demo() -> None:
    """Create and switch on the demo wiki's experiment and instrument.

    One that is there already is left as it is, also when it is switched off.
    """
    create_streams()
    now = timezone.now().replace(second=0, microsecond=0)
    if not Experiment.objects.filter(machine_name=DEMO_EXPERIMENT).exists():
        lifecycle.activate(
            lifecycle.create(
                ExperimentPlan(
                    machine_name=DEMO_EXPERIMENT,
                    name="Related articles card",
                    description="At the end of each article of the demo wiki stand three related "
                    "articles: as a plain list of links, or as cards with a drawing and one line "
                    "each.",
                    primary_metric="click_through_rate",
                    minimum_effect=Decimal(10),
                    hypothesis="If the related articles are shown as cards, more readers follow "
                    "one of them than from the plain list of links, because a card says what the "
                    "article is about.",
                    owners=("Demo team",),
                    end=now + _DAYS,
                    stream=WEB_STREAM,
                    schema_title=WEB_TITLE,
                    schema_id=schema_catalog.latest_uri(WEB_TITLE),
                    attributes=(
                        "performer_is_logged_in",
                        "mediawiki_database",
                        "performer_session_id",
                        "performer_pageview_id",
                    ),
                    default_rate=Decimal(1),
                    environments=ENVIRONMENTS,
                    risk_level="low",
                    acknowledged=True,
                    synthetic_note=SYNTHETIC_NOTE,
                    identifier_type="edge-unique",
                    groups=(
                        GroupPlan(name="control", description="Plain list of links, as today"),
                        GroupPlan(
                            name="card", description="Cards with a drawing and one line each"
                        ),
                    ),
                )
            )
        )
    if not Instrument.objects.filter(machine_name=DEMO_INSTRUMENT).exists():
        lifecycle.activate(
            lifecycle.create(
                InstrumentPlan(
                    machine_name=DEMO_INSTRUMENT,
                    name="Article clicks",
                    description="Click-through rate of the links inside the demo wiki's articles.",
                    owners=("Demo team",),
                    end=now + 2 * _DAYS,
                    stream=WEB_STREAM,
                    schema_title=WEB_TITLE,
                    attributes=(
                        "performer_is_logged_in",
                        "mediawiki_database",
                        "performer_session_id",
                        "performer_pageview_id",
                    ),
                    default_rate=Decimal(1),
                    environments=ENVIRONMENTS,
                    risk_level="low",
                    acknowledged=True,
                    sample_unit="session",
                )
            )
        )
