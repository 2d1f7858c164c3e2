"""Large bodies made to hurt cost bounded time and memory, and others are served beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.intake.answer_shapes import not_accepted, problem_type
from tests.intake.conftest import WEB, Intake, wait_until
from tests.intake.siege import EDGE, EVIL_HEADER, LARGEST, STREAM, attack, besieged, keys, many, web


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    """One process that takes them all."""
    with besieged(tmp_path_factory.mktemp("attacked") / "data") as found:
        yield found


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
def test_batch__as_many_as_are_allowed_all_bad__each_named_and_kept_or_counted(
    attacked: Intake, make: Callable[[int], str]
) -> None:
    attacked.mark()
    reply = attack(
        attacked, f"[{many(10_000, make)}]".encode(), x_experiment_enrollments=EVIL_HEADER
    )
    assert reply.status == 400
    assert not_accepted(reply) == 10_000
    rows = attacked.records("rejected")
    assert sum(row.get("events", 1) for row in rows) == 10_000
    assert len(rows) > 500


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
