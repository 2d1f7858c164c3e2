import pytest

from allotment.sdk import web

BROWSER = "0123456789abcdef" * 2
SESSION = "0123456789abcdef0123"


def test_cookie_ids__none__are_made_and_set() -> None:
    one, two = (web.cookie_ids("", secure=True) for _ in range(2))
    assert one.browser_id != two.browser_id
    browser, session = one.set_cookies
    assert browser == (
        f"allotment-browser={one.browser_id}; Max-Age=31536000; HttpOnly; Path=/; "
        "SameSite=Lax; Secure"
    )
    assert session == f"allotment-session={one.session_id}; Path=/; SameSite=Lax; Secure"


def test_cookie_ids__there__are_kept_and_not_set_again() -> None:
    header = f'odd; x="1; y=2"; allotment-browser={BROWSER}; allotment-session={SESSION}'
    found = web.cookie_ids(header, secure=False)
    assert (found.browser_id, found.session_id, found.set_cookies) == (BROWSER, SESSION, ())


@pytest.mark.parametrize("bad", ["", "1", BROWSER.upper(), BROWSER + "0", "</script>", "z" * 32])
def test_cookie_ids__damaged__are_made_anew(bad: str) -> None:
    found = web.cookie_ids(f"allotment-browser={bad}; allotment-session={SESSION}", secure=False)
    assert found.browser_id != bad
    assert len(found.set_cookies) == 1
    assert "Secure" not in found.set_cookies[0]


@pytest.mark.parametrize(
    ("query", "forced"),
    [
        ("", {}),
        ("mpo=a:b", {"a": "b"}),
        ("x=1&mpo=a:b%3Bc%3Ad&y", {"a": "b", "c": "d"}),
        ("mpo=a:b&mpo=c:d", {"a": "b", "c": "d"}),
        ("mpo=nothing", {}),
        ("mpo=a:" + "b" * 3000, {}),
        ("&".join(["x=1"] * 300) + "&mpo=a:b", {}),
    ],
)
def test_overrides_in__query__as_written(query: str, forced: dict[str, str]) -> None:
    assert web.overrides_in(query) == forced


@pytest.mark.parametrize(
    ("given", "cache", "vary"),
    [
        ([], "private", "Cookie"),
        ([("Cache-Control", "public, max-age=60, s-maxage=9")], "private, max-age=60", "Cookie"),
        ([("cache-control", "no-store")], "no-store", "Cookie"),
        ([("Vary", "Accept-Encoding")], "private", "Accept-Encoding, Cookie"),
        ([("Vary", "cookie")], "private", "cookie"),
        ([("Vary", "*")], "private", "*"),
    ],
)
def test_personal__headers__keep_shared_caches_out(
    given: list[tuple[str, str]], cache: str, vary: str
) -> None:
    headers = web.personal([*given, ("ETag", '"1"'), ("Last-Modified", "x"), ("X", "y")], ["c=1"])
    assert dict(headers) == {
        "X": "y",
        "Cache-Control": cache,
        "Vary": vary,
        "Set-Cookie": "c=1",
    }
    assert len(headers) == 4
