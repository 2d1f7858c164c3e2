"""Every page and every list takes as many queries among many items as among a few."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.http import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from tests.registry.manage_api.conftest import program

from allotment.registry import checking, lifecycle, middleware, served
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import (
    Account,
    CapException,
    Experiment,
    ExperimentSite,
    Group,
    Instrument,
    InstrumentSite,
    Layer,
    Site,
    Stream,
    Team,
)
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
FEW, MANY = 25, 85  # a page of the directory has 25 rows
# Of what kinds the first rows of Home's lists are, and which lists overflow, decides about a few.
MOST_AT_HOME = 100
ITEM, INSTRUMENT, DRAFT = "search-suggestions", "desktop-ui-interactions", "one-that-is-a-draft"
# Addresses that only change something or lead elsewhere, or have no list of their own.
WITHOUT = {
    *("login", "login-local", "logout", "sso-begin", "sso-return", "theme", "language"),
    *("password", "healthz", "audit-export", "public-experiment"),
}


def pages() -> Iterator[str]:
    """The address of every page that the registry has, by its table of addresses."""
    for entry in get_resolver().url_patterns:
        if isinstance(entry, URLResolver) or not isinstance(entry, URLPattern):
            continue
        name = str(entry.name)
        if name in WITHOUT or name.startswith(("sso-", "api-")):
            continue
        address = str(entry.pattern)
        for part, value in (
            ("experiments/<str:name>", f"experiments/{ITEM}"),
            ("instruments/<str:name>", f"instruments/{INSTRUMENT}"),
            ("sites/of/<str:name>", "sites/of/wiki-0"),
            ("layers/of/<str:name>", "layers/of/layer-0"),
            ("people/of/<str:name>", "people/of/ada"),
            ("streams/<path:name>", "streams/product_metrics.web_base"),
            ("<int:key>", "1"),
            ("<str:identifier>", "none"),
        ):
            address = address.replace(part, value)
        yield f"/{address}"


@pytest.fixture(autouse=True)
def nobody_is_seen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """That somebody is still there is written down once a minute, by whichever page comes then."""
    monkeypatch.setattr(middleware, "_SEEN_EVERY_SECONDS", 1e9)


@pytest.fixture
def prototypes(
    experiment_plan: Callable[..., ExperimentPlan], instrument_plan: Callable[..., InstrumentPlan]
) -> tuple[AnyItem, ...]:
    lifecycle.create(experiment_plan(machine_name=DRAFT))
    return (
        lifecycle.activate(lifecycle.create(experiment_plan())),
        lifecycle.activate(lifecycle.create(instrument_plan())),
    )


def more(prototypes: tuple[AnyItem, ...], first: int, last: int) -> None:
    """More of everything that a page may list: items in every stage, sites, streams, people."""
    stages = ("active", "draft", "ready", "stopped", "decided", "archived")
    for prototype in prototypes:
        places = list(prototype.sites.values_list("site", "rate"))
        for number in range(first, last):
            row = copy.copy(prototype)
            row._state = copy.copy(prototype._state)
            row._state.adding = True
            row.pk, row.stage = None, stages[number % len(stages)]
            row.machine_name = f"{row.KIND}-{number}"
            row.save()
            if isinstance(row, Experiment):
                Group.objects.bulk_create(
                    Group(experiment=row, name=name, position=place)
                    for place, name in enumerate(("control", "described"))
                )
                ExperimentSite.objects.bulk_create(
                    ExperimentSite(experiment=row, site=site, rate=rate) for site, rate in places
                )
            elif isinstance(row, Instrument):
                InstrumentSite.objects.bulk_create(
                    InstrumentSite(instrument=row, site=site, rate=rate) for site, rate in places
                )
    for number in range(first, last):
        Site.objects.create(name=f"wiki-{number}", family="wiki", domain=f"w{number}.example.org")
        Layer.objects.create(name=f"layer-{number}")
        Stream.objects.create(name=f"stream.{number}", schema_title="analytics/other")
        CapException.objects.create(machine_name=ITEM, site=f"wiki-{number}", cap=1, reason="x")
        person = Account.objects.create_user(f"person-{number}")
        Team.objects.create(name=f"Team {number}").members.add(person)


def counted(ask: Callable[[str], HttpResponseBase], addresses: list[str]) -> dict[str, int]:
    """How many queries each address takes that answers with a page; all is shaped anew."""
    found = {}
    for address in addresses:
        served.forget()
        checking.forget()
        with CaptureQueriesContext(connection) as asked:
            answer = ask(address)
        if answer.status_code == 200:
            found[address] = len(asked)
    return found


def test_pages__many_items__as_many_queries_as_for_a_few(
    visitor: Client, prototypes: tuple[AnyItem, ...]
) -> None:
    addresses = [
        *pages(),
        f"/experiments/{DRAFT}",
        f"/experiments/{DRAFT}/edit",
        "/directory?q=search+x&status=all&site=frwiki&team=Search+team&sort=changed",
        "/streams/product_metrics.web_base",
    ]
    more(prototypes, 0, FEW)
    counted(visitor.get, addresses)  # what is read once in a process's life
    few = counted(visitor.get, addresses)
    more(prototypes, FEW, MANY)
    many = counted(visitor.get, addresses)
    assert len(few) > 35
    assert max(few.pop("/"), many["/"]) < MOST_AT_HOME
    assert {a: (n, many[a]) for a, n in few.items() if many[a] != n} == {}


def test_lists__of_the_apis__as_many_queries_as_for_a_few(
    account: Account, prototypes: tuple[AnyItem, ...]
) -> None:
    asks = program(account)
    public = [
        "/api/v1/experiments",
        "/api/v1/experiments?format=analytics",
        "/api/v1/experiments?authority=mediawiki",
        "/api/v1/experiments?authority=varnish",
        "/api/v1/instruments",
        "/w/api.php?action=streamconfigs",
    ]
    managed = [
        *(f"/{kind}s?size=10&sort=changed&q=e&status=running" for kind in ("experiment",)),
        *("/instruments?size=10", "/streams?size=10", "/sites?size=10", "/layers", "/audit"),
        *(f"/experiments/{ITEM}{part}" for part in ("", "/history", "/findings")),
    ]

    def ask(address: str) -> HttpResponseBase:
        if address in public:
            return Client().get(address)
        header = {"Authorization": f"Bearer {asks.token}"}
        return Client().get(f"/api/v1/manage{address}", headers=header)

    more(prototypes, 0, FEW)
    counted(ask, [*public, *managed])
    few = counted(ask, [*public, *managed])
    more(prototypes, FEW, MANY)
    many = counted(ask, [*public, *managed])
    assert set(few) == {*public, *managed}
    assert {a: (n, many[a]) for a, n in few.items() if many[a] != n} == {}
