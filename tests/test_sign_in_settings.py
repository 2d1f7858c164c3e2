"""The settings of logging in: read, refused in words, and never shown."""

from pathlib import Path

import pytest

from allotment.settings import SettingsError, from_environ, to_environ
from allotment.sign_in_settings import SignIn

PROVIDER = {
    "ALLOTMENT_OIDC_ISSUER": "https://id.example/realms/lab",
    "ALLOTMENT_OIDC_CLIENT_ID": "allotment",
    "ALLOTMENT_OIDC_CLIENT_SECRET": "not to be shown",
    "ALLOTMENT_OIDC_ROLES": "admins=admin, staff=author",
}


def sign_in(**changes: str) -> SignIn:
    given = {f"ALLOTMENT_{name.upper()}": text for name, text in changes.items()}
    return from_environ(PROVIDER | given).sign_in


def test_sign_in__nothing_given__local_accounts_alone() -> None:
    found = from_environ({}).sign_in
    assert (found.provider, found.local_login, found.default_role) == (False, True, "viewer")


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["staff"], "author"),
        (["staff", "admins"], "admin"),
        ("admins", "admin"),
        (["others"], None),
        ([], None),
        (None, None),
        ({"admins": True}, None),
        ([["admins"]], None),
    ],
)
def test_role_for__groups__highest_that_any_gives(groups: object, role: str | None) -> None:
    assert sign_in().role_for(groups) == role


def test_roles__json__may_hold_names_with_commas() -> None:
    found = sign_in(oidc_roles='{"cn=lab,ou=groups": "operator"}')
    assert found.role_for(["cn=lab,ou=groups"]) == "operator"
    assert sign_in(oidc_roles="cn=lab=operator").role_for(["cn=lab"]) == "operator"


def test_settings__shown_or_logged__hold_no_client_secret() -> None:
    assert "not to be shown" not in repr(from_environ(PROVIDER))


def test_settings__handed_to_another_process__are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    given = PROVIDER | {
        "ALLOTMENT_OIDC_CLIENT_SECRET": "",
        "ALLOTMENT_OIDC_CLIENT_SECRET_FILE": str(file),
        "ALLOTMENT_OIDC_ENDPOINTS": "authorization=https://a.example token=https://b.example "
        "jwks=https://c.example",
        "ALLOTMENT_TRUSTED_PROXIES": "10.0.0.1, ::1",
        "ALLOTMENT_DEFAULT_ROLE": "none",
        "ALLOTMENT_LOCAL_LOGIN": "no",
    }
    settings = from_environ(given)
    assert settings.sign_in.client_secret == "from a file"
    handed = to_environ(settings)
    assert from_environ(handed) == settings
    assert "from a file" not in handed.values()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("default_role", "boss", "give one of none, viewer"),
        ("local_login", "maybe", "'maybe'"),
        ("session_hours", "0", "more than 0"),
        ("session_idle_minutes", "soon", "'soon'"),
        ("trusted_proxies", "proxy.example", "IP addresses"),
        ("oidc_issuer", "http://id.example", "https://"),
        ("oidc_issuer", "id.example", "https://"),
        ("oidc_client_id", "", "the provider knows us by"),
        ("oidc_client_secret_file", "/nowhere/at/all", "cannot be read"),
        ("oidc_scopes", "email", "'openid'"),
        ("oidc_algorithm", "HS256", "RS256"),
        ("oidc_algorithm", "none", "RS256"),
        ("oidc_roles", "admins", "group=role"),
        ("oidc_roles", "admins=boss", "'boss'"),
        ("oidc_roles", "{", "JSON"),
        ("oidc_endpoints", "token=https://a.example", "lacks authorization, jwks"),
        ("oidc_endpoints", "door=https://a.example", "'door'"),
    ],
)
def test_setting__not_usable__names_it_and_the_remedy(name: str, text: str, said: str) -> None:
    given = PROVIDER | {f"ALLOTMENT_{name.upper()}": text}
    if name == "oidc_client_secret_file":
        given["ALLOTMENT_OIDC_CLIENT_SECRET"] = ""
    with pytest.raises(SettingsError) as raised:
        from_environ(given)
    assert str(raised.value).startswith(f"ALLOTMENT_{name.upper()} ")
    assert said in str(raised.value)


def test_setting__no_way_in_at_all__is_refused() -> None:
    with pytest.raises(SettingsError, match="nobody could log in"):
        from_environ({"ALLOTMENT_LOCAL_LOGIN": "no"})
