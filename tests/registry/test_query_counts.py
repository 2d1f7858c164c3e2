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
from tests.registry.manage_api.test_authorization import operations

from allotment.registry import checking, lifecycle, middleware, people, served
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
CHANGES_ONLY = 405
# Addresses that lead elsewhere (the log-in those who have), or take what somebody chose.
WITHOUT = {"login", "login-local", "logout", "sso-begin", "sso-return", "theme", "language"}
PUBLIC = (
    "/api/v1/experiments",
    "/api/v1/experiments?format=analytics",
    "/api/v1/experiments?authority=mediawiki",
    "/api/v1/experiments?authority=varnish",
    "/api/v1/experiments?environment=production",
    "/api/v1/experiments?format=analytics&environment=production",
    "/api/v1/instruments",
    "/api/v1/instruments?environment=production",
    "/w/api.php?action=streamconfigs",
    "/w/api.php?action=streamconfigs&streams=product_metrics.web_base&environment=production",
)


def pages(team: int) -> Iterator[str]:
    """The address of every page that the registry has, by its table of addresses.

    Args:
        team: the key of the one that is shown; a database does not begin to count anew.
    """
    for entry in get_resolver().url_patterns:
        if isinstance(entry, URLResolver) or not isinstance(entry, URLPattern):
            continue
        name = str(entry.name)
        if name in WITHOUT or name.startswith(("sso-", "api-")):
            continue
        address = str(entry.pattern)
        for part, value in (
            ("experiments/<str:name>", f"experiments/{ITEM}"),  # also of its public page
            ("instruments/<str:name>", f"instruments/{INSTRUMENT}"),
            ("sites/of/<str:name>", "sites/of/wiki-0"),
            ("layers/of/<str:name>", "layers/of/layer-0"),
            ("people/of/<str:name>", "people/of/ada"),
            ("streams/<path:name>", "streams/product_metrics.web_base"),
            ("<int:key>", str(team)),
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
    made = (
        lifecycle.activate(lifecycle.create(experiment_plan())),
        lifecycle.activate(lifecycle.create(instrument_plan())),
    )
    Experiment.objects.filter(machine_name=ITEM).update(public=True)
    return made


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
    """How many queries each address takes that shows something; all is shaped anew."""
    found = {}
    for address in addresses:
        served.forget()
        checking.forget()
        with CaptureQueriesContext(connection) as asked:
            answer = ask(address)
        assert answer.status_code in {200, CHANGES_ONLY}, f"{address}: {answer.status_code}"
        if answer.status_code == 200:
            found[address] = len(asked)
    return found


def test_pages__many_items__as_many_queries_as_for_a_few(
    visitor: Client, prototypes: tuple[AnyItem, ...]
) -> None:
    addresses = [
        *pages(Team.objects.create(name="Search team").pk),
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
    assert len(few) > 45
    assert max(few.pop("/"), many["/"]) < MOST_AT_HOME
    assert {a: (n, many[a]) for a, n in few.items() if many[a] != n} == {}


def asker(account: Account) -> Callable[[str], HttpResponseBase]:
    """Asks the management API, as a program with a token does, and everything else as anybody."""
    header = {"Authorization": f"Bearer {program(account).token}"}

    def ask(address: str) -> HttpResponseBase:
        return Client().get(address, headers=header if "/manage/" in address else {})

    return ask


def managed() -> list[str]:
    """Every address of the management API that only reads, by its document."""
    reads = [path for _, method, path in operations() if method == "get"]
    filtered = [
        "/experiments?size=10&sort=changed&q=e&status=running&site=frwiki&team=Search+team",
        *("/instruments?size=10", "/streams?size=10", "/sites?size=10", "/people?size=10&q=e"),
        *("/audit?name=x", "/tokens?everybody=true"),
    ]
    return [f"/api/v1/manage{path}" for path in (*reads, *filtered)]


def test_answers__of_the_apis__as_many_queries_as_for_a_few(
    account: Account, prototypes: tuple[AnyItem, ...]
) -> None:
    ask = asker(account)
    Site.objects.create(name="frwiki")
    Layer.objects.create(name="chrome")
    viewer = Account.objects.create_user("viewer")
    people.save_team(None, name="Search team", description="", members=[viewer])
    addresses = [*PUBLIC, *managed(), "/healthz", "/login"]
    more(prototypes, 0, FEW)
    counted(ask, addresses)
    few = counted(ask, addresses)
    more(prototypes, FEW, MANY)
    many = counted(ask, addresses)
    assert set(few) == set(addresses)
    assert {a: (n, many[a]) for a, n in few.items() if many[a] != n} == {}


def test_public__every_address_of_it__is_counted() -> None:
    shown = {f"/{entry.pattern}" for entry in get_resolver().url_patterns if named_api(entry)}
    assert shown == {address.partition("?")[0] for address in PUBLIC}


def test_public__its_addresses__are_tried_before_those_of_pages() -> None:
    tried = [named_api(entry) for entry in get_resolver().url_patterns]
    assert all(tried[: sum(tried)])


def named_api(entry: object) -> bool:
    return isinstance(entry, URLPattern) and str(entry.name).startswith("api-")


def test_public__nothing_has_changed__one_query_also_for_a_304(
    prototypes: tuple[AnyItem, ...],
) -> None:
    counts = {}
    for address in PUBLIC:
        tag = Client().get(address)["ETag"]
        for status, headers in ((200, {}), (304, {"If-None-Match": tag})):
            with CaptureQueriesContext(connection) as asked:
                assert Client().get(address, headers=headers).status_code == status
            counts[address, status] = len(asked)
    assert set(counts.values()) == {1}
