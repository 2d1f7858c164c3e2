"""How often one token may ask, and what it is told when it asks more."""

from __future__ import annotations

import threading

import pytest
from tests.registry.manage_api.conftest import Program

from allotment.registry.manage_api import rate
from allotment.registry.manage_api.rate import Allowance


def test_take__burst_then_steady__as_many_as_allowed() -> None:
    allowance = Allowance(a_second=2, burst=3)
    assert [allowance.take("a", 10.0) for _ in range(3)] == [0, 0, 0]
    assert allowance.take("a", 10.0) == pytest.approx(0.5)
    assert allowance.take("b", 10.0) == 0
    # What was refused is not counted; after the wait one may pass, and no more.
    assert allowance.take("a", 10.5) == 0
    assert allowance.take("a", 10.5) > 0
    assert [allowance.take("a", 100.0) for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]


def test_take__many_threads__never_more_than_allowed() -> None:
    allowance = Allowance(a_second=1, burst=50)
    passed: list[float] = []

    def ask() -> None:
        passed.extend(wait for _ in range(100) if (wait := allowance.take("a", 0.0)) == 0)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 50


@pytest.mark.django_db
def test_token__asks_too_often__429_with_the_time_to_wait_and_others_go_on(
    programs: dict[str, Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate, "_ALLOWANCE", Allowance(a_second=0.01, burst=2))
    viewer = programs["viewer"]
    assert [viewer.get("/me").status for _ in range(2)] == [200, 200]
    refused = viewer.get("/me")
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 90
    assert "Wait" in refused.body["remedy"]
    assert programs["author"].get("/me").status == 200
