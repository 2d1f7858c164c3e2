"""The audit log: only added to, proven by its chain, and written with what it tells of."""

from __future__ import annotations

import json
import threading
import zoneinfo
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from allotment.registry import audit
from allotment.registry.models import Account, AuditEntry

pytestmark = pytest.mark.django_db
TABLE = "registry_auditentry"


def changed_behind_the_triggers(statement: str) -> None:
    """What somebody with the database's own rights could do."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER ALL")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS registry_auditentry_no_update")
            cursor.execute("DROP TRIGGER IF EXISTS registry_auditentry_no_delete")
        cursor.execute(statement)


@pytest.fixture
def numbers() -> list[int]:
    """Five entries, the first and the last of which are of their own."""
    with audit.acting("ada", request="request-1"):
        return [
            audit.record("edit", kind="experiment", name=f"item-{n}", before=n, after=n + 1).number
            for n in range(5)
        ]


def test_record__in_a_request__names_who_and_which(numbers: list[int]) -> None:
    entry = AuditEntry.objects.get(number=numbers[0])
    assert (entry.who, entry.request, entry.before, entry.after) == ("ada", "request-1", "0", "1")
    assert audit.record("nightly").who == audit.SYSTEM


def test_record__with_a_token__names_the_token() -> None:
    with audit.acting("ada", token="abc"):
        assert audit.record("edit").detail == {"token": "abc"}


def test_record__transaction_that_fails__leaves_nothing() -> None:
    before = AuditEntry.objects.count()
    with transaction.atomic():
        audit.record("edit")
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {TABLE} SET who = 'nobody'",
        f"UPDATE {TABLE} SET number = number + 100",
        f"DELETE FROM {TABLE}",
        f"DELETE FROM {TABLE} WHERE number = 1",
        f"INSERT INTO {TABLE} SELECT * FROM {TABLE} WHERE true "  # noqa: ISC004 - one statement
        "ON CONFLICT (number) DO UPDATE SET who = 'nobody'",
    ],
)
@pytest.mark.usefixtures("numbers")
def test_database__update_or_delete__is_refused(statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="only ever added to"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.usefixtures("numbers")
def test_database__row_put_in_the_place_of_another__is_refused() -> None:
    entry = AuditEntry.objects.earliest("number")
    columns = ", ".join(f'"{field.column}"' for field in AuditEntry._meta.concrete_fields)
    values = columns.replace('"who"', "'nobody'")
    verb = "INSERT OR REPLACE" if connection.vendor == "sqlite" else "INSERT"
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"{verb} INTO {TABLE} ({columns}) SELECT {values} FROM {TABLE}")
    assert AuditEntry.objects.earliest("number").who == entry.who
    assert audit.verify().broken is None


@pytest.mark.usefixtures("numbers")
def test_models__save_or_delete__are_refused() -> None:
    entry = AuditEntry.objects.latest("number")
    for attempt in (entry.save, entry.delete, AuditEntry.objects.all().delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()


def test_verify__untouched__stands(numbers: list[int]) -> None:
    found = audit.verify()
    assert (found.broken, found.rows) == (None, numbers[-1])
    assert found.head == AuditEntry.objects.get(number=numbers[-1]).hash


@pytest.mark.parametrize(
    ("statement", "broken", "fault"),
    [
        ("UPDATE {t} SET who = 'eve' WHERE number = {n}", 2, "not those that its hash"),
        ("UPDATE {t} SET reason = 'x' WHERE number = {n}", 2, "not those that its hash"),
        ("UPDATE {t} SET detail = '{{\"a\": 1}}' WHERE number = {n}", 2, "not those"),
        ("UPDATE {t} SET hash = previous WHERE number = {n}", 2, "not those that its hash"),
        ("DELETE FROM {t} WHERE number = {n}", 3, "is missing before it"),
    ],
)
def test_verify__touched__names_the_first_broken_row(
    numbers: list[int], statement: str, broken: int, fault: str
) -> None:
    changed_behind_the_triggers(statement.format(t=TABLE, n=numbers[2]))
    found = audit.verify()
    assert found.broken == numbers[broken]
    assert fault in found.fault


def test_verify__row_made_again_with_a_right_hash__breaks_the_next(numbers: list[int]) -> None:
    entry = AuditEntry.objects.get(number=numbers[2])
    entry.who = "eve"
    changed_behind_the_triggers(
        f"UPDATE {TABLE} SET who = 'eve', hash = '{audit.digest(entry)}' "
        f"WHERE number = {entry.number}"
    )
    found = audit.verify()
    assert (found.broken, found.fault) == (numbers[3], "it does not follow the row before it")


def test_verify__head_that_was_noted__must_still_be_there(numbers: list[int]) -> None:
    middle = AuditEntry.objects.get(number=numbers[2])
    assert audit.verify(noted=(middle.number, middle.hash)).broken is None
    assert audit.verify(noted=(middle.number, "0" * 64)).broken == middle.number
    changed_behind_the_triggers(f"DELETE FROM {TABLE} WHERE number > {numbers[1]}")
    assert audit.verify().broken is None
    found = audit.verify(noted=(middle.number, middle.hash))
    assert (found.broken, found.fault) == (middle.number, "it was noted before and is not there")


def test_verify__long_log__asks_a_constant_number_of_times(
    numbers: list[int], django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert audit.verify().rows == numbers[-1]


@pytest.mark.django_db(transaction=True)
def test_record__many_threads_at_once__one_chain() -> None:
    if connection.vendor == "sqlite":
        assert Path(connection.settings_dict["NAME"]).is_absolute()
    before = audit.verify().rows

    def write() -> None:
        try:
            for _ in range(5):
                audit.record("edit")
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = audit.verify()
    assert (found.rows, found.broken) == (before + 20, None)


def test_flush__of_the_whole_database__leaves_the_log(numbers: list[int]) -> None:
    Account.objects.create_user("ada")
    with transaction.atomic():
        call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=True)
    assert not Account.objects.exists()
    assert audit.verify().rows == numbers[-1]


@pytest.mark.parametrize("name", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_page__days__are_those_of_the_reader(
    visitor: Client, numbers: list[int], name: str
) -> None:
    """At any hour one of these two has another date than UTC."""
    visitor.cookies["tz"] = name
    written = AuditEntry.objects.get(number=numbers[0]).when
    today = timezone.localdate(written, zoneinfo.ZoneInfo(name))
    before = today - timedelta(days=1)
    assert (
        "item-1" in visitor.get("/audit", {"from": str(today), "to": str(today)}).content.decode()
    )
    assert "item-1" not in visitor.get("/audit", {"to": str(before)}).content.decode()


@pytest.mark.usefixtures("streams", "numbers")
def test_page__filters_and_export__show_the_same(visitor: Client) -> None:
    page = visitor.get("/audit", {"who": "ada", "name": "item-3"}).content.decode()
    assert "<b>item-3</b>" in page
    assert "<b>item-1</b>" not in page
    assert "item-1" not in visitor.get("/audit", {"from": "2100-01-01"}).content.decode()
    assert "item-1" in visitor.get("/audit", {"to": "2100-02-31"}).content.decode()
    answer = visitor.post("/audit/export", {"name": "item-"})
    lines = [json.loads(line) for line in b"".join(answer).decode().splitlines()]
    assert [line["name"] for line in lines] == [f"item-{n}" for n in range(5)]
    assert AuditEntry.objects.latest("number").action == "export-audit-log"
    entry = AuditEntry.objects.get(number=lines[0]["number"])
    assert lines[0]["hash"] == audit.digest(entry)
