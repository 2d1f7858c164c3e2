"""Events: Python makes those of all vectors, and these cover what they promise."""

from collections import Counter
from typing import Any

import pytest
from tests.vector_files import read_vectors

from allotment.sdk import Client
from allotment.sdk.testing import recording


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_vectors("events.json")["cases"]
    return found


def test_events_json__cases__cover_what_they_promise() -> None:
    made: Counter[str] = Counter()
    for case in cases():
        for (kind, *_), event in zip(case["calls"], case["events"], strict=True):
            made[f"{kind} {'sent' if event else 'not sent'}"] += 1
    assert len(made) == 8
    assert min(made.values()) > 30
    events = [event for case in cases() for event in case["events"] if event]
    assert any("sample" in event for event in events)
    assert any(event["meta"].get("request_id") == "kept" for event in events)
    assert any(event.get("funnel_event_sequence_position") == 2 for event in events)
    assert not any("forged" in str(event) for event in events)


def made_by(case: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any] | None]]:
    """The membership and the events of a case, without what differs by client and moment."""
    with recording() as recorder:
        recorder.configure(experiments=case["experiments"], instruments=case["instruments"])
        recorder._streams = case["streams"]
        address = "http://127.0.0.1:9"
        client = Client(
            registry_url=address,
            intake_url=address,
            site=case["site"],
            domain=case["domain"],
        )
        visitor = client.visitor(
            user_id=case["user_id"],
            session_id=case["session_id"],
            overrides=case["overrides"],
            context=case["context"],
        )
        events: list[dict[str, Any] | None] = []
        for kind, name, *given in case["calls"]:
            match kind:
                case "interaction":
                    sent = visitor.submit_interaction(name, *given)
                case "experiment":
                    sent = visitor.get_experiment(name).send(*given)
                case "exposure":
                    sent = visitor.get_experiment(name).send_exposure()
                case _:
                    sent = visitor.get_instrument(name).send(*given)
            assert sent == (len(recorder.events) > 0)
            events.append(recorder.events[0] if sent else None)
            recorder.clear()
    for event in events:
        if event is not None:
            del event["dt"], event["meta"]["id"], event["agent"]
    return visitor.membership.to_event(), events


@pytest.mark.parametrize("part", range(5))
def test_visitor__calls_of_all_vectors__agree(part: int) -> None:
    for case in cases()[part::5]:
        member, events = made_by(case)
        assert member == case["membership"], case
        for call, found, said in zip(case["calls"], events, case["events"], strict=True):
            assert found == said, (call, case)
