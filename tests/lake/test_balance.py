"""The arithmetic of the ledger, apart from where its numbers come from."""

import pytest

from allotment.lake.balance import Account, Accounts, unbalanced

KEY = ("clicks", "2026-11-22T10:00")


def test_account__all_accounted_for__balanced() -> None:
    account = Account(
        accepted=10,
        rejected={"invalid": 2, "unknown_stream": 1},
        written=5,
        duplicate=2,
        unreadable=1,
        waiting=2,
        kept={"invalid": 1, "unknown_stream": 1},
        rejected_waiting={"invalid": 1},
    )
    assert account.received == 13
    assert account.balanced


@pytest.mark.parametrize(
    ("account", "difference", "rejected"),
    [
        (Account(accepted=1), 1, {}),
        (Account(written=1), -1, {}),
        (Account(accepted=2, written=1, duplicate=2), -1, {}),
        (Account(rejected={"invalid": 1}), 0, {"invalid": 1}),
        (Account(kept={"invalid": 1}), 0, {"invalid": -1}),
        (Account(rejected={"a": 1}, kept={"b": 1}), 0, {"a": 1, "b": -1}),
        (Account(lost=1), 0, {}),
    ],
)
def test_account__something_amiss__not_balanced(
    account: Account, difference: int, rejected: dict[str, int]
) -> None:
    assert not account.balanced
    assert account.difference == difference
    assert account.rejected_differences == rejected


def test_accounts__one_minute_too_many_another_too_few__sum_hides_it_and_minutes_do_not() -> None:
    accounts = Accounts()
    accounts["clicks", "2026-11-22T10:00"].accepted = 1
    accounts["clicks", "2026-11-22T10:01"].written = 1
    assert accounts.totals()["clicks"].balanced
    assert len(unbalanced(accounts)) == 2


def test_accounts__tally_and_waiting__by_outcome() -> None:
    accounts = Accounts()
    accounts.tally({(*KEY, "accepted"): 3, (*KEY, "lost"): 1, (*KEY, "invalid"): 2})
    accounts.wait({(*KEY, "accepted"): 3, (*KEY, "invalid"): 2})
    (found,) = [account for _, account in accounts]
    assert (found.accepted, found.lost, found.waiting) == (3, 1, 3)
    assert found.rejected == found.rejected_waiting == {"invalid": 2}
    assert not found.balanced
    assert found.difference == 0


def test_accounts__chosen__of_a_stream_from_a_minute_on_and_those_without() -> None:
    accounts = Accounts()
    for key in [KEY, ("clicks", "2026-11-22T09:59"), ("clicks", ""), ("views", KEY[1])]:
        accounts[key].accepted = 1
    assert [key for key, _ in accounts.chosen(KEY[1], "clicks")] == [("clicks", ""), KEY]
    assert len(list(accounts.chosen(KEY[1], None))) == 3
