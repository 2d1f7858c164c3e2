"""The recorder and its fixtures, as a site's own tests use them."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from tests.sdk.stand_ins import EXPERIMENT, INSTRUMENT, WEB_BASE, WEB_SCHEMA, Intake, Registry

from allotment.sdk import Client
from allotment.sdk.testing import Recorder, recording

NAME = "related-articles-card"


def test_force__any_visitor__is_in_the_group_and_events_are_kept(
    allotment: Recorder, allotment_client: Client
) -> None:
    allotment.force("search-prompt", "prompt")
    handle = allotment_client.visitor().get_experiment("search-prompt")
    assert handle.assigned_group == "prompt"
    assert handle.send_exposure()
    assert handle.send("click", {"element_friendly_name": "box"})
    assert allotment_client.visitor().submit_interaction(WEB_BASE, WEB_SCHEMA, "search")
    assert [event["action"] for event in allotment.of("search-prompt")] == [
        "experiment_exposure",
        "click",
    ]
    assert len(allotment.exposures("search-prompt")) == 1
    assert allotment.events[1]["element_friendly_name"] == "box"
    assert allotment.events[1]["experiments"]["coordinators"] == {"search-prompt": "forced"}
    assert len(allotment.events) == 3
    allotment.clear()
    assert allotment.events == []


def test_configure__experiment__the_law_draws_until_a_group_is_forced(
    allotment: Recorder, allotment_client: Client
) -> None:
    allotment.configure(experiments=[EXPERIMENT], instruments=[INSTRUMENT])
    browsers = [f"browser-{number}" for number in range(40)]

    def groups() -> set[str | None]:
        visitors = [allotment_client.visitor(browser_id=browser) for browser in browsers]
        return {visitor.get_experiment_bucket_value(NAME) for visitor in visitors}

    assert groups() == {"control", "card"}
    allotment.force(NAME, "card")
    assert groups() == {"card"}
    asked = allotment_client.visitor(overrides={NAME: "control"})
    assert asked.get_experiment_bucket_value(NAME) == "control"
    with pytest.raises(ValueError, match=f"{NAME} has no group 'crad'; give one of control, card"):
        allotment.force(NAME, "crad")
    allotment.force(NAME, None)
    assert groups() == {None}


def test_sample__instrument__everybody_is_in(allotment: Recorder, allotment_client: Client) -> None:
    allotment.sample("article-clicks", attributes=["page_id"])
    visitor = allotment_client.visitor(context={"page": {"id": 7}})
    assert visitor.get_instrument("article-clicks").send("click")
    assert not visitor.get_instrument("other").send("click")
    (event,) = allotment.of("article-clicks")
    assert event["page"] == {"id": 7}


def test_event__that_is_no_json__fails_the_test(
    allotment: Recorder, allotment_client: Client
) -> None:
    visitor = allotment_client.visitor()
    with pytest.raises(TypeError, match="not JSON serializable"):
        visitor.submit_interaction(WEB_BASE, WEB_SCHEMA, "click", {"page": {"id": {1, 2}}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        visitor.submit_interaction(WEB_BASE, WEB_SCHEMA, "click", {"page": {"id": float("nan")}})


def test_recording__client_from_before__speaks_to_no_network_and_goes_on_after(
    registry: Registry, intake: Intake
) -> None:
    with Client(registry_url=registry.url, intake_url=intake.url, site="demowiki") as client:
        assert client.configuration.wait(10)
        with recording() as allotment:
            assert client.visitor(browser_id="b").get_experiment_bucket_value(NAME) is None
            assert client.visitor().submit_interaction(WEB_BASE, WEB_SCHEMA, "kept")
        assert client.visitor(browser_id="b").get_experiment_bucket_value(NAME) is not None
        assert client.visitor().submit_interaction(WEB_BASE, WEB_SCHEMA, "sent")
        assert client.delivery.flush()
    assert [event["action"] for event in allotment.events] == ["kept"]
    assert [event["action"] for event in intake.events] == ["sent"]


def test_recording__client_made_within__starts_its_work_only_after(
    registry: Registry, intake: Intake
) -> None:
    with recording():
        client = Client(registry_url=registry.url, intake_url=intake.url, site="demowiki")
        client.visitor()
    assert registry.requests == []
    client.visitor()
    assert client.configuration.wait(10)
    assert registry.requests
    client.close()


def test_plugin__another_projects_tests__find_the_fixtures(tmp_path: Path) -> None:
    assert "allotment" in entry_points(group="pytest11").names
    (tmp_path / "test_site.py").write_text(
        "import pytest\n"
        "from allotment.sdk import Client\n"
        "CLIENT = Client(registry_url='http://127.0.0.1:9', intake_url='http://127.0.0.1:9/',\n"
        "                site='mywiki')\n"
        "@pytest.mark.parametrize('group', ['control', 'prompt'])\n"
        "def test_search(allotment, group):\n"
        "    allotment.force('search-prompt', group)\n"
        "    assert CLIENT.visitor().get_experiment('search-prompt').send('click')\n"
        "    assert len(allotment.events) == 1\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_library__imported__brings_in_no_pytest() -> None:
    program = "import sys, allotment.sdk, allotment.sdk.testing; print('pytest' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
