"""Who may ask for which address: every route of the registry, by every kind of person.

A route that is not in the table fails the test: whoever adds one says here who may use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from tests.registry.page_reading import Page

from allotment.registry import lifecycle, tokens
from allotment.registry.models import Account, ApiToken, Experiment, Team
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]

ANYBODY = frozenset({"anonymous", "viewer", "author", "owner", "approver", "operator", "admin"})
LOGGED_IN = ANYBODY - {"anonymous"}
AUTHORS = LOGGED_IN - {"viewer"}
OWNERS = frozenset({"owner", "admin"})
RUNNERS = frozenset({"owner", "operator", "admin"})
APPROVERS = frozenset({"approver", "admin"})
OPERATORS = frozenset({"operator", "admin"})
ADMIN = frozenset({"admin"})
EXPERIMENT, INSTRUMENT = "search-suggestions", "desktop-ui-interactions"


@dataclass(frozen=True)
class Ask:
    """One way to use a route, and who may."""

    method: str
    who: frozenset[str]
    data: dict[str, str] = field(default_factory=dict)


def get(who: frozenset[str]) -> tuple[Ask, ...]:
    return (Ask("get", who),)


def post(who: frozenset[str], **data: str) -> tuple[Ask, ...]:
    return (Ask("post", who, data),)


def both(who: frozenset[str]) -> tuple[Ask, ...]:
    return (*get(who), *post(who))


VERBS = {
    "edit": both(OWNERS),
    "health": get(LOGGED_IN),
    "history": get(LOGGED_IN),
    "ask": post(OWNERS),
    "withdraw": post(OWNERS),
    "approve": post(APPROVERS),
    "activate": post(RUNNERS),
    "start": post(RUNNERS),
    "stop": both(RUNNERS),
    "archive": post(OWNERS),
    "restore": post(OWNERS),
    "revert": post(OWNERS, number="1"),
}
ROUTES: dict[str, tuple[Ask, ...]] = {
    "home": get(LOGGED_IN),
    "login": both(ANYBODY),
    "login-local": post(ANYBODY),
    "sso-begin": get(ANYBODY),
    "sso-return": get(ANYBODY),
    "logout": post(ANYBODY),
    "password": both(LOGGED_IN),
    "theme": post(ANYBODY, theme="dark"),
    "language": post(ANYBODY, language="en"),
    "account": get(LOGGED_IN),
    "account-sessions": post(LOGGED_IN),
    "token-new": both(LOGGED_IN),
    # Whose token it is decides; for others it is not there.
    "token-revoke": post(LOGGED_IN),
    "people": get(ADMIN),
    "person-new": both(ADMIN),
    "tokens": get(ADMIN),
    "person": both(ADMIN),
    "person-switch": post(ADMIN, on="no"),
    "person-password": post(ADMIN),
    "person-sessions": post(ADMIN),
    "teams": get(LOGGED_IN),
    "team-new": both(ADMIN),
    "team": both(ADMIN),
    "team-remove": post(ADMIN),
    "audit": get(ADMIN),
    "audit-export": post(ADMIN),
    "public-experiment": get(ANYBODY),
    "directory": get(LOGGED_IN),
    "calendar": get(LOGGED_IN),
    "lab-health": get(LOGGED_IN),
    "view-save": post(LOGGED_IN, name="Mine"),
    # Whose view it is decides; for others it is not there.
    "view-remove": post(LOGGED_IN),
    "kill": both(OPERATORS),
    "experiment-new": both(AUTHORS),
    "instrument-new": both(AUTHORS),
    **{
        f"{kind}-{verb}": asks
        for kind in ("experiment", "instrument")
        for verb, asks in VERBS.items()
    },
    "experiment-decide": both(OWNERS),
    "experiment-relaunch": post(OWNERS),
    "experiment-publish": post(OWNERS, public="yes"),
    "experiment": get(LOGGED_IN),
    "experiment-configuration": get(LOGGED_IN),
    "experiment-results": get(LOGGED_IN),
    "experiment-install": get(LOGGED_IN),
    "instrument": get(LOGGED_IN),
    "instrument-install": get(LOGGED_IN),
    "sites": get(LOGGED_IN),
    "site-new": both(OPERATORS),
    "site": both(OPERATORS),
    "site-remove": post(OPERATORS),
    "layer-new": both(OPERATORS),
    "layer": both(OPERATORS),
    "exception-new": both(OPERATORS),
    "exception-withdraw": post(OPERATORS),
    "streams": get(LOGGED_IN),
    "stream-new": both(OPERATORS),
    "stream": (Ask("get", LOGGED_IN), Ask("post", OPERATORS)),
    "stream-history": get(LOGGED_IN),
    "stream-revert": post(OPERATORS, number="1"),
    "api-instruments": get(ANYBODY),
    "api-experiments": get(ANYBODY),
    "api-streams": get(ANYBODY),
    "healthz": get(ANYBODY),
}


def named_routes() -> Iterator[tuple[str, list[str]]]:
    """The name and the parameters of every route that is not the management API's.

    That one has a table of its own: it knows tokens and scopes, not sessions.
    """
    for entry in get_resolver().url_patterns:
        if isinstance(entry, URLResolver):
            assert str(entry.pattern).startswith("api/"), f"{entry} has no table here"
        else:
            assert isinstance(entry, URLPattern)
            yield entry.name or str(entry.pattern), list(entry.pattern.converters)


def test_routes__all__say_who_may_use_them() -> None:
    assert {name for name, _ in named_routes()} == set(ROUTES)


@pytest.fixture(autouse=True)
def quick_hash(settings: LazySettings) -> None:
    """Hashing is slow on purpose; who may do what does not hang on it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def people(
    experiment_plan: Callable[..., ExperimentPlan], instrument_plan: Callable[..., InstrumentPlan]
) -> dict[str, Client]:
    """A browser for each kind of person, and what they may or may not touch."""
    roles = {name: name for name in sorted(LOGGED_IN)} | {"owner": "author"}
    accounts = {name: Account.objects.create_user(name, role=role) for name, role in roles.items()}
    team = Team.objects.create(name="Search team")
    team.members.add(accounts["owner"])
    Account.objects.create_superuser("other-admin")
    lifecycle.create(experiment_plan(owners=("Search team",)))
    lifecycle.create(instrument_plan(owners=("@owner",)))
    expires = timezone.now() + timedelta(days=1)
    tokens.make(accounts["viewer"], name="export", scopes=["read"], expires=expires)
    browsers = {"anonymous": Client()}
    for name, account in accounts.items():
        browsers[name] = Client()
        browsers[name].force_login(account)
    return browsers


def address(name: str, parameters: list[str]) -> str:
    if not parameters:
        return reverse(name)
    given: dict[str, object] = {
        "name": INSTRUMENT if name.startswith("instrument") else EXPERIMENT,
        "key": getattr(Team.objects.first(), "pk", 0),
        "identifier": getattr(ApiToken.objects.first(), "identifier", ""),
    }
    if name.startswith("person"):
        given["name"] = "viewer"
    if name.startswith("stream"):
        given["name"] = "product_metrics.web_base"
    return reverse(name, kwargs={parameter: given[parameter] for parameter in parameters})


def test_routes__each_kind_of_person__as_the_table_says(people: dict[str, Client]) -> None:
    wrong = {}
    for name, parameters in named_routes():
        path = address(name, parameters)
        for ask in ROUTES.get(name, ()):
            let_in = {person for person in people if may_use(people[person], path, ask)}
            if let_in != ask.who:
                wrong[f"{ask.method} {path}"] = sorted(let_in ^ ask.who)
    assert wrong == {}


def may_use(browser: Client, path: str, ask: Ask) -> bool:
    """Whether the answer is neither a refusal nor the way to the log-in page."""
    with transaction.atomic():
        # A browser of its own: logging out must not carry over to the next address.
        once = Client()
        once.cookies = deepcopy(browser.cookies)
        answer = getattr(once, ask.method)(path, ask.data)
        transaction.set_rollback(True)
    assert answer.status_code < 500, path
    if answer.status_code == 403:
        page = Page(answer.content.decode())
        assert page.faults() == [], path
        assert "Ask " in page.source, path
        return False
    return not str(answer.headers.get("Location", "")).startswith("/login?next=")


def test_routes__post_without_the_forms_token__are_refused(people: dict[str, Client]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = people["admin"].cookies
    for name, parameters in named_routes():
        if any(ask.method == "post" for ask in ROUTES.get(name, ())):
            answer = browser.post(address(name, parameters))
            assert answer.status_code == 403, name
            assert "was too old, or not from this registry" in answer.content.decode(), name


def test_public_page__not_public__is_not_there_for_anybody(people: dict[str, Client]) -> None:
    assert people["anonymous"].get(f"/public/experiments/{EXPERIMENT}").status_code == 404
    assert people["admin"].get(f"/public/experiments/{EXPERIMENT}").status_code == 404


def test_public_page__made_public__shows_plan_and_teams_and_no_person(
    people: dict[str, Client],
) -> None:
    Experiment.objects.update(
        owners=["Search team", "@owner"],
        contact="grace@wiki.example",
        hypothesis="Cards are followed more.",
    )
    people["owner"].post(f"/experiments/{EXPERIMENT}/publish", {"public": "yes"})
    answer = people["anonymous"].get(f"/public/experiments/{EXPERIMENT}")
    page = Page(answer.content.decode())
    assert page.faults() == []
    assert answer["X-Robots-Tag"] == "noindex"
    for shown in ("Search suggestions", "Search team", "Cards are followed more.", "described"):
        assert shown in page.source
    for hidden in ("@owner", "grace@wiki.example"):
        assert hidden not in page.source
    people["owner"].post(f"/experiments/{EXPERIMENT}/publish", {"public": "no"})
    assert people["anonymous"].get(f"/public/experiments/{EXPERIMENT}").status_code == 404
