"""The integration for MediaWiki in pages of a real one, as Debian packs it, in real Chromium."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from tests.clients.browser_site import STREAMS, Site, flushed, wait_for
from tests.free_ports import free_port
from tests.required_tools import lacking, require_tool
from tests.sdk.stand_ins import wait_until

MEDIAWIKI = Path("/usr/share/mediawiki")
PASSWORD = "only-for-this-test"
# What an extension in PHP gives to pages: a map without entries leaves PHP as a list.
VARIABLES = """
$wgHooks['MakeGlobalVariablesScript'][] = static function ( array &$vars ) {
    $assigned = json_decode( $_GET['assigned'] ?? '[]', true );
    $vars['wgTestKitchenUserExperiments'] = [
        'overrides' => [],
        'enrolled' => array_keys( $assigned ),
        'assigned' => $assigned,
        'subject_ids' => array_fill_keys( array_keys( $assigned ), 'awaiting' ),
    ];
};
"""
MAKE = """async ([origin, config]) => {
    await new Promise((done) => (window.RLQ ??= []).push([["mediawiki.user"], done]));
    const { createClient } = await import(`${origin}/allotment.mjs`);
    const { MediaWikiIntegration } = await import(`${origin}/mediawiki.mjs`);
    window.integration = new MediaWikiIntegration({ config });
    window.allotment = createClient(window.integration);
    return JSON.parse(JSON.stringify(window.integration.getContextAttributes()));
}"""


@dataclass(frozen=True)
class Wiki:
    """A running MediaWiki with one account, Admin, and one page, Main Page."""

    origin: str

    def address(self, title: str, **query: str) -> str:
        """Of a page."""
        more = "".join(f"&{name}={value}" for name, value in query.items())
        return f"{self.origin}/index.php?title={title}{more}"


@pytest.fixture(scope="module")
def wiki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wiki]:
    php = require_tool("php")
    if not (MEDIAWIKI / "index.php").exists():
        lacking("needs MediaWiki, Debian's package mediawiki, which is not installed")
    folder = tmp_path_factory.mktemp("wiki")
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    options = {
        "dbtype": "sqlite",
        "dbname": "mywiki",
        "dbpath": folder / "data",
        "confpath": folder,
        "server": origin,
        "scriptpath": "",
        "lang": "en",
        "pass": PASSWORD,
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    done = subprocess.run(
        [php, MEDIAWIKI / "maintenance/install.php", *given, "Test wiki", "Admin"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    settings = folder / "LocalSettings.php"
    assert settings.exists(), done.stdout + done.stderr
    settings.write_text(settings.read_text() + VARIABLES)
    with subprocess.Popen(
        [php, "-S", f"127.0.0.1:{port}", "-t", str(MEDIAWIKI)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Pages ask for many scripts at once.
        env={**os.environ, "MW_CONFIG_FILE": str(settings), "PHP_CLI_SERVER_WORKERS": "3"},
        start_new_session=True,
    ) as server:
        try:
            wait_until(lambda: answers(port), "the wiki answers", 30)
            yield Wiki(origin)
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as made:
        return made.connect_ex(("127.0.0.1", port)) == 0


def attributes(page: Page, site: Site) -> dict[str, Any]:
    """Make the client in the page; its contextual attributes."""
    config = {"intakeUrl": site.intake, "streams": STREAMS}
    found: dict[str, Any] = page.evaluate(MAKE, [site.origin, config])
    return found


def lacking_of(page: Page, site: Site) -> dict[str, str]:
    """What is wrong with the attributes of the page, if all there are were asked for."""
    found: dict[str, str] = page.evaluate(
        """async (origin) => {
            const { checkAttributes, KINDS } = await import(`${origin}/strict.mjs`);
            const client = { provide_values: Object.keys(KINDS) };
            const streams = { all: { producers: { metrics_platform_client: client } } };
            window.integration.getStreamConfigs = () => streams;
            const problems = await checkAttributes(window.integration);
            return Object.fromEntries(problems.map((one) => [one.attribute, one.problem]));
        }""",
        site.origin,
    )
    return found


def test_mediawiki__reader_of_a_page__attributes_are_the_wikis(
    wiki: Wiki, site: Site, page: Page
) -> None:
    page.goto(wiki.address("Main_Page"))
    found = attributes(page, site)
    session = found["performer"].pop("session_id")
    view = found["performer"].pop("pageview_id")
    for token in (session, view):
        assert len(token) == 20
        int(token, 16)
    assert found["mediawiki"].pop("version").startswith("1.")
    assert found["agent"].pop("ua_string").startswith("Mozilla/5.0")
    assert found["agent"] == {
        "client_platform": "mediawiki_js",
        "client_platform_family": "desktop_browser",
    }
    assert found["page"] == {
        "id": 1,
        "title": "Main Page",
        "namespace_id": 0,
        "namespace_name": "",
        "revision_id": 1,
        "wikidata_id": None,
        "wikidata_qid": None,
        "content_language": "en",
        "is_redirect": False,
        "user_groups_allowed_to_move": [],
        "user_groups_allowed_to_edit": [],
    }
    assert found["mediawiki"] == {
        "skin": "vector",
        "is_production": False,
        "is_debug_mode": False,
        "database": "mywiki",
        "site_content_language": "en",
        "site_content_language_variant": None,
    }
    assert found["performer"] == {
        "is_logged_in": False,
        "id": None,
        "name": None,
        "groups": ["*"],
        "is_bot": False,
        "is_temp": False,
        "language": "en",
        "language_variant": None,
        "can_probably_edit_page": True,
        "edit_count": None,
        "edit_count_bucket": None,
        "registration_dt": None,
    }
    page.reload()
    again = attributes(page, site)["performer"]
    assert again["session_id"] == session, "the session is the wiki's own"
    assert again["pageview_id"] != view


def test_mediawiki__account__attributes_are_the_accounts(
    wiki: Wiki, site: Site, page: Page
) -> None:
    page.goto(wiki.address("Special:UserLogin"))
    page.fill("#wpName1", "Admin")
    page.fill("#wpPassword1", PASSWORD)
    page.click("#wpLoginAttempt")
    page.wait_for_function("window.mw && mw.config.get('wgUserName') === 'Admin'")
    page.goto(wiki.address("Talk:Leek_soup", debug="1"))
    found = attributes(page, site)
    performer = found["performer"]
    assert (performer["is_logged_in"], performer["id"], performer["name"]) == (True, 1, "Admin")
    assert {"user", "sysop"} <= set(performer["groups"])
    assert (performer["edit_count"], performer["edit_count_bucket"]) == (0, "0 edits")
    assert performer["registration_dt"].endswith("Z")
    assert found["mediawiki"]["is_debug_mode"] is True
    place = found["page"]
    assert (place["id"], place["revision_id"]) == (0, 0), "it does not exist"
    assert (place["title"], place["namespace_name"]) == ("Talk:Leek soup", "Talk")
    page.goto(wiki.address("Main_Page"))
    attributes(page, site)
    assert lacking_of(page, site) == {
        "page_wikidata_id": "is not given by this page: events go without it",
        "page_wikidata_qid": "is not given by this page: events go without it",
        "mediawiki_site_content_language_variant": (
            "is not given by this page: events go without it"
        ),
        "performer_language_variant": "is not given by this page: events go without it",
    }, "all others are there, and of the kind that the schema wants"


def test_mediawiki__groups_by_php__events_carry_them(wiki: Wiki, site: Site, page: Page) -> None:
    page.goto(wiki.address("Main_Page"))
    attributes(page, site)
    record = page.evaluate("({...allotment.getCurrentUserExperiments()})")
    assert (record["enrolled"], record["assigned"]) == ([], {})
    assert page.evaluate("mw.config.get('wgTestKitchenUserExperiments').assigned") == []

    groups = json.dumps({"first-test": "treatment"})
    page.goto(wiki.address("Main_Page", assigned=groups, mpo="draft:b"))
    attributes(page, site)
    page.evaluate("allotment.getExperiment('first-test').send('click')")
    flushed(page)
    wait_for(lambda: site.events)
    (event,) = site.events
    assert event["meta"]["domain"] == "127.0.0.1"
    assert event["page"] == {"id": 1}
    assert event["experiments"] == {
        "enrolled": ["first-test", "draft"],
        "assigned": {"first-test": "treatment", "draft": "b"},
        "subject_ids": {"first-test": "awaiting", "draft": "overridden"},
        "sampling_units": {"first-test": "edge-unique"},
        "coordinators": {"first-test": "default", "draft": "forced"},
        "versions": {},
    }


def test_mediawiki__example_of_the_docs__makes_the_client(
    wiki: Wiki, site: Site, page: Page
) -> None:
    docs = Path(__file__).parents[2] / "docs/reference/javascript-client.md"
    example = docs.read_text().split("```js mediawiki\n")[1].split("```")[0]
    for address, own in (
        ("/_allotment", site.origin),
        ("https://registry.example", site.origin),
        ("https://intake.example/v1/events", site.intake),
    ):
        assert address in example
        example = example.replace(address, own)
    page.goto(wiki.address("Main_Page"))
    page.add_script_tag(content=example, type="module")
    page.wait_for_function("window.allotment")
    page.evaluate("allotment.getInstrument('related-articles').send('click')")
    page.evaluate("allotment.flush()")
    wait_for(lambda: site.events)
    assert site.events[0]["page"] == {"id": 1}
