"""Saved views through the management API: the same as those of the directory."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.registry.manage_api.conftest import Program

from allotment.registry import saved_views
from allotment.registry.models import Account, SavedView

pytestmark = pytest.mark.django_db
VIEW = {"name": "What runs", "query": "sort=name&status=running&kind=experiment"}


def test_view__saved__in_the_directorys_order_and_offered_there(
    programs: dict[str, Program],
) -> None:
    made = programs["viewer"].post("/views", VIEW)
    assert made.status == 201
    assert made.body | {"key": 0} == {
        "key": 0,
        "name": "What runs",
        "query": "kind=experiment&status=running&sort=name",
        "shared": False,
        "account": "viewer",
    }
    browser = Client()
    browser.force_login(Account.objects.get(username="viewer"))
    assert (
        f"?{made.body['query'].replace('&', '&amp;')}" in browser.get("/directory").content.decode()
    )


def test_view__same_name_again__other_filters_and_one_view(programs: dict[str, Program]) -> None:
    first = programs["viewer"].post("/views", VIEW)
    again = programs["viewer"].post("/views", {"name": " What  runs ", "query": "", "shared": True})
    assert again.body == first.body | {"query": "", "shared": True}
    assert SavedView.objects.count() == 1


def test_views__of_several__ones_own_and_what_is_offered(programs: dict[str, Program]) -> None:
    for who, name, shared in (("viewer", "b", False), ("owner", "a", True), ("owner", "c", False)):
        programs[who].post("/views", {"name": name, "shared": shared})
    found = programs["viewer"].get("/views").body
    assert [(view["name"], view["account"]) for view in found["items"]] == [
        ("a", "owner"),
        ("b", "viewer"),
    ]
    assert (found["total"], found["pages"]) == (2, 1)


@pytest.mark.parametrize(
    "query",
    [
        "colour=red",
        "status=walking",
        "kind=experiment&kinds=instrument",
        "since=yesterday",
        "page=2",
    ],
)
def test_view__filter_that_is_none__refused_with_those_there_are(
    programs: dict[str, Program], query: str
) -> None:
    answer = programs["viewer"].post("/views", VIEW | {"query": query})
    assert answer.status == 422
    assert query.rpartition("&")[2].partition("=")[0] in answer.body["detail"]
    assert "whose" in answer.body["remedy"]
    assert not SavedView.objects.exists()


def test_view__usual_and_repeated_values__taken(programs: dict[str, Program]) -> None:
    answer = programs["viewer"].post("/views", VIEW | {"query": "sort=status&q=+two+words+"})
    assert (answer.status, answer.body["query"]) == (201, "q=two+words")


def test_view__no_name_or_one_too_many__refused(programs: dict[str, Program]) -> None:
    assert programs["viewer"].post("/views", {"name": "  "}).status == 422
    account = Account.objects.get(username="viewer")
    SavedView.objects.bulk_create(
        SavedView(account=account, name=str(n)) for n in range(saved_views.MOST_VIEWS)
    )
    answer = programs["viewer"].post("/views", VIEW)
    assert answer.status == 422
    assert "Remove one of them first" in answer.body["detail"]


def test_view__removed__by_its_owner_alone_even_if_offered(programs: dict[str, Program]) -> None:
    made = programs["owner"].post("/views", VIEW | {"shared": True})
    path = f"/views/{made.body['key']}"
    assert programs["admin"].ask("delete", path).status == 404
    assert programs["owner"].ask("delete", path).status == 204
    assert programs["owner"].ask("delete", path).status == 404
    assert not SavedView.objects.exists()
