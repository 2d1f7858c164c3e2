"""Requests as bytes on a socket: what is understood, in which order, and what is refused."""

from __future__ import annotations

import json
import time

import pytest
from tests.intake.conftest import Intake, StartIntake, event, wait_until
from tests.intake.raw_http import Raw, get, listening, post

from allotment.intake import answers
from allotment.intake.connection import Reply
from allotment.intake.request import Request

EVENT = json.dumps(event()).encode()
HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"


def test_pipelining__several_in_one_write__answered_in_order(intake: Intake) -> None:
    with Raw(intake.port) as raw:
        raw.send(post(EVENT) + get("/nothing") + post(b"{") + get("/healthz") + post(EVENT))
        assert [raw.status() for _ in range(5)] == [201, 404, 400, 200, 201]
    assert len(intake.records()) == 2


def test_pipelining__a_thousand__all_answered(intake: Intake) -> None:
    with Raw(intake.port) as raw:
        raw.send(get("/healthz") * 1000 + post(EVENT))
        assert {raw.status() for _ in range(1000)} == {200}
        assert raw.status() == 201


def test_request__byte_by_byte__understood(intake: Intake) -> None:
    sent = CHUNKED + b"\r\n%x;x=y\r\n%b\r\n0\r\nA: b\r\n\r\n" % (len(EVENT), EVENT)
    with Raw(intake.port) as raw:
        for at in range(len(sent)):
            raw.send(sent[at : at + 1])
        assert raw.status() == 201
        raw.send(post(EVENT))
        assert raw.status() == 201
    assert len(intake.records()) == 2


REFUSED = {
    "length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "the same length twice": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "lengths in a list": HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
    "signed length": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "length of another base": HEAD + b"Content-Length: 0x2\r\n\r\n{}",
    "endless length": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "two kinds of body": HEAD + b"Content-Type: text/plain\r\nContent-Type: text/html\r\n"
    b"Content-Length: 2\r\n\r\n{}",
    "packed in two ways": HEAD + b"Content-Encoding: gzip\r\nContent-Encoding: deflate\r\n"
    b"Content-Length: 2\r\n\r\n{}",
    "chunks twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "packed in chunks": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks not last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "space before the colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunk size that is none": CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
    "negative chunk": CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
    "chunk of another base": CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "endless chunk": CHUNKED + b"\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunk longer than said": CHUNKED + b"\r\n2\r\n{}{}\r\n0\r\n\r\n",
    "folded header": HEAD + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": HEAD + b"A: b\x00c\r\n\r\n",
    "NUL in a name": HEAD + b"A\x00: b\r\n\r\n",
    "carriage return in a value": HEAD + b"A: b\rc\r\n\r\n",
    "bare line feeds": b"POST /v1/events HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "another version": b"GET /healthz HTTP/3.1\r\nHost: x\r\n\r\n",
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "unknown method": b"GRAB /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in the path": b"GET /health z HTTP/1.1\r\nHost: x\r\n\r\n",
    "path that is no ASCII": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "no path": b"GET healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "tunnel": b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "upgrade": HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_request__may_be_read_in_two_ways_or_none__400_and_closed(
    intake: Intake, sent: bytes
) -> None:
    with Raw(intake.port) as raw:
        raw.send(sent + post(EVENT))
        status, headers, body = raw.answer()
        assert (status, headers["connection"]) == (400, "close")
        assert json.loads(body)["type"] == "bad_request"
        assert raw.ended()
    assert intake.records() == []
    assert intake.ready()


def test_request__refused_behind_good_ones__they_are_answered_first(intake: Intake) -> None:
    with Raw(intake.port) as raw:
        raw.send(post(EVENT) + post(EVENT) + b"nonsense\r\n\r\n")
        assert [raw.status() for _ in range(3)] == [201, 201, 400]
        assert raw.ended()


def test_request__refused_while_its_client_still_sends__the_answer_is_not_lost(
    intake: Intake,
) -> None:
    with Raw(intake.port) as raw:
        raw.send(REFUSED["two lengths"])
        for _ in range(20):
            raw.send(b" " * 50_000)
            time.sleep(0.01)  # for a reset to arrive, where one comes
        assert raw.status() == 400


def test_target__a_whole_url_or_escaped__its_path_counts(intake: Intake) -> None:
    with Raw(intake.port) as raw:
        raw.send(post(EVENT, "http://x/v1/events?hasty=0"))
        assert raw.status() == 201
        raw.send(post(EVENT, "/%76%31/events"))
        assert raw.status() == 201


@pytest.mark.parametrize(
    ("sent", "stays"),
    [
        (get("/healthz"), True),
        (get("/healthz", "Connection: keep-alive"), True),
        (get("/healthz", "Connection: close"), False),
        (get("/healthz", version="1.0"), False),
        (get("/healthz", "Connection: keep-alive", version="1.0"), True),
    ],
)
def test_connection__as_asked__kept_or_closed(intake: Intake, sent: bytes, stays: bool) -> None:
    with Raw(intake.port) as raw:
        raw.send(sent)
        status, headers, _ = raw.answer()
        assert status == 200
        assert (headers.get("connection") == "close") is not stays
        if b"1.0" in sent and stays:
            assert headers["connection"] == "keep-alive"
        if stays:
            raw.send(get("/healthz"))
            assert raw.status() == 200
        else:
            assert raw.ended()


def test_head__asked__headers_alone(intake: Intake) -> None:
    with Raw(intake.port) as raw:
        raw.send(get("/healthz", method="HEAD") + get("/robots.txt"))
        status, headers, _ = raw.answer(has_body=False)
        assert (status, headers["content-length"]) == (200, "15")
        assert raw.answer()[2].startswith(b"User-agent")


def test_expect__continue__told_to_before_the_body(intake: Intake) -> None:
    whole = post(EVENT, "/v1/events", "Expect: 100-continue")
    with Raw(intake.port) as raw:
        for _ in range(2):
            raw.send(whole[: -len(EVENT)])
            assert raw.status() == 100
            raw.send(EVENT)
            assert raw.status() == 201


def test_expect__behind_another__told_in_its_turn(intake: Intake) -> None:
    whole = post(EVENT, "/v1/events", "Expect: 100-continue")
    with Raw(intake.port) as raw:
        raw.send(post(EVENT) + whole[: -len(EVENT)])
        assert [raw.status(), raw.status()] == [201, 100]
        raw.send(EVENT)
        assert raw.status() == 201


def test_expect__what_cannot_be__refused_without_the_body(intake: Intake) -> None:
    with Raw(intake.port) as raw:
        raw.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 5000000\r\n\r\n")
        assert raw.status() == 413
    with Raw(intake.port) as raw:
        raw.send(HEAD + b"Expect: coffee\r\nContent-Length: 5\r\n\r\n")
        assert raw.status() == 417


def test_half_closed__request_sent_whole__answered(intake: Intake) -> None:
    with Raw(intake.port) as raw:
        raw.send(post(EVENT) + post(EVENT))
        raw.half_close()
        assert [raw.status(), raw.status()] == [201, 201]
        assert raw.ended()


def test_half_closed__request_cut_off__closed_and_nothing_stored(intake: Intake) -> None:
    with Raw(intake.port) as raw:
        raw.send(post(EVENT)[:-1])
        raw.half_close()
        assert raw.ended()
    assert intake.records() == []


def test_body__too_large__413_and_the_connection_lives_on(start_intake: StartIntake) -> None:
    intake = start_intake(ALLOTMENT_MAX_BODY_BYTES="5000")
    wait_until(intake.ready, "ready")
    with Raw(intake.port) as raw:
        raw.send(post(b" " * 2_000_000))
        assert raw.status() == 413
        raw.send(post(EVENT))
        assert raw.status() == 201
        raw.send(HEAD + b"Content-Length: 99999999999\r\n\r\n" + b" " * 200_000)
        assert raw.answer()[1]["connection"] == "close"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (get("/" + "a" * 9000), 414),
        (get("/healthz", "A: " + "a" * 40_000), 431),
        (get("/healthz", *(f"A{n}: b" for n in range(200))), 431),
        (get("/healthz", *(["A: " + "b" * 1000] * 50)), 431),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 1_000_000, 431),
        (CHUNKED + b"\r\n0\r\nA: " + b"a" * 1_000_000, 400),
        (CHUNKED + b"\r\n0\r\n" + b"A: b\r\n" * 100_000, 431),
    ],
    ids=["target", "header", "headers", "one header", "no end", "trailer no end", "trailers"],
)
def test_head__too_large__refused_and_closed(intake: Intake, sent: bytes, status: int) -> None:
    with Raw(intake.port) as raw:
        raw.send(sent)
        assert raw.status() == status
        assert raw.ended()


def hello(request: Request, reply: Reply) -> None:
    if request.problem is not None:
        reply(answers.refusal(request.problem, method=request.method, uri=request.path))
    else:
        reply(answers.text_answer(f"{request.method} {len(request.body)}", "text/plain"))


def test_head__never_ends__408() -> None:
    with listening(hello, head_seconds=0.3) as running, Raw(running.port) as raw:
        raw.send(get("/") + b"GET / HTTP/1.1\r\nHost")
        assert raw.status() == 200
        until = time.monotonic() + 30
        while not raw_has_answer(raw):
            assert time.monotonic() < until
            raw.send(b"x")
        assert raw.status() == 408
        assert running.refused == [408]


def raw_has_answer(raw: Raw) -> bool:
    raw.socket.settimeout(0.05)
    try:
        raw._read()
    except TimeoutError:
        return False
    finally:
        raw.socket.settimeout(30)
    return True


def test_body__slower_than_the_least_rate__408_and_its_memory_is_free() -> None:
    with listening(hello, body_seconds=0.2, body_rate=2000.0) as running:
        with Raw(running.port) as raw:
            raw.send(post(b"x" * 5000)[:-4990])
            assert raw.status() == 408
        wait_until(lambda: running.listener.memory.held == 0, "its memory is free")


def test_body__slow_but_steady__read() -> None:
    with (
        listening(hello, body_seconds=1.0, body_rate=1000.0) as running,
        Raw(running.port) as raw,
    ):
        sent = post(b"x" * 5000)
        raw.send(sent[:-5000])
        for _ in range(10):
            raw.send(b"x" * 500)
            time.sleep(0.12)  # its pace is what is tested
        assert raw.answer()[2] == b"POST 5000"


def test_idle__too_long__closed() -> None:
    with listening(hello, idle_seconds=0.3) as running, Raw(running.port) as raw:
        raw.send(get("/"))
        assert raw.status() == 200
        assert raw.ended()
        wait_until(lambda: running.listener.connections == 0, "it is forgotten")


def test_memory__full_of_bodies__503_for_large_ones_alone_and_given_back() -> None:
    with listening(hello, body_bytes=8 << 20) as running:
        most = running.listener.memory.limit
        part = post(b"x" * (8 << 20))[: -(1 << 20)]
        holding = [Raw(running.port) for _ in range(most // (7 << 20) + 1)]
        for raw in holding:
            raw.send(part)
        wait_until(lambda: running.listener.memory.held > most - (8 << 20), "memory is full")
        with Raw(running.port) as raw:
            raw.send(post(b"x" * (8 << 20)))
            status, headers, _ = raw.answer()
            assert (status, headers["retry-after"]) == (503, "5")
            raw.send(post(b"x" * 1000))
            assert raw.answer()[2] == b"POST 1000"
        assert running.listener.memory.held <= most
        for raw in holding:
            raw.socket.close()
        wait_until(lambda: running.listener.memory.held == 0, "all is given back")


def test_connections__too_many__503_for_the_next() -> None:
    with listening(hello, connections=2) as running:
        with Raw(running.port) as first, Raw(running.port) as second:
            for raw in (first, second):
                raw.send(get("/"))
                assert raw.status() == 200
            with Raw(running.port) as third:
                status, headers, _ = third.answer()
                assert (status, headers["retry-after"]) == (503, "5")
                assert third.ended()
            first.send(get("/"))
            assert first.status() == 200
        wait_until(lambda: running.listener.connections == 0, "all are gone")
        with Raw(running.port) as raw:
            raw.send(get("/"))
            assert raw.status() == 200


def test_answers__not_read__no_more_work_is_done_and_the_client_is_cut_off() -> None:
    worked: list[Request] = []
    large = answers.Answer(200, answers.JSON_HEADERS, b"x" * (1 << 20))

    def answer_much(request: Request, reply: Reply) -> None:
        worked.append(request)
        reply(large)

    with listening(answer_much, write_seconds=0.3, body_rate=1e9) as running:
        with Raw(running.port) as raw:
            raw.send(get("/") * 500)
            assert [raw.status() for _ in range(12)] == [200] * 12
            wait_until(lambda: running.listener.memory.held > 0, "an answer waits")
            assert len(worked) < 50
            wait_until(lambda: running.listener.connections == 0, "it is cut off")
        assert running.listener.memory.held == 0
        assert len(worked) < 50


def test_stop__request_half_sent__answered_and_closed_idle_closed_at_once() -> None:
    with listening(hello) as running, Raw(running.port) as idle, Raw(running.port) as busy:
        idle.send(get("/"))
        assert idle.status() == 200
        busy.send(post(b"x" * 100)[:-50])
        wait_until(lambda: running.listener.memory.held == 50, "half of it has come")
        stopping = running.listener.stop()
        running.loop.call_soon_threadsafe(running.loop.create_task, stopping)
        assert idle.ended()
        busy.send(b"x" * 50)
        status, headers, _ = busy.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert busy.ended()


def test_stop__request_never_finished__cut_off_in_bounded_time() -> None:
    with listening(hello, stop_seconds=0.3) as running, Raw(running.port) as raw:
        raw.send(post(b"x" * 100)[:-50])
        wait_until(lambda: running.listener.memory.held == 50, "half of it has come")
        started = time.monotonic()
        running.call(running.listener.stop)
        assert time.monotonic() - started < 10
        assert raw.ended()
