"""The table of roles, and the reasons that it gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from django.contrib.auth.models import AnonymousUser

from allotment.registry import permissions
from allotment.registry.models import Account, Team
from allotment.registry.permissions import ACTIONS, Scope, decide, may, with_owner
from allotment.registry.roles import Role
from allotment.registry.states import Verb


@dataclass
class Thing:
    name: str = "Search suggestions"
    owners: list[str] = field(default_factory=lambda: ["Search team", "@grace"])


OWN, OTHERS = True, False
AUTHORS = {"author", "approver", "operator", "admin"}


@pytest.mark.parametrize(
    ("action", "owns", "roles"),
    [
        ("see", None, {"viewer"} | AUTHORS),
        ("create", None, AUTHORS),
        ("edit", OWN, AUTHORS),
        ("edit", OTHERS, {"admin"}),
        ("approve", OWN, set()),
        ("approve", OTHERS, {"approver", "admin"}),
        ("activate", OWN, AUTHORS),
        ("activate", OTHERS, {"operator", "admin"}),
        ("stop", OWN, AUTHORS),
        ("stop", OTHERS, {"operator", "admin"}),
        ("kill", OWN, {"operator", "admin"}),
        ("kill", None, {"operator", "admin"}),
        ("streams", None, {"operator", "admin"}),
        ("people", None, {"admin"}),
        ("audit", None, {"admin"}),
    ],
)
def test_decide__action_and_ownership__lets_these_roles(
    action: str, owns: bool | None, roles: set[str]
) -> None:
    assert {role.value for role in Role if decide(role, action, owns=owns)} == roles


def test_decide__admin__may_everything_but_approve_their_own() -> None:
    refused = [
        (action, owns)
        for action in ACTIONS
        for owns in (OWN, OTHERS)
        if not decide(Role.ADMIN, action, owns=owns)
    ]
    assert refused == [("approve", OWN)]


def test_actions__verbs_of_the_life_cycle__are_all_in_the_table() -> None:
    of_people = set(Verb) - {Verb.BEGINS, Verb.ENDS}
    assert {verb.value for verb in of_people} <= set(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("owns", [OWN, OTHERS, None])
def test_decide__no__says_why_and_how_to_get_the_right(
    action: str, role: Role, owns: bool | None
) -> None:
    found = decide(role, action, owns=owns, owners=["Search team"])
    if found:
        assert found.sentence == ""
    else:
        assert found.reason.endswith(".")
        assert found.remedy.startswith("Ask ")
        assert "None" not in found.sentence


@pytest.mark.parametrize("action", ACTIONS)
def test_decide__token_without_the_scope__is_refused(action: str) -> None:
    row = ACTIONS[action]
    others = set(Scope) - {row.scope}
    found = decide(Role.ADMIN, action, scopes=others)
    assert not found
    assert f"“{row.scope}”" in found.reason
    assert decide(Role.ADMIN, action, scopes={row.scope})


def test_decide__token__gives_no_more_than_its_owner_has() -> None:
    assert not decide(Role.VIEWER, "create", scopes=set(Scope))


@pytest.mark.django_db
def test_owns__by_name_or_by_team_in_any_case__and_nobody_else() -> None:
    grace = Account.objects.create_user("Grace", role="author")
    ada = Account.objects.create_user("ada", role="author")
    joan = Account.objects.create_user("joan", role="author")
    Team.objects.create(name="search TEAM").members.add(ada)
    Team.objects.create(name="Search").members.add(joan)
    thing = Thing()
    assert may(grace, "edit", thing)
    assert may(ada, "edit", thing)
    found = may(joan, "edit", thing)
    assert found.sentence == (
        "It belongs to Search team, @grace; only its owners may edit it, or an admin. "
        "Ask one of them to do it, or to make you an owner."
    )


@pytest.mark.django_db
def test_owns__team_called_like_an_account__does_not_own_what_the_account_does() -> None:
    joan = Account.objects.create_user("joan", role="author")
    Team.objects.create(name="grace").members.add(joan)
    assert not may(joan, "edit", Thing(owners=["@grace"]))
    assert not may(joan, "edit", Thing(owners=["joan"]))


@pytest.mark.django_db
def test_may__nobody_or_switched_off__may_nothing() -> None:
    off = Account.objects.create_superuser("off", is_active=False)
    for account in (AnonymousUser(), off):
        assert may(account, "see").remedy == "Log in and try again."


@pytest.mark.django_db
def test_with_owner__maker_whom_no_owner_counts_in__is_added() -> None:
    ada = Account.objects.create_user("ada", role="author")
    boss = Account.objects.create_superuser("boss")
    Team.objects.create(name="Search team").members.add(ada)
    assert with_owner(ada, ["Search team"]) == ("Search team",)
    assert with_owner(ada, ["Web team"]) == ("Web team", "@ada")
    assert with_owner(ada, ["@ADA"]) == ("@ADA",)
    assert with_owner(boss, ["Web team"]) == ("Web team",)
    assert with_owner(boss, []) == ("@boss",)


def test_table__for_the_reference__has_a_row_for_each_action() -> None:
    rows = permissions.table()
    assert [row[0] for row in rows] == list(ACTIONS)
    assert ("approve", "approve it", "nobody", "approver, admin", "write") in rows
