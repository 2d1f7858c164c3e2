"""What admins do to accounts and teams, on the pages."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from tests.registry.page_reading import Page

from allotment.registry import lifecycle
from allotment.registry.models import Account, AuditEntry, Experiment, Team
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
NEW = "seven small boats at dawn"


@pytest.fixture(autouse=True)
def quick_hash(settings: LazySettings) -> None:
    """Hashing is slow on purpose; these tests are about what follows."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def last() -> AuditEntry:
    return AuditEntry.objects.latest("number")


def said(answer: object) -> str:
    page = Page(answer.content.decode())  # type: ignore[attr-defined]
    assert page.faults() == []
    return " ".join(page.source.split())


def one_time_password(answer: object) -> str:
    page = Page(answer.content.decode())  # type: ignore[attr-defined]
    assert page.faults() == []
    return page.all("pre")[0].text


def test_new_account__made_by_an_admin__logs_in_and_must_change_the_password(
    visitor: Client,
) -> None:
    answer = visitor.post("/people/new", {"username": "grace", "role": "author"})
    password = one_time_password(answer)
    account = Account.objects.get(username="grace")
    assert (account.role, account.must_change_password) == ("author", True)
    assert (last().who, last().action, last().name) == ("ada", "make-account", "grace")
    client = Client()
    client.post("/login", {"username": "grace", "password": password})
    assert client.get("/")["Location"] == "/password"


@pytest.mark.parametrize("name", ["ADA", "grace@wiki", "two words", ""])
def test_new_account__name_taken_or_of_a_wrong_form__is_refused(visitor: Client, name: str) -> None:
    answer = visitor.post("/people/new", {"username": name, "role": "author"})
    assert answer.status_code == 422
    assert "id_username_error" in said(answer)


def test_role__changed__counts_at_once_and_is_written_down(visitor: Client) -> None:
    grace = Account.objects.create_user("grace", role="viewer")
    client = Client()
    client.force_login(grace)
    assert client.get("/experiments/new").status_code == 403
    posted = {"role": "author", "reason": "Joined the search team"}
    assert visitor.post("/people/of/grace", posted).status_code == 302
    assert client.get("/experiments/new").status_code == 200
    entry = last()
    assert (entry.before, entry.after, entry.reason) == ("viewer", "author", posted["reason"])


def test_last_admin__demoted_or_switched_off__is_refused(visitor: Client) -> None:
    answer = visitor.post("/people/of/ada", {"role": "viewer"})
    assert answer.status_code == 422
    assert "is the only admin" in said(answer)
    answer = visitor.post("/people/of/ada/switch", {"on": "no"})
    assert answer.status_code == 422
    Account.objects.create_superuser("off", is_active=False)
    assert visitor.post("/people/of/ada/switch", {"on": "no"}).status_code == 422
    Account.objects.create_superuser("grace")
    assert visitor.post("/people/of/ada", {"role": "viewer"}).status_code == 302
    assert Account.objects.get(username="ada").role == "viewer"


def test_switch__off_and_on__sessions_end_at_once(visitor: Client) -> None:
    grace = Account.objects.create_user("grace", role="author", password=NEW)
    client = Client()
    client.force_login(grace)
    visitor.post("/people/of/grace/switch", {"on": "no", "reason": "Left"})
    assert client.get("/").status_code == 302
    assert Client().post("/login", {"username": "grace", "password": NEW}).status_code == 422
    assert "Switched off." in said(visitor.get("/people/of/grace"))
    visitor.post("/people/of/grace/switch", {"on": "yes"})
    assert Client().post("/login", {"username": "grace", "password": NEW}).status_code == 302


def test_password__reset__opens_the_password_page_alone_and_ends_sessions(visitor: Client) -> None:
    grace = Account.objects.create_user("grace", password=NEW)
    client = Client()
    client.force_login(grace)
    password = one_time_password(visitor.post("/people/of/grace/password"))
    assert client.get("/").status_code == 302
    assert Client().post("/login", {"username": "grace", "password": NEW}).status_code == 422
    client.post("/login", {"username": "grace", "password": password})
    assert client.get("/directory")["Location"] == "/password"


def test_password__of_single_sign_on_or_of_the_local_door__says_there_is_none(
    visitor: Client,
) -> None:
    sue = Account.objects.create_user("sue", issuer="https://id.example", subject="1")
    assert "has no password here" in said(visitor.post("/people/of/sue/password"))
    client = Client()
    client.force_login(sue)
    assert "You log in by single sign-on" in said(client.get("/password"))
    local = Account.objects.create_user("local")
    client.force_login(local)
    assert "allotment password local" in said(client.get("/password"))


def test_team__renamed__its_items_go_along_with_an_entry_in_their_history(
    visitor: Client,
    experiment_plan: Callable[..., ExperimentPlan],
    instrument_plan: Callable[..., InstrumentPlan],
) -> None:
    lifecycle.create(experiment_plan(owners=("search team", "@ada")))
    lifecycle.activate(Experiment.objects.get())
    lifecycle.create(instrument_plan(owners=("Web team",)))
    grace = Account.objects.create_user("grace", role="author")
    visitor.post("/teams/new", {"name": "Search team", "members": [str(grace.pk)]})
    team = Team.objects.get()
    client = Client()
    client.force_login(grace)
    edit = "/experiments/search-suggestions/edit"
    assert client.get(edit).status_code == 200

    fields = {"name": "Find and discover", "members": [str(grace.pk)]}
    assert visitor.post(f"/teams/{team.pk}", fields)["Location"] == "/teams"
    item = Experiment.objects.get()
    assert item.owners == ["Find and discover", "@ada"]
    assert (
        item.history.first().history_change_reason == "Search team is now called Find and discover"
    )
    assert client.get(edit).status_code == 200
    entry = AuditEntry.objects.get(action="change-team")
    assert (entry.before, entry.after) == ("Search team", "Find and discover")
    assert not Team.objects.filter(name="Web team").exists()


@pytest.mark.parametrize("name", ["SEARCH TEAM", "@search", "one, two", ""])
def test_team__name_taken_or_like_an_account__is_refused(visitor: Client, name: str) -> None:
    Team.objects.create(name="Search team")
    answer = visitor.post("/teams/new", {"name": name})
    assert answer.status_code == 422
    assert "id_name_error" in said(answer)


def test_team__removed__only_while_it_owns_nothing(
    visitor: Client, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    lifecycle.create(experiment_plan(owners=("Search team",)))
    owner = Team.objects.create(name="Search team")
    other = Team.objects.create(name="Nobody's team")
    answer = visitor.post(f"/teams/{owner.pk}/remove")
    assert answer.status_code == 422
    assert "Give these another owner first" in said(answer)
    visitor.post(f"/teams/{other.pk}/remove")
    assert list(Team.objects.all()) == [owner]


@pytest.mark.parametrize(
    "path",
    [
        "/people",
        "/people?q=ada",
        "/people?q=nobody",
        "/people/new",
        "/people/of/ada",
        "/people/tokens",
        "/teams",
        "/teams/new",
        "/account",
        "/account/tokens/new",
        "/audit",
        "/password",
    ],
)
def test_page__logged_in__keeps_every_promise(visitor: Client, path: str) -> None:
    Team.objects.create(name="Search team").members.add(Account.objects.get())
    answer = visitor.get(path)
    assert answer.status_code == 200
    said(answer)


def test_listing__many_accounts__asks_the_database_as_often_as_with_few(
    visitor: Client, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    team = Team.objects.create(name="Search team")
    for number in range(60):
        team.members.add(Account.objects.create_user(f"person-{number}"))
    with django_assert_max_num_queries(8):  # type: ignore[attr-defined]
        assert visitor.get("/people").status_code == 200


def test_migration__registry_from_before__everybody_can_do_what_they_could(
    experiment_plan: Callable[..., ExperimentPlan],
) -> None:
    lifecycle.create(experiment_plan(owners=("Search team", "@ada")))
    Account.objects.create_user("root", is_superuser=True)
    Account.objects.create_user("grace")
    people = importlib.import_module("allotment.registry.migrations.0002_people")
    people.give_roles(apps, None)
    roles = dict(Account.objects.values_list("username", "role"))
    assert roles == {"root": "admin", "grace": "author"}
    team = Team.objects.get()
    assert team.name == "Search team"
    assert set(team.members.values_list("username", flat=True)) == {"root", "grace"}


def test_migrations__models__are_all_in_them() -> None:
    call_command("makemigrations", "registry", check=True, dry_run=True, verbosity=0)
