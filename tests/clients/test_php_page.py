"""A page in PHP, served by PHP's own web server: cookies, headers, overrides, the edge."""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.free_ports import free_port
from tests.required_tools import require_tool
from tests.sdk import stand_ins

SITE = Path(__file__).parents[2] / "clients/php/tests/site.php"
BROWSER = "allotment-browser=" + "0a" * 16
SESSION = "allotment-session=" + "0" * 20


@dataclass
class Page:
    """What a browser gets."""

    headers: list[tuple[str, str]]
    text: str

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


class PhpSite:
    """PHP's web server with one page."""

    def __init__(self, port: int, intake: stand_ins.Intake) -> None:
        self._port = port
        self.intake = intake

    def get(self, query: str = "", **headers: str) -> Page:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", f"/?{query}", headers=named)
            answer = connection.getresponse()
            assert answer.status == 200
            return Page(answer.getheaders(), answer.read().decode())
        finally:
            connection.close()


@contextmanager
def php_site(registry_url: str, intake: stand_ins.Intake, folder: Path) -> Iterator[PhpSite]:
    port = free_port()
    environ = {
        **os.environ,
        "REGISTRY": registry_url,
        "INTAKE": intake.url,
        "CACHE": str(folder / "allotment.json"),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [require_tool("php"), "-S", f"127.0.0.1:{port}", str(SITE)],
            env=environ,
            stdout=log,
            stderr=log,
        )
    try:
        site = PhpSite(port, intake)
        deadline = time.monotonic() + 10
        while True:
            try:
                site.get()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.02)
        yield site
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhpSite]:
    folder = tmp_path_factory.mktemp("php")
    with (
        stand_ins.registry_server() as registry,
        stand_ins.intake_server() as intake,
        php_site(registry.url, intake, folder) as found,
    ):
        yield found
        assert "Warning" not in (folder / "log").read_text()


def test_php_page__new_browser__gets_its_cookies_and_stays_private(site: PhpSite) -> None:
    page = site.get()
    cookies = page.all("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == [
        "allotment-browser",
        "allotment-session",
    ]
    assert page.all("cache-control") == ["private"]
    assert page.all("vary") == ["Cookie"]
    assert page.text.count("window.allotmentUserExperiments=") == 1
    again = site.get(cookie="; ".join(cookie.partition(";")[0] for cookie in cookies))
    assert again.all("set-cookie") == []
    assert again.text.partition("<body>")[2] == page.text.partition("<body>")[2]


def test_php_page__strict_headers_of_the_site__stay(site: PhpSite) -> None:
    page = site.get("no-store=1")
    assert page.all("cache-control") == ["no-store, max-age=0"]
    assert page.all("vary") == ["Accept-Encoding, cookie"]


def test_php_page__override_and_edge__choose_the_group(site: PhpSite) -> None:
    cookie = f"{BROWSER}; {SESSION}"
    for group in ("control", "card"):
        forced = site.get(f"mpo=related-articles-card:{group}", cookie=cookie)
        assert f"<body>{group}</body>" in forced.text
        header = {"x_experiment_enrollments": f"related-articles-card={group};damaged"}
        assert f"<body>{group}</body>" in site.get("edge=1", cookie=cookie, **header).text
    drawn = {site.get(cookie=cookie, **header).text.partition("<body>")[2] for _ in range(2)}
    assert drawn == {site.get(cookie=cookie).text.partition("<body>")[2]}, "the edge is not trusted"


def test_php_page__its_events__arrive_in_one_request(site: PhpSite) -> None:
    site.intake.events.clear()
    site.intake.batches.clear()
    site.get("session=1&user=0", cookie=f"{BROWSER}; {SESSION}")
    stand_ins.wait_until(lambda: site.intake.events, "the events arrive")
    assert site.intake.batches == [2]
    assert [event["action"] for event in site.intake.events] == [
        "impression",
        "experiment_exposure",
    ]
    assert site.intake.events[0]["performer"]["is_logged_in"] is True
    assert site.intake.events[0]["meta"]["domain"] == "demowiki"


def test_php_after_response__open_session__is_closed_for_the_next_request(tmp_path: Path) -> None:
    code = (
        "require $argv[1]; session_start(); $_SESSION['seen'] = 'yes';"
        " Allotment\\AfterResponse::letGo(); "
        "echo session_status() === PHP_SESSION_NONE ? 'closed' : 'open';"
    )
    done = subprocess.run(
        [
            *(require_tool("php"), "-d", f"session.save_path={tmp_path}", "-r", code),
            str(SITE.parents[1] / "autoload.php"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "closed", done.stderr
    assert "yes" in next(tmp_path.glob("sess_*")).read_text()


def in_php(code: str, *arguments: str) -> None:
    """Run lines of PHP to their end; `$argv[1]` loads the client."""
    subprocess.run(
        [require_tool("php"), "-r", code, str(SITE.parents[1] / "autoload.php"), *arguments],
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize(("by_itself", "sent"), [("true", 1), ("false", 0)])
def test_php_after_response__left_to_the_site__happens_only_when_it_says_so(
    by_itself: str, sent: int
) -> None:
    code = f"""
        require $argv[1];
        $client = new Allotment\\Client(
            $argv[2], $argv[3], 'mywiki', new Allotment\\Configuration\\MemoryStore(),
            afterResponse: {by_itself}
        );
        $client->configuration->refresh();
        $client->visitor()->submitInteraction('product_metrics.web_base', '/web/1.0.0', 'click');
    """
    with stand_ins.registry_server() as registry, stand_ins.intake_server() as intake:
        in_php(code, registry.url, intake.url)
        assert len(intake.events) == sent
        in_php(f"{code} $client->finish();", registry.url, intake.url)
        assert len(intake.events) == sent + 1


def test_php_after_response__forked_child__sends_what_is_its_own() -> None:
    code = """
        require $argv[1];
        $client = new Allotment\\Client(
            $argv[2], $argv[3], 'mywiki', new Allotment\\Configuration\\MemoryStore()
        );
        $client->configuration->refresh();
        $click = fn (string $who) => $client->visitor()->submitInteraction(
            'product_metrics.web_base', '/web/1.0.0', 'click', ['action_source' => $who]
        );
        $click('parent');
        if (pcntl_fork() === 0) { $click('child'); exit; }
        pcntl_wait($status);
    """
    with stand_ins.registry_server() as registry, stand_ins.intake_server() as intake:
        in_php(code, registry.url, intake.url)
    assert [event["action_source"] for event in intake.events] == ["child", "parent"]
