"""Settings: read, refused and handed on."""

from pathlib import Path

import pytest

from allotment.settings import (
    SettingsError,
    described,
    from_environ,
    note_addresses,
    noted_addresses,
    to_environ,
)


def test_settings__nothing_given__defaults_follow_the_ports() -> None:
    settings = from_environ({"ALLOTMENT_REGISTRY_PORT": "9000", "PATH": "/bin"})
    assert settings.registry_url == "http://127.0.0.1:9000"
    assert settings.intake_url == "http://127.0.0.1:8192/v1/events"
    assert settings.data == Path.cwd() / "var"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.2", "http://127.0.0.2:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("::", "http://[::1]:8000"),
    ],
)
def test_settings__host__is_where_the_registry_is_reached(host: str, url: str) -> None:
    assert from_environ({"ALLOTMENT_HOST": host}).registry_url == url


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_settings__login_without_password_beyond_this_machine__is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="without a password"):
        from_environ({"ALLOTMENT_HOST": host, "ALLOTMENT_DEV_LOGIN": "yes"})


def test_settings__handed_to_another_process__are_the_same(tmp_path: Path) -> None:
    settings = from_environ(
        {
            "ALLOTMENT_DATA": str(tmp_path),
            "ALLOTMENT_DEV_LOGIN": "yes",
            "ALLOTMENT_SCHEMAS": "one:two",
            "ALLOTMENT_CONFIG_REFRESH_SECONDS": "0.5",
            "ALLOTMENT_DUPLICATE_SECONDS": "3600",
            "ALLOTMENT_DUPLICATE_IDS": "20000",
            "ALLOTMENT_EVENT_PREFIXES": "/evt-103e/, /A/b",
        }
    )
    assert (settings.duplicate_seconds, settings.duplicate_ids) == (3600, 20_000)
    assert settings.event_prefixes == ("/evt-103e", "/a/b")
    assert from_environ(to_environ(settings)) == settings
    assert set(to_environ(settings)) == {variable for variable, _, _ in described()}


def test_addresses__noted__are_read_again_and_hold_no_secret(tmp_path: Path) -> None:
    assert noted_addresses(tmp_path) == {}
    settings = from_environ(
        {
            "ALLOTMENT_DATA": str(tmp_path),
            "ALLOTMENT_REGISTRY_PORT": "9001",
            "ALLOTMENT_SECRET_KEY": "hidden",
        }
    )
    note_addresses(settings)
    assert noted_addresses(tmp_path)["ALLOTMENT_REGISTRY_URL"] == "http://127.0.0.1:9001"
    assert not any("hidden" in path.read_text() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALLOTMENT_REGISTRY_PORT", "eighty"),
        ("ALLOTMENT_INTAKE_PORT", "70000"),
        ("ALLOTMENT_HOST", "localhost"),
        ("ALLOTMENT_SINK_SECONDS", "0"),
        ("ALLOTMENT_DEV_LOGIN", "perhaps"),
        ("ALLOTMENT_MAX_BODY_BYTES", "-1"),
        ("ALLOTMENT_EVENT_PREFIXES", "evt-103e"),
        ("ALLOTMENT_EVENT_PREFIXES", "/a,/b c"),
        ("ALLOTMENT_EVENT_PREFIXES", "/*"),
        ("ALLOTMENT_PORT", "8000"),
    ],
)
def test_settings__unusable_value__names_the_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        from_environ({variable: value})
