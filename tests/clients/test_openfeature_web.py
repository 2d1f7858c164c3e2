"""The OpenFeature provider for pages, under the real SDK in real Chromium."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from tests.clients.browser_site import MEMBERSHIP, STREAMS, Site, actions, flushed, wait_for

PROGRAM = """
import { OpenFeature } from "@openfeature/web-sdk";
import { AllotmentWebProvider } from "allotment/openfeatureWeb";
window.OpenFeature = OpenFeature;
window.provide = (options) =>
  OpenFeature.setProviderAndWait(new AllotmentWebProvider(allotment, options));
"""
ASSIGNED = {"foo": "treatment", "sizes": "12", "nothing": "0"}


def bundled(node_site: Path, js_folder: Path, program: str) -> str:
    """A script of a site, as a bundler makes it of the installed packages."""
    (node_site / "flags.mjs").write_text(program)
    tool = js_folder / "node_modules/.bin/esbuild"
    done = subprocess.run(
        [tool, "flags.mjs", "--bundle", "--preserve-symlinks", "--log-level=error"],
        cwd=node_site,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def bundle(node_site: Path, js_folder: Path) -> str:
    return bundled(node_site, js_folder, PROGRAM)


@pytest.fixture
def flags(site: Site, page: Page, bundle: str) -> Page:
    """A page with the provider; `OpenFeature.getClient()` answers."""
    membership = {**MEMBERSHIP, "assigned": ASSIGNED, "enrolled": list(ASSIGNED)}
    config = {
        "intakeUrl": site.intake,
        "site": "demowiki",
        "streams": STREAMS,
        "context": {"page": {"id": 7}},
        "experiments": {"foo": {"groups": ["control", "treatment"]}, "sizes": {}},
    }
    site.write("/", f"<script>allotmentUserExperiments = {json.dumps(membership)}</script>", config)
    page.goto(site.origin)
    page.add_script_tag(content=bundle)
    page.evaluate("provide()")
    return page


def details(page: Page, kind: str, flag: str, default: object) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(
        "([kind, flag, value]) => OpenFeature.getClient()[`get${kind}Details`](flag, value)",
        [kind, flag, default],
    )
    return found


def test_flag__visitor_in_the_experiment__is_the_group_and_exposed_once(
    site: Site, flags: Page
) -> None:
    for _ in range(3):
        found = details(flags, "String", "foo", "default")
        assert (found["value"], found["variant"], found["reason"]) == (*["treatment"] * 2, "SPLIT")
        assert found["flagMetadata"] == {"reason": "assigned", "version": "3"}
    assert details(flags, "Boolean", "foo", False)["value"] is True
    assert details(flags, "Number", "sizes", 7)["value"] == 12
    assert details(flags, "Number", "nothing", 7)["value"] == 0
    flushed(flags)
    wait_for(lambda: len(site.events) >= 3)
    assert actions(site) == ["experiment_exposure"] * 3
    assert sorted(event["instrument_name"] for event in site.events) == ["foo", "nothing", "sizes"]


def test_flag__not_in_it_or_of_another_type__default_and_nobody_is_exposed(
    site: Site, flags: Page
) -> None:
    found = details(flags, "String", "bar", "default")
    assert (found["value"], found["reason"], found.get("errorCode")) == ("default", "DEFAULT", None)
    for kind, flag, default in (
        ("Number", "foo", 7),
        ("Object", "foo", {"a": 1}),
        ("Boolean", "sizes", True),
    ):
        found = details(flags, kind, flag, default)
        assert (found["value"], found["errorCode"]) == (default, "TYPE_MISMATCH")
        assert found["reason"] == "ERROR"
    assert "does not say its groups" in found["errorMessage"]
    assert flushed(flags)["sent"] == 0
    assert site.events == []


def test_flag__forced_by_the_address__is_told_apart(site: Site, flags: Page) -> None:
    flags.evaluate("history.replaceState(null, '', '?mpo=foo:control')")
    found = details(flags, "Boolean", "foo", True)
    assert (found["value"], found["reason"]) == (False, "STATIC")
    assert found["flagMetadata"]["reason"] == "overridden"


def test_provider__own_exposures_groups_and_tracking__as_the_site_says(
    site: Site, flags: Page
) -> None:
    flags.evaluate(
        "provide({sendExposures: false, groupsOf: () => ['12', '10'], trackingStream: 'x'})"
    )
    assert details(flags, "Boolean", "sizes", True)["value"] is False
    flags.evaluate("OpenFeature.getClient().track('checkout', {value: 9.5})")
    assert flushed(flags) == {"sent": 0, "waiting": 0, "dropped": {"unknown_stream": 1}}
    flags.evaluate("provide({sendExposures: false})")
    flags.evaluate("OpenFeature.getClient().track('checkout', {value: 9.5})")
    flags.evaluate("OpenFeature.getClient().track('visit')")
    flags.evaluate("OpenFeature.close()")
    wait_for(lambda: len(site.events) >= 2)
    assert actions(site) == ["checkout", "visit"]
    assert json.loads(site.events[0]["action_context"]) == {"value": 9.5}
    assert site.events[0]["experiments"]["assigned"] == ASSIGNED
    assert "action_context" not in site.events[1]


def test_provider__context_changes__nothing_else_does(flags: Page) -> None:
    flags.evaluate("OpenFeature.setContext({targetingKey: 'another'})")
    assert flags.evaluate("OpenFeature.getClient().providerStatus") == "READY"
    assert details(flags, "String", "foo", "")["value"] == "treatment"


def test_example__of_the_docs__runs_in_a_page(
    site: Site, page: Page, node_site: Path, js_folder: Path
) -> None:
    docs = Path(__file__).parents[2] / "docs/how-to/use-openfeature.md"
    example = docs.read_text().split("```js web\n")[1].split("```")[0]
    membership = {"enrolled": ["search-prompt"], "assigned": {"search-prompt": "prompt"}}
    config = {
        "intakeUrl": site.intake,
        "streams": STREAMS,
        "experiments": {"search-prompt": {"groups": ["control", "prompt"]}},
    }
    form = '<form class="search"><input></form>'
    variables = f"<script>allotmentUserExperiments = {json.dumps(membership)}</script>"
    site.write("/", variables + form, config)
    page.goto(site.origin)
    page.add_script_tag(content=bundled(node_site, js_folder, example))
    page.wait_for_function("document.querySelector('.search input').placeholder.includes('look')")
    wait_for(lambda: len(site.events) >= 2)
    assert actions(site) == ["experiment_exposure", "search"]
