"""Small bodies that are sly, packed ones that burst, and floods of headers."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from tests.intake.answer_shapes import problem_type
from tests.intake.conftest import Intake, event
from tests.intake.siege import (
    GROWTH_BYTES,
    LARGEST,
    SPENT_SECONDS,
    STREAM,
    attack,
    besieged,
    memory,
    spent,
    web,
)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    """One process that takes them all."""
    with besieged(tmp_path_factory.mktemp("attacked") / "data") as found:
        yield found


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
    "half of a pair of escapes": (web('"action":"a\\ud83d"'), 201),
    "halves in the wrong order": (web('"action":"\\udE00\\uD83D"'), 201),
    "half of a pair in a key": (web('"http":{"request_headers":{"\\ud83d":"x"}}'), 201),
    "half of a pair beside NaN": (web('"action":"\\ud83d","x":NaN'), 400),
    "half of a pair in a body that ends": (web('"action":"\\ud83d"')[:-1], 400),
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
        (400, "damaged_body"),
    ),
    "two members, an event in each": (
        "gzip",
        lambda: gzip.compress(web()) * 2,
        (400, "damaged_body"),
    ),
    "an event, and more behind it": (
        "deflate",
        lambda: zlib.compress(web()) + b"\n",
        (400, "damaged_body"),
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
