"""The routes beside the events, over real HTTP, and the document that describes them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.intake.conftest import STREAMS, Intake, StartIntake, event, wait_until

from allotment.intake.answers import UNAVAILABLE
from allotment.intake.routes import EventPaths

SENT = {"/v1/events", "/v2/events", "/{prefix}/v1/events", "/{prefix}/v2/events"}


def document(intake: Intake) -> dict[str, Any]:
    found: dict[str, Any] = intake.request("GET", "/?spec").json()
    return found


@pytest.mark.parametrize(
    "path",
    ["/v2/events", "/evt-103e/v2/events", "/ins-502b/v1/events", "/EVT-103e/V2/events/"],
)
def test_events_path__any_prefix_and_version__201_and_preflight(intake: Intake, path: str) -> None:
    assert intake.send(event(), path).status == 201
    assert intake.send(event(), f"{path}?hasty=true").status == 202
    assert intake.request("OPTIONS", path).status == 204
    assert intake.request("GET", path).status == 405


@pytest.mark.parametrize(
    "path", ["/a/b/v2/events", "/v3/events", "/a_b/v1/events", "//v1/events", "/v1/eventsx", "/a/"]
)
def test_events_path__another_form__404(intake: Intake, path: str) -> None:
    assert intake.send(event(), path).status == 404


def test_events_path__prefixes_named__those_and_none_alone(start_intake: StartIntake) -> None:
    intake = start_intake(ALLOTMENT_EVENT_PREFIXES="/evt-103e,/deep/er.")
    wait_until(intake.ready, "ready")
    for path in ("/v1/events", "/evt-103e/v2/events", "/Deep/Er./v1/events/"):
        assert intake.send(event(), path).status == 201
        assert intake.request("OPTIONS", path).status == 204
    for path in ("/ins-502b/v2/events", "/deep/v1/events", "/deep/erx/v1/events", "/*/v1/events"):
        assert intake.send(event(), path).status == 404
        assert intake.request("OPTIONS", path).status == 404


@pytest.mark.parametrize(
    ("prefixes", "taken"), [((), []), (("*",), ["/a"]), (("/b/c", "*"), ["/a", "/b/c"])]
)
def test_event_paths__prefixes__which_are_taken(
    prefixes: tuple[str, ...], taken: list[str]
) -> None:
    paths = EventPaths(prefixes)
    assert paths.take("/v1/events")
    assert [one for one in ("/a", "/b/c", "/*") if paths.take(f"{one}/v2/events")] == taken


def test_stream_configs__names__only_those_and_no_unknown_one(intake: Intake) -> None:
    web, clicks = "product_metrics.web_base", "card-clicks"
    for names in (f"{web},{clicks},no-such", f"{web}%7C{clicks}", f"{web}%2C{clicks}/"):
        reply = intake.request("GET", f"/v1/stream-configs/{names}")
        assert (reply.status, reply.json()) == (200, {web: STREAMS[web], clicks: STREAMS[clicks]})
    assert intake.request("GET", "/v1/stream-configs/no-such").json() == {}
    assert intake.request("GET", "/v1/stream-configs/").json() == STREAMS


def test_robots__asked__keeps_crawlers_away(intake: Intake) -> None:
    reply = intake.request("GET", "/robots.txt")
    assert (reply.status, reply.body) == (200, b"User-agent: *\nDisallow: /\n")
    assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/metrics", "/_info", "/v1/stream-configs/a", "/robots.txt", "/?spec"],
)
def test_page__another_method__405_with_those_there_are(
    intake: Intake, path: str, method: str
) -> None:
    reply = intake.request(method, path)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    found = reply.json()
    assert (found["type"], found["method"]) == ("method_not_allowed", method)
    head = intake.request("HEAD", path)
    assert (head.status, head.body) == (intake.request("GET", path).status, b"")
    assert intake.request(method, "/nothing").status == 404


@pytest.mark.parametrize("path", ["/", "/?", "/?doc", "/?specs=1", "/x?spec"])
def test_root__not_asked_for_the_document__404(intake: Intake, path: str) -> None:
    assert intake.request("GET", path).status == 404


@pytest.mark.parametrize("path", ["/?spec", "/?spec=", "/?a=1&spec=yes"])
def test_document__asked__openapi_that_resolves_its_references(intake: Intake, path: str) -> None:
    reply = intake.request("GET", path)
    assert reply.status == 200
    found = reply.json()
    assert found["openapi"] == "3.1.0"
    for reference in re.findall(r'"\$ref":"#/components/schemas/(\w+)"', reply.body.decode()):
        assert reference in found["components"]["schemas"]


def test_document__every_path_of_it__is_served(intake: Intake) -> None:
    paths = document(intake)["paths"]
    assert set(paths) == SENT | {
        *("/", "/healthz", "/readyz", "/metrics", "/_info", "/robots.txt"),
        *("/v1/stream-configs", "/v1/stream-configs/{names}"),
    }
    for path, methods in paths.items():
        real = path.format(prefix="evt-103e", names="card-clicks")
        for method in {"get", "post", "options"} & set(methods):
            asked = "/?spec" if path == "/" else real
            status = intake.request(method.upper(), asked).status
            assert str(status) in methods[method]["responses"], (method, path)


def test_document__every_status_of_sending__named(intake: Intake) -> None:
    path = "/evt-103e/v2/events"
    large = b" " * ((4 << 20) + 1)
    seen = {
        intake.send(event(), path).status,
        intake.send(event(), f"{path}?hasty=1").status,
        intake.send([event(), 5], path).status,
        intake.send(5, path).status,
        intake.request("POST", path, b"x", content_type="image/png").status,
        intake.request("POST", path, large, content_type="text/plain").status,
        UNAVAILABLE,  # test_durability sees it
    }
    assert seen == {201, 202, 207, 400, 413, 415, 503}
    seen |= {405, 408, 414, 417, 431, 500}  # test_connection and test_receiver see them
    paths = document(intake)["paths"]
    for name in SENT:
        named = {int(status) for status in paths[name]["post"]["responses"]}
        assert named == (seen | {404} if "{prefix}" in name else seen)
        for method in ("post", "options"):
            headers = paths[name][method]["responses"]["405"]["headers"]
            assert headers["Allow"]["schema"]["const"] == "POST, OPTIONS"
    for name in set(paths) - SENT:
        responses = paths[name]["get"]["responses"]
        assert responses["405"]["headers"]["Allow"]["schema"]["const"] == "GET, HEAD"
        assert {"400", "408", "413", "414", "417", "431", "500", "503"} <= set(responses)


def test_document__every_reason__is_a_type_of_a_problem(intake: Intake) -> None:
    found = document(intake)["components"]["schemas"]["Refused"]
    assert set(found["required"]) > {"status", "type", "invalid", "error"}
    assert intake.send(event(), "/evt_103e/v2/events").status == 404
