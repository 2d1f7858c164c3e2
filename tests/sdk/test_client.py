import asyncio
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.sdk.stand_ins import WEB_BASE, WEB_SCHEMA, Intake, Registry, wait_until

from allotment.allocation import keyed_subject_id, subject_hash
from allotment.sdk import Client
from allotment.sdk.page import head_html

BROWSER = "0123456789abcdef0123456789abcdef"
SESSION = "0123456789abcdef0123"
NAME = "related-articles-card"


def sent(client: Client, intake: Intake) -> list[dict[str, Any]]:
    assert client.delivery.flush()
    return intake.events


def test_submit_interaction__event__has_membership_and_requested_context(
    client: Client, intake: Intake
) -> None:
    visitor = client.visitor(browser_id=BROWSER, session_id=SESSION)
    before = datetime.now(UTC)
    assert visitor.submit_interaction(WEB_BASE, WEB_SCHEMA, "search", {"action_source": "box"})
    (event,) = sent(client, intake)
    assert uuid.UUID(event["meta"].pop("id")).version == 4
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["dt"])
    assert abs((datetime.fromisoformat(event.pop("dt")) - before).total_seconds()) < 5
    assert event == {
        "$schema": WEB_SCHEMA,
        "action": "search",
        "action_source": "box",
        "agent": {},
        "mediawiki": {"database": "demowiki"},
        "meta": {"stream": WEB_BASE, "domain": "demo.example"},
        "experiments": {
            "enrolled": [NAME],
            "assigned": {NAME: visitor.get_experiment_bucket_value(NAME)},
            "subject_ids": {NAME: subject_hash(BROWSER, NAME)},
            "sampling_units": {NAME: "edge-unique"},
            "coordinators": {NAME: "default"},
            "versions": {NAME: "3"},
        },
    }


def test_submit_interaction__data__cannot_replace_what_the_library_says(
    client: Client, intake: Intake
) -> None:
    forged = {
        "$schema": "/other/1.0.0",
        "action": "other",
        "dt": "1999-01-01T00:00:00Z",
        "meta": {"stream": "other", "domain": "other", "id": "other", "request_id": "kept"},
        "experiments": {"enrolled": ["other"]},
        "sample": {"unit": "device", "rate": 1},
        "mediawiki": {"skin": "kept", "database": "replaced"},
    }
    client.visitor().submit_interaction(WEB_BASE, WEB_SCHEMA, "click", forged)
    (event,) = sent(client, intake)
    assert event["$schema"] == WEB_SCHEMA
    assert event["action"] == "click"
    assert event["dt"] > "2026"
    assert event["meta"]["stream"] == WEB_BASE
    assert event["meta"]["domain"] == "demo.example"
    assert event["meta"]["id"] != "other"
    assert event["meta"]["request_id"] == "kept"
    assert event["mediawiki"] == {"skin": "kept", "database": "replaced"}
    assert "experiments" not in event
    assert "sample" not in event


def test_submit_interaction__given_time__is_the_events(client: Client, intake: Intake) -> None:
    moment = datetime(2026, 11, 22, 2, 55, 9, 429_999, tzinfo=UTC)
    client.visitor().submit_interaction(WEB_BASE, WEB_SCHEMA, "click", at=moment)
    assert sent(client, intake)[0]["dt"] == "2026-11-22T02:55:09.429Z"


def test_submit_interaction__mistakes__are_counted_and_not_sent(
    client: Client, intake: Intake
) -> None:
    visitor = client.visitor()
    assert not visitor.submit_interaction("nowhere", WEB_SCHEMA, "click")
    assert not visitor.submit_interaction(WEB_BASE, WEB_SCHEMA, "")
    assert not visitor.get_instrument("none").send("click")
    assert not visitor.get_experiment(NAME).send("click")
    assert client.refused == {
        "unknown_stream": 1,
        "no_action": 1,
        "unknown_instrument": 1,
        "not_enrolled": 1,
    }
    assert sent(client, intake) == []


def test_submit_interaction__instruments_stream__goes_to_its_target(
    client: Client, intake: Intake
) -> None:
    visitor = client.visitor(session_id=SESSION, context={"page": {"id": 7}})
    visitor.submit_interaction("demo-article-clicks", WEB_SCHEMA, "click")
    (event,) = sent(client, intake)
    assert event["meta"]["stream"] == WEB_BASE
    assert event["page"] == {"id": 7}
    assert event["sample"] == {"unit": "session", "rate": 1}


@pytest.mark.parametrize(
    ("sample", "session", "goes"),
    [
        ({"unit": "session", "rate": 0.5}, "7fffffff000000000000", True),
        ({"unit": "session", "rate": 0.5}, "80000000000000000000", False),
        ({"unit": "session", "rate": 1}, None, False),
        ({"unit": "session", "rate": 0}, "00000000000000000000", False),
        ({"unit": "pageview", "rate": 1}, None, True),
        ({"unit": "device", "rate": 1}, SESSION, False),
        ({"unit": "session", "rate": "0.5"}, SESSION, True),
        ({"unit": "session", "rate": " 1"}, SESSION, False),
        ("all", SESSION, False),
    ],
)
def test_submit_interaction__sampled_stream__follows_the_law(
    client: Client,
    registry: Registry,
    intake: Intake,
    sample: object,
    session: str | None,
    goes: bool,
) -> None:
    registry.streams = {"sampled": {"sample": sample}}
    wait_until(lambda: "sampled" in client.configuration.current().streams, "the stream arrives")
    visitor = client.visitor(session_id=session)
    assert visitor.submit_interaction("sampled", WEB_SCHEMA, "click") is goes
    events = sent(client, intake)
    assert len(events) == goes
    assert all(isinstance(event["sample"]["rate"], float) for event in events)


def test_instrument__by_name_alone__event_has_all(client: Client, intake: Intake) -> None:
    visitor = client.visitor(session_id=SESSION, context={"page": {"id": 7, "title": "Leek"}})
    instrument = visitor.get_instrument("demo-article-clicks")
    assert instrument.is_in_sample
    assert instrument.send("impression", {"instrument_name": "forged"})
    assert visitor.get_instrument("demo-article-clicks").send("click")
    first, second = sent(client, intake)
    assert first["$schema"] == WEB_SCHEMA
    assert first["instrument_name"] == "demo-article-clicks"
    assert first["page"] == {"id": 7}
    assert "mediawiki" not in first, "the stream asks for it, the instrument does not"
    assert first["sample"] == {"unit": "session", "rate": 1}
    assert first["meta"]["stream"] == WEB_BASE
    positions = [e["funnel_event_sequence_position"] for e in (first, second)]
    assert positions == [1, 2]


def test_instrument__other_rate_at_this_site__is_out(registry: Registry, intake: Intake) -> None:
    with Client(registry_url=registry.url, intake_url=intake.url, site="quietwiki") as quiet:
        assert quiet.configuration.wait(10)
        instrument = quiet.visitor(session_id=SESSION).get_instrument("demo-article-clicks")
        assert not instrument.is_in_sample
        assert not instrument.send("click")
        assert quiet.refused == {"not_sampled": 1}


def test_instrument__ended__is_out(client: Client, registry: Registry) -> None:
    registry.instruments = [{**registry.instruments[0], "end": "2020-02-01T00:00:00Z"}]
    wait_until(
        lambda: client.configuration.current().instruments["demo-article-clicks"].end.year == 2020,  # type: ignore[union-attr]
        "the end arrives",
    )
    assert not client.visitor(session_id=SESSION).get_instrument("demo-article-clicks").is_in_sample


def test_experiment__enrolled__sends_to_its_stream(client: Client, intake: Intake) -> None:
    visitor = client.visitor(browser_id=BROWSER, user_id="4")
    handle = visitor.get_experiment(NAME)
    assert handle.assigned_group in {"control", "card"}
    assert handle.is_assigned_group("control", "card")
    assert not handle.is_assigned_group("other")
    assert handle.send("click")
    assert handle.send_exposure()
    click, exposure = sent(client, intake)
    assert click["meta"]["stream"] == WEB_BASE
    assert click["performer"] == {"is_logged_in": True}
    assert exposure["action"] == "experiment_exposure"


def test_experiment__forced__event_says_so(client: Client, intake: Intake) -> None:
    visitor = client.visitor(browser_id=BROWSER, overrides={NAME: "card", "unknown-one": "b"})
    assert visitor.get_experiment_bucket_value(NAME) == "card"
    assert visitor.get_experiment("unknown-one").assigned_group == "b"
    assert visitor.get_experiment(NAME).send("click")
    (event,) = sent(client, intake)
    assert event["experiments"]["coordinators"] == {NAME: "forced", "unknown-one": "forced"}
    assert event["experiments"]["subject_ids"][NAME] == "overridden"


def test_experiment__forced_and_not_configured__goes_to_the_web_stream(
    client: Client, intake: Intake
) -> None:
    assert client.visitor(overrides={"draft": "b"}).get_experiment("draft").send("click")
    (event,) = sent(client, intake)
    assert event["meta"]["stream"] == WEB_BASE
    assert event["$schema"] == WEB_SCHEMA
    assert event["instrument_name"] == "draft"
    assert event["experiments"]["coordinators"] == {"draft": "forced"}


def test_experiment__forced_and_no_web_stream_either__is_counted(
    client: Client, registry: Registry
) -> None:
    registry.streams = {"other": {}}
    wait_until(lambda: WEB_BASE not in client.configuration.current().streams, "it is gone")
    visitor = client.visitor(overrides={"draft": "b", NAME: "card"})
    assert not visitor.get_experiment("draft").send("click")
    assert not visitor.get_experiment(NAME).send("click")
    assert client.refused == {"unknown_experiment": 1, "unknown_stream": 1}


def test_send_exposure__again__is_sent_once_for_each_visitor(
    client: Client, intake: Intake
) -> None:
    for _ in range(2):
        visitor = client.visitor(browser_id=BROWSER)
        assert visitor.get_experiment(NAME).send_exposure()
        assert not visitor.get_experiment(NAME).send_exposure()
    assert len(sent(client, intake)) == 2
    assert client.refused == {"already_exposed": 2}


def test_send_exposure__that_was_not_queued__may_be_tried_again(client: Client) -> None:
    experiment = client.visitor().get_experiment(NAME)
    assert not experiment.send_exposure()
    assert not experiment.send_exposure()
    assert client.refused == {"not_enrolled": 2}


def test_instrument__own_position__stays_and_is_not_counted(client: Client, intake: Intake) -> None:
    instrument = client.visitor(session_id=SESSION).get_instrument("demo-article-clicks")
    for position in (None, 9, None):
        assert instrument.send("click", {"funnel_event_sequence_position": position})
    positions = [event["funnel_event_sequence_position"] for event in sent(client, intake)]
    assert positions == [1, 9, 2]


def test_visitor__targeted_experiment__the_context_of_the_request_decides(
    client: Client, registry: Registry
) -> None:
    targeted = {**registry.experiments[0], "targeting": {"page_namespace_id": {"equals": 0}}}
    registry.experiments = [targeted]
    wait_until(
        lambda: client.configuration.current().experiments[NAME].targeting != (), "it is targeted"
    )
    for namespace, enrolled in [(0, True), (1, False)]:
        visitor = client.visitor(browser_id=BROWSER, context={"page": {"namespace_id": namespace}})
        assert (visitor.get_experiment_bucket_value(NAME) is not None) is enrolled


def test_visitor__one_request__sees_one_configuration(client: Client, registry: Registry) -> None:
    visitor = client.visitor(browser_id=BROWSER)
    registry.experiments = []
    wait_until(lambda: not client.configuration.current().experiments, "it is switched off")
    assert visitor.get_experiment_bucket_value(NAME) is not None
    assert client.visitor(browser_id=BROWSER).get_experiment_bucket_value(NAME) is None


@pytest.mark.parametrize("secret", ["a secret of some length", b"a secret of some length"])
def test_subject_key__event_and_page__have_the_keyed_id_alone(
    registry: Registry, intake: Intake, secret: str | bytes
) -> None:
    with Client(
        registry_url=registry.url, intake_url=intake.url, site="demowiki", subject_key=secret
    ) as keyed:
        assert keyed.configuration.wait(10)
        visitor = keyed.visitor(browser_id=BROWSER)
        assert visitor.get_experiment(NAME).send("click")
        (event,) = sent(keyed, intake)
        expected = keyed_subject_id(b"a secret of some length", BROWSER, NAME)
        assert event["experiments"]["subject_ids"] == {NAME: expected}
        head = head_html(visitor, "http://intake", "demowiki")
        assert expected in head
        assert subject_hash(BROWSER, NAME) not in head
        assert str(secret) not in repr(vars(visitor)) + repr(keyed) + str(keyed.describe())
        assert keyed.describe()["subject_ids"] == "keyed"


@pytest.mark.parametrize("secret", ["", b"", "too short"])
def test_subject_key__no_secret__refused_at_once(secret: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"subject_key has . bytes; give a secret of at least 16"):
        Client(
            registry_url="http://127.0.0.1:9",
            intake_url="http://127.0.0.1:9/v1/events",
            site="demowiki",
            subject_key=secret,
        )


def test_aclose__slow_intake__delivers_and_holds_up_no_event_loop(
    registry: Registry, intake: Intake
) -> None:
    intake.script = [(503, b"")] * 3  # some tries with pauses between them

    async def site() -> int:
        ticks = 0
        async with Client(
            registry_url=registry.url, intake_url=intake.url, site="demowiki"
        ) as client:
            assert await asyncio.to_thread(client.configuration.wait, 10)
            assert client.visitor().submit_interaction(WEB_BASE, WEB_SCHEMA, "click")
            closing = asyncio.create_task(client.aclose())
            while not closing.done():
                await asyncio.sleep(0.001)
                ticks += 1
        return ticks

    assert asyncio.run(site()) > 10
    assert [event["action"] for event in intake.events] == ["click"]


def test_describe__names_age_version_and_counts(client: Client, intake: Intake) -> None:
    client.visitor().submit_interaction(WEB_BASE, WEB_SCHEMA, "click")
    sent(client, intake)
    found = client.describe()
    assert found["configuration"]["version"] == 1
    assert found["configuration"]["age_seconds"] < 5
    assert found["delivery"]["accepted"] == 1
    assert found["refused"] == {}
    assert found["subject_ids"] == "plain"
