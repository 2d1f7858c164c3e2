"""The setting of the database: read, refused, and its password never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from allotment.settings import Settings, SettingsError, from_environ, to_environ

URL = "ALLOTMENT_DATABASE_URL"
FILE = "ALLOTMENT_DATABASE_PASSWORD_FILE"


def given(url: str, **more: str) -> Settings:
    return from_environ({URL: url, **more})


def test_database__nothing_given__is_a_file_of_sqlite(tmp_path: Path) -> None:
    found = from_environ({}).database
    assert not found.is_postgresql
    django = found.for_django(tmp_path / "registry.sqlite3")
    assert (django["ENGINE"], django["NAME"]) == (
        "django.db.backends.sqlite3",
        str(tmp_path / "registry.sqlite3"),
    )


def test_database__url__is_taken_apart_and_written_signs_are_read() -> None:
    url = "postgresql://ada%40lab:pass%2Fword%3A%23@db.example:5433/registry?sslmode=verify-full"
    django = given(url).database.for_django(Path())
    assert {name: django[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")} == {
        "NAME": "registry",
        "USER": "ada@lab",
        "PASSWORD": "pass/word:#",
        "HOST": "db.example",
        "PORT": "5433",
    }
    assert django["OPTIONS"]["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("postgres:///registry", ""),
        ("postgresql://ada@[2001:db8::1]:5432/registry", "2001:db8::1"),
        ("postgresql://ada@%2Ftmp%2FSocket/registry", "/tmp/Socket"),
        ("postgresql:///registry?host=/var/run/postgresql", "/var/run/postgresql"),
    ],
)
def test_database__host__as_libpq_takes_it(url: str, host: str) -> None:
    assert given(url).database.host == host


def test_database__options_given__take_the_place_of_ours() -> None:
    options = given("postgresql://h/r?connect_timeout=1&options=").database.for_django(Path())
    assert options["OPTIONS"]["connect_timeout"] == "1"
    assert options["OPTIONS"]["options"] == ""


def test_database__password_file__is_read_when_it_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "password"
    settings = given("postgresql://ada@db/registry", **{FILE: str(file)})
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        settings.database.for_django(Path())
    file.write_text("a secret\n")
    assert settings.database.for_django(Path())["PASSWORD"] == "a secret"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://ada:hidden@db/registry", "begins with 'mysql'"),
        ("hidden@db", "begins with something else"),
        ("postgresql://ada:hidden@db", "names no database"),
        ("postgresql://ada:hidden@db/registry/more", "names no database"),
        ("postgresql://ada:hidden@db:many/registry", "host or port that cannot be read"),
        ("postgresql://ada:hid/den@db/registry", "host or port that cannot be read"),
        ("postgresql://ada:hidden@db/registry#more", "holds a '#'"),
        ("postgresql://ada:hidden@db/registry?sslmod=require", "has the option 'sslmod'"),
    ],
)
def test_database__unusable_url__named_without_the_password(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=f"^{URL} ") as error:
        given(url)
    assert says in str(error.value)
    assert "hid" not in str(error.value)
    assert error.value.__cause__ is None or "hid" not in repr(error.value.__cause__)


@pytest.mark.parametrize("url", ["", "postgresql://ada:hidden@db/registry"])
def test_database__password_file_beside_none_or_another__is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=f"^{FILE} is set") as error:
        given(url, **{FILE: "password"})
    assert "hidden" not in str(error.value)


def test_database__shown_or_handed_on__password_only_where_a_process_needs_it() -> None:
    settings = given("postgresql://ada:hidden@db:5433/registry")
    assert "hidden" not in repr(settings)
    assert settings.database.place == "PostgreSQL database 'registry' at db:5433 as ada"
    assert from_environ(to_environ(settings)) == settings
