"""Who may use which operation of the management API: every one, by every role and every scope.

The operations come from the OpenAPI document; one that is not in the table fails the test.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from tests.registry.manage_api.conftest import ROLES, ROOT, Program, program
from tests.registry.manage_api.test_writing_items import whole

from allotment.registry import placing
from allotment.registry.lifecycle import AnyItem
from allotment.registry.manage_api import application
from allotment.registry.models import Account, ApiToken, Layer, Site
from allotment.registry.permissions import Scope

pytestmark = pytest.mark.django_db
Items = tuple[AnyItem, AnyItem]
EVERYBODY = frozenset(ROLES)
AUTHORS = EVERYBODY - {"viewer"}
OWNERS = frozenset({"owner", "admin"})
RUNNERS = frozenset({"owner", "operator", "admin"})
APPROVERS = frozenset({"approver", "admin"})
OPERATORS = frozenset({"operator", "admin"})
ADMIN = frozenset({"admin"})

SITE = {"name": "frwiki"}
TEAM = {"name": "Other team"}
STREAM = {"name": "product_metrics.other", "schema_title": "analytics/product_metrics/web/base"}
TABLE: dict[str, tuple[frozenset[str], str, Any]] = {
    "list_experiments": (EVERYBODY, "read", None),
    "list_instruments": (EVERYBODY, "read", None),
    "get_experiment": (EVERYBODY, "read", None),
    "get_instrument": (EVERYBODY, "read", None),
    "list_versions": (EVERYBODY, "read", None),
    "get_version": (EVERYBODY, "read", None),
    "get_difference": (EVERYBODY, "read", None),
    "get_findings": (EVERYBODY, "read", None),
    "get_results": (EVERYBODY, "read", None),
    "create_experiment": (AUTHORS, "write", whole()),
    "create_instrument": (AUTHORS, "write", {}),
    "replace_experiment": (OWNERS, "write", whole()),
    "replace_instrument": (
        OWNERS,
        "write",
        {"machine_name": "a", "name": "b", "end": "2035-01-01T00:00:00Z", "stream": "c"},
    ),
    "change_experiment": (OWNERS, "write", {"name": "Other"}),
    "change_instrument": (OWNERS, "write", {"name": "Other"}),
    "clone_item": (AUTHORS, "write", {"machine_name": "another-experiment"}),
    "revert_item": (OWNERS, "write", {"revision": 1}),
    "publish_experiment": (OWNERS, "write", {"public": True}),
    "ask_item": (OWNERS, "write", {}),
    "withdraw_item": (OWNERS, "write", {}),
    "approve_item": (APPROVERS, "write", {}),
    "activate_item": (RUNNERS, "operate", {}),
    "start_item": (RUNNERS, "operate", {}),
    "stop_item": (RUNNERS, "operate", {}),
    "archive_item": (OWNERS, "write", {}),
    "restore_item": (OWNERS, "write", {}),
    "decide_experiment": (OWNERS, "write", {"decision": "ship", "reasons": "Yes."}),
    "relaunch_experiment": (OWNERS, "write", {}),
    "kill": (OPERATORS, "operate", {"reason": "Errors", "everything": True}),
    "list_streams": (EVERYBODY, "read", None),
    "create_stream": (OPERATORS, "write", STREAM),
    "get_stream": (EVERYBODY, "read", None),
    "replace_stream": (OPERATORS, "write", STREAM),
    "list_stream_versions": (EVERYBODY, "read", None),
    "revert_stream": (OPERATORS, "write", {"revision": 1}),
    "list_sites": (EVERYBODY, "read", None),
    "create_site": (OPERATORS, "write", SITE),
    "get_site": (EVERYBODY, "read", None),
    "replace_site": (OPERATORS, "write", SITE),
    "remove_site": (OPERATORS, "write", None),
    "list_layers": (EVERYBODY, "read", None),
    "create_layer": (OPERATORS, "write", {"name": "other"}),
    "get_layer": (EVERYBODY, "read", None),
    "replace_layer": (OPERATORS, "write", {"name": "other"}),
    "list_exceptions": (EVERYBODY, "read", None),
    "grant_exception": (OPERATORS, "write", {"site": "frwiki", "cap": 0.5, "reason": "So."}),
    "withdraw_exception": (OPERATORS, "write", None),
    "list_people": (ADMIN, "people", None),
    "create_person": (ADMIN, "people", {"name": "newcomer"}),
    "get_person": (ADMIN, "people", None),
    "change_role": (ADMIN, "people", {"role": "author"}),
    "switch_person": (ADMIN, "people", {"on": False}),
    "reset_password": (ADMIN, "people", {}),
    "end_sessions": (ADMIN, "people", {}),
    "list_teams": (EVERYBODY, "read", None),
    "create_team": (ADMIN, "people", TEAM),
    "get_team": (EVERYBODY, "read", None),
    "replace_team": (ADMIN, "people", TEAM),
    "remove_team": (ADMIN, "people", None),
    "get_me": (EVERYBODY, "read", None),
    "end_own_sessions": (EVERYBODY, "people", {}),
    "check_lab": (EVERYBODY, "read", None),
    "get_health": (EVERYBODY, "read", None),
    "list_waiting": (EVERYBODY, "read", None),
    "get_arrivals": (EVERYBODY, "read", None),
    "list_audit": (ADMIN, "people", None),
    "list_tokens": (EVERYBODY, "people", None),
    "create_token": (EVERYBODY, "people", {"name": "one", "scopes": ["people"]}),
    # Whose token it is decides; for others it is not there.
    "revoke_token": (EVERYBODY, "people", {}),
    "list_views": (EVERYBODY, "read", None),
    "save_view": (EVERYBODY, "write", {"name": "Running", "query": "status=running"}),
    # Whose view it is decides; for others it is not there.
    "remove_view": (EVERYBODY, "write", None),
    "get_configuration": (EVERYBODY, "read", None),
    "plan_configuration": (EVERYBODY, "read", {"entries": []}),
    # Each entry is judged by its own right, which test_configuration holds.
    "apply_configuration": (AUTHORS, "write", {"entries": []}),
}


def operations() -> list[tuple[str, str, str]]:
    """Each operation of the document: its id, method and path with its parameters filled in."""
    found = []
    for path, methods in application.make().get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            found.append((operation["operationId"], method, filled_in(path)))
    return found


def filled_in(path: str) -> str:
    path = path.removeprefix(ROOT)
    for room, name in {
        "/experiments/": "search-suggestions",
        "/{kind}/": "search-suggestions",
        "/instruments/": "desktop-ui-interactions",
        "/streams/": "product_metrics.web_base",
        "/sites/": "frwiki",
        "/layers/": "chrome",
        "/people/": "viewer",
        "/teams/": "Search%20team",
    }.items():
        if path.startswith(room):
            path = path.replace("{name}", name)
    path = path.replace("{kind}", "experiments").replace("{revision}", "1")
    path = path.replace("{site}", "frwiki").replace("{identifier}", "IDENTIFIER")
    path = path.replace("{key}", "1")
    return path + ("?before=1&after=1" if path.endswith("/diff") else "")


@pytest.fixture
def places(items: Items) -> None:
    placing.save_site(Site(name="frwiki"))
    placing.save_layer(Layer(name="chrome"))


def test_operations__all__say_who_may_use_them() -> None:
    assert sorted(name for name, _, _ in operations()) == sorted(TABLE)


def test_operations__each_role__as_the_table_says(
    programs: dict[str, Program], places: None
) -> None:
    wrong = {}
    for name, method, path in operations():
        who, _, body = TABLE[name]
        let_in = {role for role in ROLES if let(programs[role], method, path, body)}
        if let_in != who:
            wrong[name] = sorted(let_in ^ who)
        assert programs["nobody"].ask(method, path, body).status == 401, name
    assert wrong == {}


def test_operations__each_scope__as_the_table_says(
    programs: dict[str, Program], places: None
) -> None:
    account = Account.objects.get(username="admin")
    with_one = {scope.value: program(account, scope) for scope in Scope}
    wrong = {}
    for name, method, path in operations():
        _, scope, body = TABLE[name]
        let_in = {word for word, asks in with_one.items() if let(asks, method, path, body)}
        if let_in != {scope}:
            wrong[name] = (sorted(let_in), scope)
    assert wrong == {}


def let(asks: Program, method: str, path: str, body: object) -> bool:
    """Whether the answer is no refusal of the right to ask; nothing of it stays."""
    path = path.replace("IDENTIFIER", ApiToken.objects.order_by("pk")[0].identifier)
    with transaction.atomic():
        answer = asks.ask(method, path, body, etag='"1"')
        transaction.set_rollback(True)
    assert answer.status < 500, (method, path, answer.raw)
    assert answer.status != 401, (method, path)
    if answer.status == 403:
        assert answer.body["remedy"]
        return False
    return True


def test_session__of_a_browser__needs_the_token_of_a_page(
    programs: dict[str, Program], places: None
) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(Account.objects.get(username="admin"))
    assert browser.get(f"{ROOT}/me").json()["scopes"] is None
    body = {"name": "other"}
    path = f"{ROOT}/layers"
    refused = browser.post(path, body, content_type="application/json")
    assert refused.status_code == 403
    assert "token of a page" in refused.json()["detail"]
    browser.get("/")
    secret = browser.cookies["allotment_csrf"].value
    made = browser.post(
        path, body, content_type="application/json", headers={"X-CSRFToken": secret}
    )
    assert made.status_code == 201


def test_session__person_who_must_change_the_password__not_let_in(
    programs: dict[str, Program],
) -> None:
    account = Account.objects.get(username="admin")
    account.must_change_password = True
    account.save()
    browser = Client()
    browser.force_login(account)
    assert browser.get(f"{ROOT}/me").status_code == 401


def test_token__makes_another__never_with_more_scopes(programs: dict[str, Program]) -> None:
    people = program(Account.objects.get(username="admin"), Scope.PEOPLE)
    refused = people.post("/tokens", {"name": "more", "scopes": ["people", "write"]})
    assert refused.status == 403
    made = people.post("/tokens", {"name": "as much", "scopes": ["people"]})
    assert made.status == 201
    assert Program(made.body["text"]).get("/people").status == 200
    revoked = people.post(f"/tokens/{made.body['token']['identifier']}/revoke")
    assert revoked.body["revoked"]
    assert Program(made.body["text"]).get("/people").status == 401
