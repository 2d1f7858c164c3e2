"""A lab that people have used for weeks: what pages show when they are full, with likely words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

from django.utils import timezone
from tests.analysis.likely_moments import moments
from tests.analysis.synthetic import event, put

from allotment.analysis import lab_ledger, reports
from allotment.analysis.experiment import parse_experiment
from allotment.analysis.lab_ledger import LabLedger, StreamAccount
from allotment.analysis.metrics import CLICK_THROUGH_RATE
from allotment.analysis.moments import OWN, Measured, Moments
from allotment.analysis.report import Report, make_report
from allotment.lake.catalog import open_catalog
from allotment.registry import (
    audit,
    consumers,
    lifecycle,
    nightly,
    people,
    placing,
    seeding,
    shipped_templates,
    tokens,
)
from allotment.registry import plan as plans
from allotment.registry.models import (
    Account,
    CapException,
    ConfigurationVersion,
    Experiment,
    Layer,
    SavedView,
    Site,
    Team,
)
from allotment.registry.plan import ExperimentPlan, GroupPlan, InstrumentPlan, Link
from allotment.registry.targeting import Condition

PASSWORD = "seven small boats at dawn"
WEB_TITLE = "analytics/product_metrics/web/base"
SNAPSHOT = 5629103384471920115
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
RUNNING, UNEVEN, SCHEDULED = "search-suggestions", "related-articles-card", "reading-list-button"
DRAFT, STOPPED, AGAIN, READY = (
    "donate-banner-wording",
    "mobile-header-stays",
    "link-preview-delay",
    "edit-check-references",
)
INSTRUMENT, INSTRUMENT_DRAFT = "desktop-ui-interactions", "search-session-length"
STREAM, HOLDOUT = seeding.WEB_STREAM, "nothing-new-in-the-chrome"


@dataclass(frozen=True)
class Lab:
    """What the pages' addresses need to know of it."""

    admin: Account
    author: Account
    team: int
    exception: int
    token: str
    view: int


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """What happens inside happened then; nothing else can make weeks pass."""
    with mock.patch.object(timezone, "now", return_value=moment):
        yield


def furnish(data: Path) -> Lab:
    """Fill an empty registry, and the lake in its data folder. Needs Django set up."""
    now = timezone.now().replace(second=0, microsecond=0)
    with at(now - 40 * DAY), audit.acting("ada"):
        seeding.create_streams()
        shipped_templates.create()
        ada = Account.objects.create_user("ada", password=PASSWORD, role="admin")
        mira = Account.objects.create_user("mira", password=PASSWORD, role="approver")
        jonas = Account.objects.create_user("jonas", password=PASSWORD, role="author")
        Account.objects.create_user("olu", password=PASSWORD, role="viewer")
        search = people.save_team(
            None, name="Search", description="Finding articles", members=[ada, jonas]
        )
        people.save_team(None, name="Reading", description="Web and apps", members=[mira])
        people.save_team(None, name="Growth", description="", members=[jonas, mira])
        _places(ada)
    with at(now - 2 * DAY), audit.acting("ada"):
        token, _ = tokens.make(ada, name="Nightly export", scopes=["read"], expires=now + 90 * DAY)
    _items(now, ada, mira, jonas)
    with at(now - 6 * DAY), audit.acting("ada"):
        exception = placing.grant_exception(
            Experiment.objects.get(machine_name=DRAFT),
            "frwiki",
            Decimal("0.8"),
            reason="The banner is short; agreed with the community.",
            by=ada,
        )
    view = SavedView.objects.create(
        account=ada, name="Search, running", query="status=running&team=Search", shared=True
    )
    _measured(data, now)
    nightly.run(data, now)
    _watched(data, now)
    return _lab(ada, jonas, search, exception, token.identifier, view)


def _lab(
    ada: Account, jonas: Account, team: Team, exception: CapException, token: str, view: SavedView
) -> Lab:
    return Lab(ada, jonas, team.pk, exception.pk, token, view.pk)


def _places(ada: Account) -> None:
    for name, label, cap in (
        ("dewiki", "Wikipedia in German", None),
        ("enwiki", "Wikipedia in English", Decimal("0.2")),
        ("frwiki", "Wikipedia in French", Decimal("0.5")),
        ("swwiki", "Wikipedia in Swahili", None),
    ):
        placing.save_site(
            Site(
                name=name,
                label=label,
                family="wikipedia",
                domain=f"{name[:2]}.wikipedia.example",
                cap=cap,
            ),
            by=ada,
        )
    placing.save_layer(
        Layer(name="desktop-chrome", description="What stands around the text on a wide screen"),
        by=ada,
    )


def _plan(now: datetime, **changes: Any) -> ExperimentPlan:  # noqa: ANN401 - any field
    plan = ExperimentPlan(
        machine_name=RUNNING,
        name="Search suggestions",
        description="The box suggests articles while somebody types: titles as today, or titles "
        "with a short description each.",
        hypothesis="With descriptions, more readers open one of the suggestions, because they see "
        "which article is meant.",
        primary_metric="click_through_rate",
        minimum_effect=Decimal(5),
        planned_size=12000,
        planned_days=21,
        owners=("Search", "@jonas"),
        contact="search@wiki.example",
        purpose="Decide whether suggestions get descriptions on all sites.",
        task="T381204",
        links=(Link(label="Design", url="https://wiki.example/design/suggestions"),),
        end=now + 21 * DAY,
        stream=STREAM,
        schema_title=WEB_TITLE,
        schema_id=f"/{WEB_TITLE}/1.3.0",
        attributes=("performer_is_logged_in", "mediawiki_database", "page_id"),
        default_rate=Decimal(0),
        sites=(("frwiki", Decimal("0.1")), ("dewiki", Decimal("0.1"))),
        environments=("production",),
        risk_level="low",
        acknowledged=True,
        identifier_type="edge-unique",
        groups=(
            GroupPlan(name="control", description="Titles only, as today"),
            GroupPlan(name="described", description="Titles with a short description"),
        ),
    )
    return replace(plan, **changes)


def _holdout(now: datetime, ada: Account) -> None:
    """What keeps a few out of the experiments of a layer that begin after it."""
    with at(now - 12 * DAY), audit.acting("ada"):
        plan = _plan(
            now,
            machine_name=HOLDOUT,
            name="Nothing new around the text",
            description="A few readers meet no change around the text: what do all do together?",
            hypothesis="The changes of half a year make readers click more than any one does.",
            planned_days=180,
            end=now + 168 * DAY,
            sites=(),
            holds_out=("layer:desktop-chrome",),
            groups=(
                GroupPlan(name="held-out", description="What stood there before", weight=5),
                GroupPlan(name="open", description="Whatever is tested or shipped", weight=95),
            ),
        )
        item = lifecycle.create(plan, by=ada)
        why = "A holdout sends no events of its own, and counts only if it is whole."
        for site in ("enwiki", "frwiki"):
            placing.grant_exception(item, site, Decimal(1), reason=why, by=ada)
        whole = replace(plan, default_rate=Decimal(1))
        lifecycle.activate(lifecycle.edit(item, whole, by=ada), by=ada)


def _items(now: datetime, ada: Account, mira: Account, jonas: Account) -> None:
    _stopped_and_decided(now, ada, jonas)
    _holdout(now, ada)
    begun = now - 9 * DAY
    with at(begun - 2 * DAY), audit.acting("jonas"):
        plan = _plan(begun, layer="desktop-chrome", layer_share=Decimal("0.5"))
        item = lifecycle.create(plan, by=jonas)
        uneven = lifecycle.create(
            _plan(
                begun,
                machine_name=UNEVEN,
                name="Related articles card",
                description="Related articles as cards with a drawing instead of a plain list.",
                hypothesis="Cards are opened more often than the links of a list.",
                owners=("Reading",),
                default_rate=Decimal("0.1"),
                sites=(("swwiki", Decimal(1)),),
                groups=(
                    GroupPlan(name="control", description="Plain list of links"),
                    GroupPlan(name="card", description="Cards with a drawing"),
                    GroupPlan(name="card-with-line", description="Cards with one line each"),
                ),
            ),
            by=jonas,
        )
    with at(begun), audit.acting("jonas"):
        item = lifecycle.activate(item, by=jonas)
        lifecycle.activate(uneven, by=jonas)
        instrument = lifecycle.create(_instrument(now), by=jonas)
        lifecycle.activate(instrument, by=jonas)
    with at(begun + 3 * DAY), audit.acting("mira"):
        wider = (("frwiki", Decimal("0.25")), ("dewiki", Decimal("0.1")))
        lifecycle.edit(
            item,
            replace(plans.of_experiment(item), sites=wider),
            by=mira,
            reason="Enough readers in 21 days only with more traffic",
        )
    with at(now - 5 * HOUR), audit.acting("jonas"):
        _not_yet(now, jonas)
    Experiment.objects.filter(machine_name=RUNNING).update(public=True)


def _stopped_and_decided(now: datetime, ada: Account, jonas: Account) -> None:
    with at(now - 34 * DAY), audit.acting("jonas"):
        header = lifecycle.create(
            _plan(
                now - 34 * DAY,
                machine_name=STOPPED,
                name="Header that stays",
                description="On phones the header stays in sight while somebody scrolls.",
                hypothesis="More readers search when the header stays in sight.",
                owners=("Reading",),
                groups=(GroupPlan(name="control"), GroupPlan(name="stays")),
            ),
            by=jonas,
        )
        header = lifecycle.activate(header, by=jonas)
        delay = lifecycle.create(
            _plan(
                now - 34 * DAY,
                machine_name=AGAIN,
                name="Delay of link previews",
                description="How long the pointer rests before a preview opens.",
                owners=("Reading",),
                sites=(("dewiki", Decimal("0.2")),),
                groups=(GroupPlan(name="control"), GroupPlan(name="slower")),
            ),
            by=jonas,
        )
        delay = lifecycle.activate(delay, by=jonas)
    with at(now - 15 * DAY), audit.acting("ada"):
        delay = lifecycle.stop(delay, by=ada, reason="Previews opened twice on some tablets")
        delay = lifecycle.relaunch(delay, by=ada, reason="Mended in the client")
    with at(now - 14 * DAY), audit.acting("ada"):
        lifecycle.activate(delay, by=ada)
    with at(now - 12 * DAY), audit.acting("ada"):
        lifecycle.stop(header, by=ada, reason="The planned days are over")


def _not_yet(now: datetime, jonas: Account) -> None:
    """What waits for its day, for a second person, or for its author."""
    lifecycle.activate(
        lifecycle.create(
            _plan(
                now,
                machine_name=SCHEDULED,
                name="Button for reading lists",
                owners=("Growth",),
                start=now + 4 * DAY,
                end=now + 25 * DAY,
                layer="desktop-chrome",
                layer_share=Decimal("0.25"),
                attributes=("performer_is_logged_in", "page_namespace_id"),
                targeting=(Condition("page_namespace_id", "equals", 0),),
            ),
            by=jonas,
        ),
        by=jonas,
    )
    lifecycle.create(
        _plan(
            now,
            machine_name=DRAFT,
            name="Wording of the donation banner",
            owners=("Growth",),
            sites=(),
            groups=(GroupPlan(name="control"), GroupPlan(name="short"), GroupPlan(name="story")),
        ),
        by=jonas,
    )
    lifecycle.ask(
        lifecycle.create(
            _plan(
                now,
                machine_name=READY,
                name="Reminder of references",
                owners=("Growth",),
                identifier_type="mw-user",
            ),
            by=jonas,
        ),
        by=jonas,
    )
    lifecycle.create(
        replace(
            _instrument(now),
            machine_name=INSTRUMENT_DRAFT,
            name="Length of a search",
            owners=("Search",),
            description="How many queries somebody makes before an article is opened.",
        ),
        by=jonas,
    )


def _instrument(now: datetime) -> InstrumentPlan:
    return InstrumentPlan(
        machine_name=INSTRUMENT,
        name="Clicks on the desktop",
        description="Which parts of the page around the text are used, and how often.",
        owners=("Reading",),
        end=now + 90 * DAY,
        stream=STREAM,
        schema_title=WEB_TITLE,
        attributes=("page_id", "mediawiki_skin"),
        default_rate=Decimal("0.5"),
        sites=(("frwiki", Decimal("0.1")), ("enwiki", Decimal("0.01"))),
        environments=("production",),
        risk_level="low",
        acknowledged=True,
        sample_unit="pageview",
    )


def _measured(data: Path, now: datetime) -> None:
    """Reports of five experiments, and the last day's events of one."""
    found = [
        _report(
            now, RUNNING, ("described",), (moments(6214, 1661, 12702), moments(6187, 1849, 12660))
        ),
        _report(
            now,
            UNEVEN,
            ("card", "card-with-line"),
            (moments(4100, 1190, 8300), moments(3605, 1160, 7300), moments(4088, 1240, 8275)),
        ),
        _report(
            now,
            STOPPED,
            ("stays",),
            (moments(9120, 2410, 18600), moments(9066, 2790, 18420)),
            over=True,
        ),
        _report(
            now, AGAIN, ("slower",), (moments(2011, 590, 4100), moments(1987, 575, 4040)), phase=1
        ),
        _report(
            now,
            HOLDOUT,
            ("open",),
            (moments(4093, 1105, 8402), moments(77480, 21390, 159_100)),
            weights=(5, 95),
        ),
    ]
    with closing(open_catalog(data / "lake")) as catalog:
        reports.append(reports.ensure_reports_table(catalog), found)
    dice = random.Random(7)
    events = [
        event(
            f"reader-{number}",
            group,
            dice.choice(("impression", "impression", "click")),
            number,
            experiment=RUNNING,
            dt=(now - timedelta(minutes=dice.randrange(2, 23 * 60))).isoformat(),
            domain="fr.wikipedia.example",
        )
        for group in ("control", "described")
        for number in range(dice.randrange(600, 640))
    ]
    few = [
        event(f"few-{number}", group, action, number, **of, dt=(now - HOUR).isoformat())
        for of, groups in (
            ({"experiment": UNEVEN}, ("control", "card", "card-with-line")),
            ({"experiment": AGAIN}, ("control", "slower")),
            ({"experiment": RUNNING, "instrument": INSTRUMENT}, ("control", "described")),
            ({"experiment": HOLDOUT}, ("held-out", "open")),
        )
        for group in groups
        for number, action in enumerate(("impression", "click"))
    ]
    sites = ("frwiki", "frwiki", "dewiki")
    put(
        data / "lake",
        [{**one, "mediawiki": {"database": dice.choice(sites)}} for one in (*events, *few)],
    )


def _watched(data: Path, now: datetime) -> None:
    """What became of the day's events, and who reads the configuration: one has stopped."""
    shared = StreamAccount(
        stream=STREAM,
        received=412_830,
        written=409_377,
        duplicate=1_208,
        rejected=2_204,
        waiting=41,
        lost=0,
        missing=0,
        minutes=0,
        oldest=now - timedelta(seconds=4),
    )
    clicks = replace(
        shared,
        stream="product_metrics.search_clicks",
        received=18_022,
        written=18_005,
        duplicate=17,
        rejected=0,
        waiting=0,
        oldest=None,
    )
    lab_ledger.publish(data / "lake", LabLedger(now, now - DAY, (shared, clicks)))
    version = ConfigurationVersion.current().number
    book = consumers.book(now - 3 * HOUR)
    readers = (
        ("allotment-intake", "10.0.0.1", now, version),
        ("allotment-analyst", "10.0.0.1", now, version),
        ("allotment-python", "10.0.0.2", now - 95 * MINUTE, version - 1),
        ("allotment-python", "10.0.0.3", now, version),
        ("allotment-php", "10.0.0.4", now, version),
    )
    visits = [
        (last - number * MINUTE / 6, program, address, held)
        for program, address, last, held in readers
        for number in range(900)
    ]
    for when, program, address, held in sorted(visits):
        book.note(program, address, held, when)


def _report(
    now: datetime,
    name: str,
    treatments: tuple[str, ...],
    measured: tuple[Moments, ...],
    *,
    over: bool = False,
    phase: int = 0,
    weights: tuple[int, ...] = (),
) -> Report:
    groups = ["held-out" if name == HOLDOUT else "control", *treatments]
    plan = parse_experiment(
        {
            "name": name,
            "groups": groups,
            **({"weights": weights} if weights else {}),
            "stream_name": STREAM,
            "schema_id": f"/{WEB_TITLE}/1.3.0",
            "version": "3",
            "active": True,
            "phase_index": phase,
            "end": (now - 12 * DAY if over else now + 12 * DAY).isoformat(),
        }
    )
    found = Measured(dict(zip(groups, measured, strict=True)), 0, OWN)
    snapshots = {"event.product_metrics_web_base": SNAPSHOT}
    return make_report(plan, CLICK_THROUGH_RATE, found, snapshots, now - timedelta(minutes=4))
