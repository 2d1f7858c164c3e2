"""Every page: who may see it, what it promises, and that values are shown as text."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from tests.registry.page_reading import Page
from tests.required_tools import require_tool

from allotment.registry import lifecycle, seeding
from allotment.registry.models import Account, Experiment
from allotment.registry.plan import ExperimentPlan, GroupPlan, InstrumentPlan

pytestmark = pytest.mark.django_db

E = "/experiments/search-suggestions"
I = "/instruments/desktop-ui-interactions"  # noqa: E741
PAGES = [
    "/",
    "/directory",
    "/directory?q=search&kind=experiment&status=running&sort=start",
    "/directory?q=nothing-has-this-name",
    "/calendar",
    "/calendar?from=2020-01-01&site=frwiki&layer=none",
    "/?whose=mine",
    "/?whose=all",
    "/streams",
    "/streams/new",
    "/streams/product_metrics.web_base",
    "/password",
    "/experiments/new",
    "/instruments/new",
    E,
    f"{E}/edit",
    f"{E}/configuration",
    f"{E}/results",
    f"{E}/health",
    f"{E}/history",
    f"{E}/install",
    f"{E}/stop",
    I,
    f"{I}/edit",
    f"{I}/health",
    f"{I}/history",
    f"{I}/install",
    f"{I}/stop",
]
Items = Callable[[str], None]


@pytest.fixture
def items(
    streams: None,
    experiment_plan: Callable[..., ExperimentPlan],
    instrument_plan: Callable[..., InstrumentPlan],
) -> Items:
    """Makes one item of each kind, in a state."""

    def make(state: str) -> None:
        for plan in (experiment_plan(), instrument_plan()):
            item = lifecycle.create(plan)
            if state != "draft":
                item = lifecycle.activate(item)
            if state == "stopped":
                lifecycle.stop(item)

    return make


@pytest.mark.parametrize("state", ["draft", "running", "stopped"])
def test_page__logged_in__keeps_every_promise(visitor: Client, items: Items, state: str) -> None:
    items(state)
    for path in PAGES:
        response = visitor.get(path)
        assert response.status_code == 200, path
        assert Page(response.content.decode()).faults() == [], path


def test_page__empty_registry__keeps_every_promise(visitor: Client) -> None:
    for path in PAGES[:14]:
        response = visitor.get(path)
        assert response.status_code == 200, path
        assert Page(response.content.decode()).faults() == [], path


@pytest.mark.parametrize("path", PAGES)
def test_page__not_logged_in__sent_to_the_log_in(items: Items, path: str) -> None:
    items("running")
    response = Client().get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/login?next=")


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/nowhere", "/api/v1/experiments"])
def test_answer__any__has_the_content_policy(visitor: Client, path: str) -> None:
    policy = visitor.get(path)["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/login",
        "/logout",
        "/password",
        "/theme",
        "/experiments/new",
        f"{E}/edit",
        f"{E}/activate",
        f"{E}/stop",
        "/streams/new",
    ],
)
def test_post__without_token__refused_and_nothing_changed(
    account: Account, items: Items, path: str
) -> None:
    items("draft")
    client = Client(enforce_csrf_checks=True)
    client.force_login(account)
    response = client.post(path, {"name": "Changed"})
    assert response.status_code == 403
    assert "nothing was changed" in response.content.decode()
    experiment = Experiment.objects.get()
    assert (experiment.name, experiment.active) == ("Search suggestions", False)


@pytest.mark.parametrize("path", [f"{E}/activate", "/logout", "/theme", "/login/local"])
def test_get__of_what_changes_something__405(visitor: Client, items: Items, path: str) -> None:
    items("draft")
    assert visitor.get(path).status_code == 405


@pytest.mark.parametrize(
    "path",
    ["/experiments/no-such-one", "/instruments/no-such-one/edit", "/streams/none", "/nowhere"],
)
def test_page__unknown_name__404_with_a_way_out(visitor: Client, path: str) -> None:
    response = visitor.get(path)
    assert response.status_code == 404
    assert "Look for it in the directory" in response.content.decode()
    assert Page(response.content.decode()).faults() == []


def test_page__name_with_dots__found(
    visitor: Client, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    """A name with a dot once broke the route."""
    lifecycle.create(experiment_plan(machine_name="fy25-we3.1-search.v2"))
    for page in ("", "/edit", "/results", "/history", "/install", "/configuration"):
        assert visitor.get(f"/experiments/fy25-we3.1-search.v2{page}").status_code == 200


def test_page__markup_in_what_people_typed__shown_as_text(
    visitor: Client, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    evil = "<script>alert(1)</script>"
    plan = experiment_plan(
        name=evil,
        description=evil,
        hypothesis=evil,
        owners=(evil,),
        task=evil,
        groups=(GroupPlan(name="control", description=evil), GroupPlan(name="b")),
        synthetic_note=evil,
    )
    lifecycle.activate(lifecycle.create(plan))
    for path in (*PAGES[:3], *(p for p in PAGES if p.startswith(E))):
        text = visitor.get(path).content.decode()
        assert evil not in text, path
        assert Page(text).faults() == [], path
    assert html.escape(evil) in visitor.get(E).content.decode()


def test_home__draft_with_pending_risk__says_what_to_mend(
    visitor: Client, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    lifecycle.create(experiment_plan(risk_level="pending"))
    text = visitor.get("/").content.decode()
    assert "cannot start: the risk is not assessed yet" in text
    assert f'href="{E}/edit">Mend' in text


def test_directory__words_and_filters__find(visitor: Client, items: Items) -> None:
    items("running")

    def found(query: str) -> set[str]:
        page = Page(visitor.get(f"/directory?{query}").content.decode())
        names = {"Search suggestions", "Desktop clicks"}
        return {e.text for e in page.all("a")} & names

    both = {"Search suggestions", "Desktop clicks"}
    assert found("") == both
    assert found("q=suggestions+search") == {"Search suggestions"}
    assert found("q=DESKTOP") == {"Desktop clicks"}
    assert found("kind=instrument") == {"Desktop clicks"}
    assert found("status=draft") == set()
    assert found("team=Web+team") == {"Desktop clicks"}
    assert found("site=dewiki") == both  # the instrument on all other sites
    assert found("site=frwiki&status=running") == both


def test_stop_page__experiment__asks_then_stops(visitor: Client, items: Items) -> None:
    items("running")
    assert "Nobody is put into a group any more" in visitor.get(f"{E}/stop").content.decode()
    assert Experiment.objects.get().active
    response = visitor.post(f"{E}/stop", {"reason": "Broken on phones"})
    assert response["Location"] == E
    assert not Experiment.objects.get().active
    assert "Broken on phones" in visitor.get(f"{E}/history").content.decode()


def test_activate__refused__names_rule_and_way_out(
    visitor: Client, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    lifecycle.create(experiment_plan(risk_level="pending"))
    response = visitor.post(f"{E}/activate")
    assert response.status_code == 422
    text = response.content.decode()
    assert "risk-is-assessed" in text
    assert "choose a risk level" in text
    assert not Experiment.objects.get().active


def test_activate__sound_draft__runs(visitor: Client, items: Items) -> None:
    items("draft")
    assert visitor.post(f"{E}/activate")["Location"] == E
    assert "Search suggestions runs" in visitor.get(E).content.decode()
    assert Experiment.objects.get().active


def test_history__person_who_changed_it__is_named(visitor: Client, items: Items) -> None:
    items("draft")
    visitor.post(f"{E}/activate")
    text = visitor.get(f"{E}/history").content.decode()
    assert "Version 2 · ada" in text
    assert Experiment.history.latest().history_user.username == "ada"


def test_install__experiment__exact_name_in_every_snippet_and_whether_it_worked(
    visitor: Client, own_data: Path, items: Items
) -> None:
    items("running")
    page = Page(visitor.get(f"{E}/install").content.decode())
    snippets = {e.attributes["aria-label"]: e.text for e in page.all("pre")}
    assert "allotment.getExperiment('search-suggestions')" in snippets["feature.js"]
    assert 'visitor.get_experiment("search-suggestions")' in snippets["feature.py"]
    assert snippets["Address that forces described"] == "?mpo=search-suggestions:described"
    assert "$visitor->getExperiment('search-suggestions')" in snippets["feature.php"]
    assert "is not known" in page.source  # there is no lake yet
    (own_data / "lake").mkdir()
    assert "No event of it has arrived" in visitor.get(f"{E}/install").content.decode()


def test_install__php__parses_and_calls_what_the_client_has(
    visitor: Client, items: Items, tmp_path: Path
) -> None:
    php = require_tool("php")
    items("running")
    source = Path(__file__).parents[2] / "clients" / "php" / "src"
    client = "".join(path.read_text() for path in source.rglob("*.php"))
    for address in (E, I):
        page = Page(visitor.get(f"{address}/install").content.decode())
        (snippet,) = [
            e.text for e in page.all("pre") if e.attributes["aria-label"].endswith(".php")
        ]
        script = tmp_path / "snippet.php"
        script.write_text(f"<?php\n{snippet}")
        checked = subprocess.run([php, "-l", script], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
        called = re.findall(r"(?:->|::)(\w+)\(", snippet)
        assert len(called) >= 3
        for method in called:
            assert f"function {method}(" in client, method


def test_times__zone_cookie__zone_and_utc(visitor: Client, items: Items) -> None:
    items("running")
    end = Experiment.objects.get().end
    assert f"{end:%H:%M} UTC</time>" in visitor.get(E).content.decode()
    visitor.cookies["tz"] = "Asia/Kolkata"
    text = visitor.get(E).content.decode()
    assert " IST</time>" in text
    assert f"{end:%H:%M} UTC)</span>" in text
    visitor.cookies["tz"] = "../../etc/passwd"
    assert f"{end:%H:%M} UTC</time>" in visitor.get(E).content.decode()


def test_theme__chosen__kept_in_a_cookie_and_back_to_the_page(visitor: Client) -> None:
    response = visitor.post("/theme", {"theme": "dark", "next": "/directory?q=a"})
    assert response["Location"] == "/directory?q=a"
    assert '<html lang="en" data-theme="dark">' in visitor.get("/").content.decode()
    visitor.post("/theme", {"theme": "pink", "next": "https://elsewhere.example/"})
    assert '<html lang="en">' in visitor.get("/").content.decode()


def test_theme__address_elsewhere__home_instead(visitor: Client) -> None:
    for wanted in ("https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"):
        response = visitor.post("/theme", {"theme": "dark", "next": wanted})
        assert response["Location"] == "/"


def test_static__style_and_script__served_and_free_of_other_hosts(visitor: Client) -> None:
    frame = Page(visitor.get("/").content.decode())
    linked = [e.attributes["href"] for e in frame.all("link")]
    linked += [e.attributes["src"] for e in frame.all("script")]
    assert len(linked) >= 10
    for address in linked:
        response = visitor.get(address)
        text = b"".join(response).decode()
        assert response.status_code == 200, address
        assert "url(" not in text, address
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), address


def test_seeded_demo__twice__same_and_running(visitor: Client) -> None:
    seeding.seed_demo()
    seeding.seed_demo()
    assert [e.machine_name for e in Experiment.objects.all()] == ["related-articles-card"]
    text = visitor.get("/experiments/related-articles-card/results").content.decode()
    assert "No data yet" in text
    assert "synthetic" in text
    lifecycle.stop(Experiment.objects.get())
    seeding.seed_demo()
    assert not Experiment.objects.get().active
