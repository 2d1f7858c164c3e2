"""Two programs that write at the same time, from the same version."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connections
from tests.registry.manage_api.conftest import Answer, program

from allotment.registry import lifecycle, seeding
from allotment.registry.models import Account
from allotment.registry.plan import ExperimentPlan

EXPERIMENT = "/experiments/search-suggestions"


@pytest.mark.django_db(transaction=True)
def test_change__several_at_once_from_one_version__exactly_one_is_stored(
    experiment_plan: Callable[..., ExperimentPlan],
) -> None:
    seeding.create_streams()
    asks = program(Account.objects.create_user("ada", role="admin"))
    lifecycle.create(experiment_plan())
    together = threading.Barrier(4)
    answers: dict[str, Answer] = {}

    def write(name: str) -> None:
        try:
            together.wait(60)
            answers[name] = asks.ask("patch", EXPERIMENT, {"name": name}, etag='"1"')
        finally:
            connections.close_all()

    names = [f"Writer {number}" for number in range(4)]
    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answer.status for answer in answers.values()) == [200, 412, 412, 412]
    won = next(name for name, answer in answers.items() if answer.status == 200)
    stored = asks.get(EXPERIMENT)
    assert (stored.body["plan"]["name"], stored.headers["ETag"]) == (won, '"2"')
