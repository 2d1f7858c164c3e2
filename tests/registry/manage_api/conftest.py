"""Programs that call the management API: one token for each kind of person."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone

from allotment.registry import lifecycle, tokens
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account, Experiment, Instrument, Team
from allotment.registry.permissions import Scope
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

ROOT = "/api/v1/manage"
ROLES = ("viewer", "author", "owner", "approver", "operator", "admin")


@dataclass(frozen=True)
class Answer:
    """What the API said."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.raw)

    @property
    def rules(self) -> list[str]:
        """The rules that refused."""
        return [refusal["rule"] for refusal in self.body["refusals"]]


@dataclass
class Program:
    """A program with a token, or with none."""

    token: str = ""
    browser: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        etag: str | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        headers = {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if etag is not None:
            headers["If-Match"] = etag
        data: Any = raw if raw is not None else b"" if body is None else json.dumps(body)
        found: HttpResponseBase = self.browser.generic(
            method.upper(), f"{ROOT}{path}", data, content_type="application/json", headers=headers
        )
        return Answer(found.status_code, dict(found.headers), getattr(found, "content", b""))

    def get(self, path: str) -> Answer:
        return self.ask("get", path)

    def post(self, path: str, body: object = None, *, etag: str | None = None) -> Answer:
        return self.ask("post", path, {} if body is None else body, etag=etag)

    def put(self, path: str, body: object, *, etag: str | None = None) -> Answer:
        return self.ask("put", path, body, etag=etag)

    def etag(self, path: str) -> str:
        return self.get(path).headers["ETag"]


def program(account: Account, *scopes: str) -> Program:
    """A program with a token of an account."""
    expires = timezone.now() + timedelta(days=1)
    _, text = tokens.make(account, name="test", scopes=scopes or tuple(Scope), expires=expires)
    return Program(text)


@pytest.fixture
def programs(streams: None) -> dict[str, Program]:
    """A program for each kind of person, all scopes; `owner` is an author in the Search team."""
    found = {"nobody": Program()}
    team = Team.objects.create(name="Search team")
    for role in ROLES:
        account = Account.objects.create_user(role, role="author" if role == "owner" else role)
        if role == "owner":
            team.members.add(account)
        found[role] = program(account)
    return found


@pytest.fixture
def admin(programs: dict[str, Program]) -> Program:
    """A program that may do everything."""
    return programs["admin"]


@pytest.fixture
def items(
    streams: None,
    experiment_plan: Callable[..., ExperimentPlan],
    instrument_plan: Callable[..., InstrumentPlan],
) -> tuple[AnyItem, AnyItem]:
    """A draft of each kind, both the Search team's."""
    made = (
        lifecycle.create(experiment_plan(owners=("Search team",))),
        lifecycle.create(instrument_plan(owners=("Search team",))),
    )
    assert isinstance(made[0], Experiment)
    assert isinstance(made[1], Instrument)
    return made
