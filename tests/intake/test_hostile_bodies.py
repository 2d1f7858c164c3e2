"""Bodies made to hurt are answered in bounded time and memory, and others are served beside them.

The bounds are `SPENT_SECONDS` of processor time a request, `GROWTH_BYTES` of memory at its peak,
and `BESIDE_SECONDS` for a small valid event that another client sends meanwhile.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.intake.answer_shapes import check_answer, problem_type
from tests.intake.conftest import (
    JSON,
    STREAMS,
    WEB,
    Intake,
    Reply,
    event,
    stand_in_registry,
    wait_until,
)

SPENT_SECONDS = 2.0
BESIDE_SECONDS = 5.0
"""On a clock, and not of the process alone: a busy machine has its share in it."""
GROWTH_BYTES = 400 << 20
"""A body of 4 MiB is some 250 MB as Python values where it is all keys."""
KEPT_BYTES = 300 << 20
"""After all of them: what the allocator does not give back."""
LARGEST = 4 << 20
STREAM = "product_metrics.web_base"
EDGE = "edge.stream"
EVIL_HEADER = ";".join(f"experiment-{n:05d}=group/{'x' * 8}" for n in range(600))


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    """One process that takes them all."""
    edge = {**STREAMS[STREAM], "stream": EDGE, "producers": {"eventgate": {}}}
    edge["producers"]["eventgate"]["use_edge_uniques"] = True
    with stand_in_registry() as registry:
        registry.serve({**STREAMS, EDGE: edge}, "7")
        found = Intake(tmp_path_factory.mktemp("attacked") / "data", registry.url)
        wait_until(found.ready, "the intake is ready")
        assert found.send(event()).status == 201
        before = memory(found, "VmRSS")
        yield found
        assert found.process.poll() is None
        assert found.ready()
        assert memory(found, "VmRSS") < before + KEPT_BYTES
        assert found.stop() == "", "it printed something: a fault that nobody foresaw"


def memory(intake: Intake, what: str) -> int:
    """A value of /proc/…/status, in bytes."""
    status = Path(f"/proc/{intake.process.pid}/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0]) << 10


def spent(intake: Intake) -> float:
    """User and system time of the process so far, in seconds."""
    fields = Path(f"/proc/{intake.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(eq=False)
class Beside(threading.Thread):
    """A client that sends small valid events all the while."""

    port: int
    slowest: float = 0.0
    answers: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        """Until told to stop."""
        body = json.dumps(event())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not (self.answers and self.stop.is_set()):
            began = time.monotonic()
            connection.request("POST", "/v1/events", body, {"content-type": JSON})
            answer = connection.getresponse()
            answer.read()
            self.answers.append(answer.status)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.stop.wait(0.02)
        connection.close()


def attack(intake: Intake, body: bytes, path: str = "/v1/events", **headers: str) -> Reply:
    """Send a body, hold everything to its bounds, and give the answer."""
    with suppress(PermissionError):  # without the right to, the peak is that of the whole module
        Path(f"/proc/{intake.process.pid}/clear_refs").write_text("5")
    held, began = memory(intake, "VmRSS"), spent(intake)
    beside = Beside(intake.port)
    beside.start()
    try:
        reply = intake.request("POST", path, body, **{"content_type": JSON, **headers})
    finally:
        beside.stop.set()
        beside.join()
    check_answer(reply)
    assert set(beside.answers) == {201}
    assert beside.slowest < BESIDE_SECONDS
    assert spent(intake) - began < SPENT_SECONDS
    assert memory(intake, "VmHWM") < held + GROWTH_BYTES
    assert intake.request("GET", "/healthz").status == 200
    return reply


def web(more: str = "", **changes: object) -> bytes:
    """A valid event with something written into it, which JSON libraries would not write."""
    text = json.dumps(event(**changes))
    return f"{text[:-1]},{more}}}".encode() if more else text.encode()


def many(count: int, item: Callable[[int], str]) -> str:
    return ",".join(map(item, range(count)))


def keys(count: int, value: str) -> str:
    return "{" + many(count, lambda n: f'"{n:x}":{value}') + "}"


DEPTHS = [100, *range(249, 257), 1000, 1023, 1024, 1025, 10**5, 2 * 10**6]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("shape", ["arrays", "objects", "mixed"])
@pytest.mark.parametrize("where", ["alone", "in a field", "in an open map", "unknown schema"])
def test_depth__any__4xx(attacked: Intake, depth: int, shape: str, where: str) -> None:
    opening, closing = {
        "arrays": ("[", "]"),
        "objects": ('{"a":', "}"),
        "mixed": ('[{"a":', "}]"),
    }[shape]
    levels = depth // 2 if shape == "mixed" else depth
    levels = min(levels, (LARGEST - 1000) // len(opening + closing))
    deep = opening * levels + "0" + closing * levels
    if where == "alone":
        body = deep.encode()
    elif where == "unknown schema":
        body = f'{{"$schema":"/no/such/1.0.0","a":{deep}}}'.encode()
    elif where == "in an open map":
        body = web(f'"http":{{"request_headers":{{"a":{deep}}}}}')
    else:
        body = web(f'"x":{deep}')
    reply = attack(attacked, body)
    assert reply.status == 400
    if abs(depth - 1024) > 2:  # where the parser's own limit lies is not ours to say
        assert (problem_type(reply) == "malformed_json") == (depth > 1024)


@pytest.mark.parametrize("depth", [100, 249, 250, 251, 252, 253, 254, 255, 256])
def test_depth__beside_good_events__207(attacked: Intake, depth: int) -> None:
    deep = web(f'"x":{"[" * depth}{"]" * depth}')
    reply = attack(attacked, b"[" + b",".join([web(), deep, web()]) + b"]")
    assert reply.status == 207
    found = reply.json()
    assert len(found["invalid"]) + len(found["error"]) == 1


WIDE: dict[str, Callable[[], bytes]] = {
    "no event": lambda: keys(400_000, "0").encode(),
    "in the root": lambda: web(keys(400_000, "0")[1:-1]),
    "in a closed object": lambda: web(f'"page":{keys(400_000, "0")}'),
    "wrong in an open map": lambda: web(
        f'"experiments":{{"enrolled":[],"assigned":{keys(400_000, "0")}}}'
    ),
    "wrong in a list": lambda: web(
        f'"experiments":{{"enrolled":[{many(10**6, lambda _: "0")}],"assigned":{{}}}}'
    ),
    "list of nothing": lambda: web(f'"x":[{many(10**6, lambda _: "[]")}]'),
    "half a million wrong keys of one name": lambda: web(many(400_000, lambda _: '"a":0')),
}


@pytest.mark.parametrize("make", WIDE.values(), ids=WIDE)
def test_width__values_by_the_hundred_thousand__400(
    attacked: Intake, make: Callable[[], bytes]
) -> None:
    reply = attack(attacked, make())
    assert reply.status == 400
    assert len(reply.body) < 2 * LARGEST


def test_width__valid_open_map__201_and_whole(attacked: Intake) -> None:
    attacked.mark()
    wide = f'"experiments":{{"enrolled":[],"assigned":{keys(300_000, chr(34) + "a" + chr(34))}}}'
    assert attack(attacked, web(wide)).status == 201
    assert max(len(e.get("experiments", {})["assigned"]) for e in attacked.records()) == 300_000


BATCHES: dict[str, Callable[[], str]] = {
    "empty objects": lambda: many(10**6, lambda _: "{}"),
    "numbers": lambda: many(2 * 10**6 - 10, lambda _: "1"),
    "nulls": lambda: many(10**5, lambda _: "null"),
    "lists": lambda: many(10**6, lambda _: "[]"),
    "no such schema": lambda: many(70_000, lambda n: f'{{"$schema":"/{n}/1.0.0","a":{{}}}}'),
    "invalid": lambda: many(
        30_000, lambda n: f'{{"$schema":"{WEB}","meta":{{"stream":"{STREAM}"}},"a":{n}}}'
    ),
}


@pytest.mark.parametrize("make", BATCHES.values(), ids=BATCHES)
def test_batch__tiny_events_by_the_hundred_thousand__413_and_none_kept(
    attacked: Intake, make: Callable[[], str]
) -> None:
    attacked.mark()
    reply = attack(attacked, f"[{make()}]".encode())
    assert (reply.status, problem_type(reply)) == (413, "too_many_events")
    assert attacked.records("rejected") == []


SMALL_FAULTS: dict[str, Callable[[int], str]] = {
    "empty objects": lambda _: "{}",
    "no such schema": lambda n: f'{{"$schema":"/{n}/1.0.0","a":{{}}}}',
    "no such stream": lambda n: f'{{"$schema":"{WEB}","meta":{{"stream":"{n}"}}}}',
    "invalid": lambda n: f'{{"$schema":"{WEB}","meta":{{"stream":"{STREAM}"}},"a":{n},"b":{n}}}',
    "awaiting": lambda n: (
        f'{{"$schema":"{WEB}","meta":{{"stream":"{EDGE}"}},"experiments":{{"enrolled":[],'
        f'"assigned":{{"{n}":"a"}},"subject_ids":{{"{n}":"awaiting"}}}}}}'
    ),
}


@pytest.mark.parametrize("make", SMALL_FAULTS.values(), ids=SMALL_FAULTS)
def test_batch__as_many_as_are_allowed_all_bad__each_named_and_kept(
    attacked: Intake, make: Callable[[int], str]
) -> None:
    attacked.mark()
    reply = attack(
        attacked, f"[{many(10_000, make)}]".encode(), x_experiment_enrollments=EVIL_HEADER
    )
    assert reply.status == 400
    assert sum(map(len, reply.json().values())) == 10_000
    assert len(attacked.records("rejected")) == 10_000


def test_batch__every_event_breaks_every_rule__answer_bounded(attacked: Intake) -> None:
    wrong = f'"experiments":{{"enrolled":[{many(1500, lambda _: "0")}],"assigned":[]}}'
    one = web(f"{keys(100, '0')[1:-1]},{wrong}").decode()
    count = (LARGEST - 2) // (len(one) + 1)
    reply = attack(attacked, f"[{many(count, lambda _: one)}]".encode())
    assert reply.status == 400
    assert len(reply.json()["invalid"]) == count
    assert len(reply.body) < 5 * LARGEST


LONG = 4_100_000
STRINGS: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "letters": (lambda: web(f'"action":"{"a" * LONG}"'), None),
    "escapes": (lambda: web(f'"action":"{chr(92)}u0041{(chr(92) + "u0041") * 680_000}"'), None),
    "NULs": (lambda: web(f'"action":"{(chr(92) + "u0000") * 680_000}"'), None),
    "four bytes each": (lambda: web(f'"action":"{chr(0x1F600) * (LONG // 4)}"'), None),
    "combining marks": (lambda: web(f'"action":"e{chr(0x301) * (LONG // 2)}"'), None),
    "one ligature that grows": (lambda: web(f'"action":"{chr(0xFDFA) * (LONG // 3)}"'), None),
    "pairs as escapes": (
        lambda: web(f'"action":"{(chr(92) + "ud83d" + chr(92) + "ude00") * 340_000}"'),
        None,
    ),
    "lone surrogates": (lambda: web(f'"action":"{(chr(92) + "ud800") * 680_000}"'), "malformed"),
    "for a pattern": (lambda: web(f'"performer":{{"session_id":"{"a" * LONG}!"}}'), None),
    "for a time": (lambda: web(f'"dt":"2026-01-01 00:00:00.{"0" * LONG}x"'), None),
    "a time that is right": (lambda: web(f'"dt":"2026-01-01 00:00:00.{"0" * LONG}Z"'), None),
    "for a URI": (lambda: web(f'"meta":{{"stream":"{STREAM}","uri":"{"/" * LONG}"}}'), None),
    "stream": (lambda: web(meta={"stream": "s" * LONG}), None),
    "schema": (lambda: web(**{"$schema": "/" + "a/" * (LONG // 2) + "1.0.0"}), None),
    "schema of dots": (lambda: web(**{"$schema": "/.." * (LONG // 3)}), None),
    "schema version": (lambda: web(**{"$schema": f"{WEB[:-5]}{'1' * LONG}.0.0"}), None),
    "key": (lambda: web(f'"{"k" * LONG}":1'), None),
    "not closed": (lambda: b'{"a":"' + b"a" * LONG, "malformed"),
    "bad UTF-8": (lambda: b"\xff" * LONG, "malformed"),
    "bad UTF-8 in a string": (lambda: web('"action":"x"')[:-2] + b"\xff\xc0" * 700_000 + b'"}', ""),
    "white space": (lambda: b" " * LONG, "empty"),
    "white space, then an event": (lambda: b"\n" * LONG + web('"x":1'), None),
}


@pytest.mark.parametrize(("make", "problem"), STRINGS.values(), ids=STRINGS)
def test_string__of_four_megabytes__400(
    attacked: Intake, make: Callable[[], bytes], problem: str | None
) -> None:
    reply = attack(attacked, make())
    assert reply.status == 400
    expected = {None: None, "": None, "malformed": "malformed_json", "empty": "empty_body"}
    assert problem_type(reply) == expected[problem]


NUMBERS = {
    "beyond a double": ("1e400", "malformed"),
    "far below": ("-1e400", "malformed"),
    "100,000 digits": ("9" * 100_000, "malformed"),
    "4 million digits": ("9" * 4_000_000, "malformed"),
    "4 million decimals": ("0." + "1" * 4_000_000, "invalid"),
    "beyond 64 bits": ("18446744073709551616", "invalid"),
    "an exponent of 20 digits": ("1e99999999999999999999", "malformed"),
    "nearly nothing": ("1e-400", "invalid"),
    "minus nothing": ("-0", "invalid"),
    "a whole one as a decimal": ("3.0e0", "valid"),
}


@pytest.mark.parametrize(("number", "fate"), NUMBERS.values(), ids=NUMBERS)
def test_number__extreme__as_json_and_schema_say(attacked: Intake, number: str, fate: str) -> None:
    reply = attack(attacked, web(f'"funnel_event_sequence_position":{number}'))
    assert reply.status == (201 if fate == "valid" else 400)
    assert (problem_type(reply) == "malformed_json") == (fate == "malformed")


SMALL: dict[str, tuple[bytes, int]] = {
    "duplicate keys, the last counts": (web('"action":5,"action":"last"'), 201),
    "duplicate keys, the last is wrong": (web('"action":"first","action":5'), 400),
    "duplicate meta": (web(f'"meta":5,"meta":{{"stream":"{STREAM}"}}'), 201),
    "__proto__": (web('"__proto__":{"action":"x"}'), 400),
    "constructor": (web('"constructor":{"prototype":{}}'), 400),
    "__proto__ in an open map": (web('"http":{"request_headers":{"__proto__":"x"}}'), 201),
    "NUL in a key": (web('"a\\u0000b":1'), 400),
    "NUL in an open map": (web('"http":{"request_headers":{"a\\u0000b":"c\\u0000"}}'), 201),
    "raw NUL": (web().replace(b'"click"', b'"cl\x00ick"') + b"\x00", 400),
    "empty key": (web('"":""'), 400),
    "bad UTF-8 in a key of an open map": (web('"http":{"request_headers":{"a?":""}}'), 201),
    "two byte order marks": (b"\xef\xbb\xbf\xef\xbb\xbf" + web(), 400),
    "byte order mark of UTF-16": ("\ufeff{}".encode("utf-16-le"), 400),
    "UTF-16": (web().decode().encode("utf-16"), 400),
    "UTF-32": (web().decode().encode("utf-32"), 400),
    "overlong slash": (web('"action":"a"').replace(b'"a"}', b'"\xc0\xaf"}'), 201),
    "surrogates as UTF-8": (web('"action":"a"').replace(b'"a"}', b'"\xed\xa0\x80"}'), 201),
    "64 letters that are two code points each": (web(f'"action":"{"e" + chr(0x301)}"'), 201),
    "65 code points, 64 when composed": (web(f'"action":"{"e" * 64}{chr(0x301)}"'), 400),
    "key that looks the same": (web(f'"{chr(0x430)}ction":"x"'), 400),
    "stream in full-width letters": (web(f'"meta":{{"stream":"{chr(0xFF50)}"}}'), 400),
    "right-to-left override": (web(f'"action":"{chr(0x202E)}nimda"'), 201),
    "line separators": (web('"action":"a\\u2028b\\nc\\r\\u0085"'), 201),
    "a line of the journal": (web('"action":"}\\n{\\"action\\":1}"'), 201),
    "year 0": (web(f'"meta":{{"stream":"{STREAM}","dt":"0000-01-01T00:00:00Z"}}'), 400),
    "year 9999": (web(f'"meta":{{"stream":"{STREAM}","dt":"9999-12-30T23:59:59Z"}}'), 201),
    "leap second": (web(f'"meta":{{"stream":"{STREAM}","dt":"2016-12-31T23:59:60Z"}}'), 201),
    "year 10000": (web(f'"meta":{{"stream":"{STREAM}","dt":"10000-01-01T00:00:00Z"}}'), 400),
    "offset of a day": (
        web(f'"meta":{{"stream":"{STREAM}","dt":"2026-01-01T00:00:00+24:00"}}'),
        400,
    ),
    "digits of another script": (
        web(f'"dt":"{"".join(chr(0x660 + int(d)) for d in "2026")}-01-01T00:00:00Z"'),
        400,
    ),
    "NaN": (web('"a":NaN'), 400),
    "comment": (web("/**/"), 400),
    "comma at the end": (b"[" + web() + b",]", 400),
    "two events without an array": (web() + b"\n" + web(), 400),
}


@pytest.mark.parametrize(("body", "status"), SMALL.values(), ids=SMALL)
def test_body__small_and_sly__as_documented(attacked: Intake, body: bytes, status: int) -> None:
    reply = attack(attacked, body)
    assert reply.status == status, reply.body[:500]


def test_days__without_end__refused_after_a_year_of_them(attacked: Intake) -> None:
    first = 2_000_000_000 - 500 * 86_400
    days = [
        time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(first + n * 86_400)) for n in range(500)
    ]
    batch = [event(meta={"stream": STREAM, "dt": day}) for day in days]
    reply = attack(attacked, json.dumps(batch).encode())
    assert reply.status == 207
    assert 500 - 366 <= len(reply.json()["error"]) < 150
    assert "too" not in reply.json()["invalid"]


def bomb(size: int, fill: bytes) -> Iterator[bytes]:
    for _ in range(size >> 20):
        yield fill * (1 << 20)


def packed(wbits: int, size: int = 64 << 20, fill: bytes = b"[") -> bytes:
    squeezer = zlib.compressobj(9, wbits=wbits)
    return b"".join(map(squeezer.compress, bomb(size, fill))) + squeezer.flush()


PACKED: dict[str, tuple[str, Callable[[], bytes], tuple[int, str | None]]] = {
    "gzip of 64 MiB": ("gzip", lambda: packed(31), (413, "body_too_large")),
    "zlib of 64 MiB": ("deflate", lambda: packed(15), (413, "body_too_large")),
    "deflate of 64 MiB": ("deflate", lambda: packed(-15), (413, "body_too_large")),
    "gzip in gzip": ("gzip", lambda: gzip.compress(gzip.compress(web())), (400, "malformed_json")),
    "gzip of exactly 4 MiB of lists": (
        "gzip",
        lambda: gzip.compress(b"[" * LARGEST),
        (400, "malformed_json"),
    ),
    "cut short": ("gzip", lambda: gzip.compress(web())[:-1], (400, "damaged_body")),
    "wrong checksum": (
        "gzip",
        lambda: gzip.compress(web())[:-8] + bytes(8),
        (400, "damaged_body"),
    ),
    "a thousand empty members": (
        "gzip",
        lambda: gzip.compress(b"") * 1000 + gzip.compress(web()),
        (400, "empty_body"),
    ),
    "four megabytes of noise": ("gzip", lambda: os.urandom(LARGEST), (400, "damaged_body")),
    "noise that says deflate": ("deflate", lambda: b"\x07" * LARGEST, (400, "damaged_body")),
    "a list of encodings": (
        ", ".join(["gzip"] * 500),
        web,
        (415, "unsupported_content_encoding"),
    ),
}


@pytest.mark.parametrize(("encoding", "make", "expected"), PACKED.values(), ids=PACKED)
def test_packed__bomb_or_damaged__refused(
    attacked: Intake,
    encoding: str,
    make: Callable[[], bytes],
    expected: tuple[int, str | None],
) -> None:
    reply = attack(attacked, make(), content_encoding=encoding)
    assert (reply.status, problem_type(reply)) == expected


@pytest.mark.parametrize("header", ["x-request-id", "user-agent", "x-experiment-enrollments"])
def test_header__long_and_odd__harmless(attacked: Intake, header: str) -> None:
    named = {header.replace("-", "_"): "=;/,%00" * 1000}
    assert attack(attacked, web(), **named).status == 201


@pytest.mark.parametrize("kind", ["headers", "one header", "path", "query"])
def test_head__flood__4xx_or_closed_and_others_served(attacked: Intake, kind: str) -> None:
    head = {
        "headers": "POST /v1/events HTTP/1.1\r\n"
        + "".join(f"x-{n}: y\r\n" for n in range(200_000)),
        "one header": f"POST /v1/events HTTP/1.1\r\nx: {'y' * LARGEST}\r\n",
        "path": f"POST /{'a' * LARGEST} HTTP/1.1\r\n",
        "query": f"POST /v1/events?hasty={'&hasty=' * 500_000} HTTP/1.1\r\n",
    }[kind]
    held, began = memory(attacked, "VmRSS"), spent(attacked)
    connection = http.client.HTTPConnection("127.0.0.1", attacked.port, timeout=10)
    connection.connect()
    assert connection.sock is not None
    answered = b""
    with suppress(ConnectionError):
        connection.sock.sendall(head.encode() + b"content-length: 0\r\n\r\n")
    with suppress(ConnectionError):
        answered = connection.sock.recv(65536)
    connection.close()
    assert not answered or answered.startswith(b"HTTP/1.1 4"), answered[:200]
    assert spent(attacked) - began < SPENT_SECONDS
    assert memory(attacked, "VmRSS") < held + GROWTH_BYTES
    assert attacked.send(event()).status == 201


@pytest.mark.parametrize("path", ["/v1/stream-configs/", "/v1/stream-configs/%00", "/v1/events?"])
def test_address__very_many_names__answered(attacked: Intake, path: str) -> None:
    reply = attacked.request("GET", path + "a|" * 3000)
    assert reply.status in {200, 405}
    assert reply.json() == {} or reply.json()["type"] == "method_not_allowed"


def as_many_as_are_allowed() -> bytes:
    return f"[{many(10_000, SMALL_FAULTS['invalid'])}]".encode()


HASTY: dict[str, Callable[[], bytes]] = {
    "wide map": WIDE["wrong in an open map"],
    "long list": WIDE["wrong in a list"],
    "many faults": as_many_as_are_allowed,
}


@pytest.mark.parametrize("make", HASTY.values(), ids=HASTY)
def test_hasty__bomb__202_and_others_served(attacked: Intake, make: Callable[[], bytes]) -> None:
    attacked.mark()
    assert attack(attacked, make(), "/v1/events?hasty=1").status == 202
    wait_until(lambda: attacked.records("rejected"), "it was worked on")
