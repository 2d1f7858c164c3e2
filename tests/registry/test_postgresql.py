"""The registry on a real PostgreSQL server, as a process: made ready, refused in plain words, gone
and back again. The rest of the registry's tests run on one too, with `TEST_DATABASE=postgresql`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests import postgres_server
from tests.postgres_server import PASSWORD, Server
from tests.registry.test_bootstrap import PREPARE, SECONDS, environment, get, run, served

ONCE = """
import json
from allotment.settings import from_environ
from allotment.registry.bootstrap import prepare
print(json.dumps(prepare(from_environ())))
"""
COUNT = "SELECT count(*) FROM registry_stream"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server.running() as found:
        yield found


def refused(data: Path, **more: str) -> str:
    """What `allotment registry` says when it cannot start."""
    done = subprocess.run(
        [sys.executable, "-m", "allotment", "registry"],
        env=environment(data, **more),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert PASSWORD not in done.stderr
    assert "%2Fword" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def test_prepare__empty_database__everything_there_and_the_folder_holds_no_other(
    server: Server, tmp_path: Path
) -> None:
    setting = {"ALLOTMENT_DATABASE_URL": server.create("prepared")}
    password, *counts = json.loads(run(tmp_path, PREPARE, **setting))
    assert password
    assert counts[:2] == [2, 1]
    assert json.loads(run(tmp_path, PREPARE, **setting)) == [None, *counts]
    assert server.sql("prepared", COUNT) == "2"
    assert not (tmp_path / "registry" / "registry.sqlite3").exists()


def test_prepare__several_at_once__one_makes_the_tables_and_the_account(
    server: Server, tmp_path: Path
) -> None:
    url = server.create("raced")
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", ONCE],
            env=environment(tmp_path / str(number), ALLOTMENT_DATABASE_URL=url),
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    told = [json.loads(process.communicate(timeout=SECONDS)[0]) for process in started]
    assert sorted(map(bool, told)) == [False, False, True]


def test_migrations__on_postgresql__none_is_missing(server: Server, tmp_path: Path) -> None:
    code = """
from allotment.settings import from_environ
from allotment.registry.bootstrap import configure
configure(from_environ())
from django.core.management import call_command
call_command("makemigrations", check=True, dry_run=True)
"""
    url = server.create("compared")
    assert "No changes detected" in run(tmp_path, code, ALLOTMENT_DATABASE_URL=url)


def test_serve__database_named__pages_and_api_answer_from_it(
    server: Server, tmp_path: Path
) -> None:
    server.create("served")
    with served(
        tmp_path,
        ALLOTMENT_DATABASE_URL=server.url("served", password=False),
        ALLOTMENT_DATABASE_PASSWORD_FILE=str(server.password_file),
    ) as (base, _):
        assert get(f"{base}/healthz")[2] == b'{"status":"ok"}'
        assert get(f"{base}/api/v1/experiments")[2] == b"[]"
        assert b"Log in" in get(f"{base}/")[2]
        # As a restart of the server does it to every connection.
        ended = server.sql(
            "served",
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = 'served' AND application_name = 'allotment'",
        )
        assert int(ended) >= 1
        assert get(f"{base}/healthz")[2] == b'{"status":"ok"}'


def test_serve__no_server__one_sentence_says_where_and_what_to_do(tmp_path: Path) -> None:
    secret = postgres_server.quoted(PASSWORD)
    said = refused(
        tmp_path, ALLOTMENT_DATABASE_URL=f"postgresql://ada:{secret}@127.0.0.1:1/registry"
    )
    assert "PostgreSQL database 'registry' at 127.0.0.1:1 as ada does not answer" in said
    assert "docs/how-to/run-on-postgresql.md" in said


def test_serve__no_such_database__is_named(server: Server, tmp_path: Path) -> None:
    said = refused(tmp_path, ALLOTMENT_DATABASE_URL=server.url("nowhere"))
    assert 'database "nowhere" does not exist' in said


def test_serve__wrong_password__is_said(server: Server, tmp_path: Path) -> None:
    wrong = server.url("postgres").replace("pass%2F", "fail%2F")
    assert "password authentication failed" in refused(tmp_path, ALLOTMENT_DATABASE_URL=wrong)


def test_serve__password_file_missing__is_named(server: Server, tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        ALLOTMENT_DATABASE_URL=server.url("postgres", password=False),
        ALLOTMENT_DATABASE_PASSWORD_FILE=str(tmp_path / "none"),
    )
    assert said.startswith("allotment: ALLOTMENT_DATABASE_PASSWORD_FILE names")


def test_serve__account_that_may_not_make_tables__says_who_must_own_it(
    server: Server, tmp_path: Path
) -> None:
    server.create("foreign")
    server.sql("foreign", "CREATE ROLE guest LOGIN PASSWORD 'guest'")
    url = server.url("foreign", password=False).replace("allotment@", "guest:guest@")
    said = refused(tmp_path, ALLOTMENT_DATABASE_URL=url)
    assert "refuses to make tables" in said
    assert "ALTER DATABASE foreign OWNER TO guest" in said


@contextmanager
def held(server: Server, database: str) -> Iterator[None]:
    """Somebody else's transaction of the registry that does not end."""
    from allotment.registry.postgresql.base import TURN  # noqa: PLC0415 - needs the driver

    command = [str(server.programs / "psql"), "-qX", "-U", "allotment", "-h", str(server.folder)]
    with subprocess.Popen(
        [*command, "-d", database],
        env={"PGPASSWORD": PASSWORD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(f"BEGIN; SELECT pg_advisory_xact_lock({TURN}); \\echo held\n")
        other.stdin.flush()
        while "held" not in other.stdout.readline():
            assert other.poll() is None
        yield  # the end of what it reads is the end of its transaction


WRITE = """
import json
from allotment.settings import from_environ
from allotment.registry.bootstrap import configure
configure(from_environ())
from django.db import OperationalError, connection, transaction
from allotment.registry import audit
from allotment.registry.models import Stream
try:
    audit.record("edit")
    refused = ""
except OperationalError as error:
    refused = str(error)
print(json.dumps([refused, connection.get_autocommit(), Stream.objects.count()]))
"""


def test_turn__another_writer_does_not_end__refused_in_time_and_reading_goes_on(
    server: Server, tmp_path: Path
) -> None:
    url = server.create("waiting")
    run(tmp_path, PREPARE, ALLOTMENT_DATABASE_URL=url)
    hasty = f"{url}?options=-c%20lock_timeout%3D300ms"
    with held(server, "waiting"):
        refusal, free, streams = json.loads(run(tmp_path, WRITE, ALLOTMENT_DATABASE_URL=hasty))
    assert "lock timeout" in refusal
    assert (free, streams) == (True, 2)
    assert json.loads(run(tmp_path, WRITE, ALLOTMENT_DATABASE_URL=hasty)) == ["", True, 2]


ASKED = """
import json
from allotment.settings import from_environ
from allotment.registry.bootstrap import configure
configure(from_environ())
from django.db import connection
from psycopg import Cursor

asked = []
execute = Cursor.execute
def counted(cursor, query, *arguments, **options):
    asked.append(query)
    return execute(cursor, query, *arguments, **options)
Cursor.execute = counted

def request():
    asked.clear()
    before = connection.connection
    connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 2")
        found = cursor.fetchone()
    return [sum(query == "SELECT 1" for query in asked), connection.connection is before, *found]

connection.ensure_connection()
told = [request(), request()]
connection._answered_at -= 60
told.append(request())
connection.errors_occurred = True
told.append(request())
other = connection.copy()
with other.cursor() as cursor:
    cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
import select
select.select([connection.connection.fileno()], [], [], 30)
told.append(request())
print(json.dumps(told))
"""


def test_connection__requests_on_it__asked_only_where_it_may_be_gone(
    server: Server, tmp_path: Path
) -> None:
    url = server.create("kept")
    told = json.loads(run(tmp_path, ASKED, ALLOTMENT_DATABASE_URL=url))
    silent, later, after_an_error, ended = told[1:]
    assert told[0] == silent == [0, True, 2]
    assert later == after_an_error == [1, True, 2]
    assert ended == [1, False, 2]  # opened anew, and nobody sees an error
