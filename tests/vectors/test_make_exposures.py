"""Exposures: Python tells those of all vectors of one request, which cover what they promise."""

from typing import Any

from tests.vector_files import read_vectors

from allotment.sdk import Client
from allotment.sdk.documents import DEFAULT_STREAM
from allotment.sdk.testing import recording


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_vectors("exposures.json")["cases"]
    return found


def test_exposures_json__cases__cover_what_they_promise() -> None:
    requests = [case for case in cases() if case["request"]]
    assert len(cases()) == 150
    assert len(requests) > 40
    assert any(
        step["told"] and index for case in requests for index, step in enumerate(case["steps"])
    )
    assert max(sum(step["told"] for step in case["steps"]) for case in cases()) > 11
    steps = [step for case in cases() for step in case["steps"]]
    assert any(step["reset"] and step["told"] for step in steps)
    assert 0.3 < sum(step["told"] for step in steps) / len(steps) < 0.7


def test_send_exposure__all_vectors_of_one_request__agree() -> None:
    address = "http://127.0.0.1:9"
    for case in cases():
        if not case["request"]:
            continue
        with recording():
            client = Client(registry_url=address, intake_url=address, site="mywiki")
            visitor = client.visitor(overrides={"foo": case["steps"][0]["group"]})
            streams = visitor.configuration.streams
            assert isinstance(streams, dict)
            for step in case["steps"]:
                # Where its stream is gone an event cannot be handed over.
                stream = None if step["handed"] else streams.pop(DEFAULT_STREAM)
                assert visitor.get_experiment("foo").send_exposure() is step["told"], case
                if stream is not None:
                    streams[DEFAULT_STREAM] = stream
