"""Requests made at random: whatever comes, the answer is documented and the account balances.

`FUZZ_EXAMPLES=5000` (`make fuzz`) makes as many, other ones each time.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.intake.answer_shapes import NOT_COUNTED, check_answer, not_accepted, problem_type
from tests.intake.conftest import STREAMS, Intake, event, stand_in_registry, wait_until

from allotment.contract.schemas import SchemaRepository
from allotment.contract.tables import REJECTED
from allotment.contract.validator import Validator
from allotment.journal.protocol import Partition
from allotment.journal.segments import SegmentReader

MORE: Final = "FUZZ_EXAMPLES" in os.environ
EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "150"))
fuzzing = settings(
    max_examples=EXAMPLES,
    deadline=None,  # a time is bounded by the client of each request
    derandomize=not MORE,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
EVENT_TOPICS: Final = ("product_metrics_web_base", "product_metrics_app_base")
TITLE: Final = "/analytics/product_metrics"
RELEASED: Final = [
    *(f"{TITLE}/web/base/{version}" for version in ("1.3.0", "1.4.0", "1.5.0", "2.0.0", "2.1.0")),
    f"{TITLE}/app/base/1.3.0",
]
SCHEMAS: Final = [*RELEASED, f"{TITLE}/web/base/latest", f"{TITLE}/web/base/9.9.9", "/x/1.0.0"]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    """One process that takes them all, and is as well afterwards as it was before."""
    with stand_in_registry() as registry:
        found = Intake(tmp_path_factory.mktemp("fuzzed") / "data", registry.url)
        wait_until(found.ready, "the intake is ready")
        yield found
        assert found.process.poll() is None
        assert found.ready()
        assert found.stop() == "", "it printed something: a fault that nobody foresaw"


@dataclass
class Account:
    """What an intake has written and counted so far."""

    intake: Intake

    def __post_init__(self) -> None:
        self._reader = SegmentReader(self.intake.data / "journal")
        self._counted = self._count()
        self.intake.mark()

    def settle(self, events: int) -> Counter[str]:
        """What became of `events` events sent since the last time, by outcome; it must balance."""
        deadline = time.monotonic() + 30  # hasty ones are counted after they are answered
        while ((now := self._count()) - self._counted).total() < events:
            assert time.monotonic() < deadline, f"of {events} only {now - self._counted} counted"
        found = now - self._counted
        self._counted = now
        accepted = [record for topic in EVENT_TOPICS for record in self.intake.records(topic)]
        rejected = self.intake.records(REJECTED)
        self.intake.mark()
        assert found.total() == events
        kept = Counter(record["reason"] for record in rejected)
        assert found == kept + Counter({"accepted": len(accepted)})
        for record in accepted:
            validator = VALIDATORS[record["$schema"]]
            assert validator.accepts(record), validator.violations(record)
            assert record["meta"]["stream"] in STREAMS
        return found

    def end(self, topic: str) -> int:
        return self._reader.end(Partition(topic, 0))

    def _count(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for line in self.intake.request("GET", "/metrics").body.decode().splitlines():
            if line.startswith("allotment_intake_events_total{"):
                found[line.partition('outcome="')[2].partition('"')[0]] += int(line.split()[-1])
        return found


@pytest.fixture(scope="module")
def account(fuzzed: Intake) -> Account:
    return Account(fuzzed)


REPOSITORY: Final = SchemaRepository([])
VALIDATORS: Final = {uri: Validator(REPOSITORY.load(uri)) for uri in RELEASED}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
times = st.sampled_from(
    [
        "2026-11-22T10:00:00Z",
        "2026-11-22 10:00:00+0100",
        "2026-02-30T10:00:00Z",
        "1999-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "2026-11-22T10:00:00",
        "",
    ]
) | st.datetimes().map(lambda t: t.isoformat() + "Z")
membership = st.fixed_dictionaries(
    {"enrolled": st.lists(texts, max_size=3)},
    optional={
        name: st.dictionaries(texts, texts | st.just("awaiting"), max_size=3)
        for name in ("assigned", "subject_ids", "sampling_units", "coordinators", "versions")
    },
)
parts = {
    "$schema": st.sampled_from(SCHEMAS) | texts,
    "meta": st.fixed_dictionaries(
        {"stream": st.sampled_from([*STREAMS, "nope"]) | texts},
        optional={"id": texts, "dt": times, "request_id": texts, "uri": texts, "domain": texts},
    ),
    "dt": times,
    "action": st.sampled_from(["click", "impression", ""]) | texts,
    "agent": st.fixed_dictionaries({}, optional={"client_platform": st.just("mediawiki_js")}),
    "experiments": membership,
    "http": st.dictionaries(texts, st.dictionaries(texts, texts, max_size=2) | texts, max_size=3),
    "performer": st.dictionaries(st.sampled_from(["id", "name", "session_id"]), scalars),
    "funnel_event_sequence_position": numbers,
}


def _places(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:  # noqa: ANN401 -- JSON
    found = []
    for name, inner in value.items() if isinstance(value, dict) else ():
        found += [(*at, name), *_places(inner, (*at, name))]
    return found


@st.composite
def mutated_events(draw: st.DrawFn) -> Any:  # noqa: ANN401 -- any JSON value
    """A valid event; parts of it replaced by likelier ones, by anything, taken away, or added."""
    made = copy.deepcopy(event())
    for name in draw(st.lists(st.sampled_from(sorted(parts)), max_size=3, unique=True)):
        made[name] = draw(parts[name])
    for _ in range(draw(st.integers(0, 2))):
        places = _places(made)
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        owner = made
        for step in way:
            owner = owner[step]
        change = draw(st.sampled_from(["replace", "take away", "add"]))
        if change == "take away":
            del owner[last]
        else:
            owner[last if change == "replace" else draw(texts)] = draw(json_values)
    return made


events = st.just(event()) | mutated_events() | mutated_events() | json_values


def _wire(text: str, encoding: str) -> bytes:
    return text.encode(encoding, "surrogatepass")


@dataclass(frozen=True)
class Packing:
    """A Content-Encoding and what does it; None where it does something else than it says."""

    name: str
    pack: Callable[[bytes], bytes] | None


PACKINGS: Final = [
    Packing("", bytes),
    Packing("identity", bytes),
    Packing("gzip", gzip.compress),
    Packing("deflate", zlib.compress),
    Packing("Deflate", lambda data: zlib.compress(data, wbits=-15)),
    Packing("br", None),
    Packing("gzip", None),
    Packing("deflate", None),
]
MEDIA_TYPES: Final = [
    "application/json",
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/reports+json",
    "application/cloudevents+json",
    "application/json; charset=utf-16",
    "",
]
QUERIES: Final = ["", "?hasty=true", "?hasty", "?hasty=0", "?hasty=1&hasty=false", "?sdk=js/0.1.0"]
requests = st.fixed_dictionaries(
    {
        "path": st.sampled_from(["/v1/events", "/V2/events/", "/evt-103e/v2/events"]),
        "query": st.sampled_from(QUERIES),
        "media_type": st.sampled_from([*MEDIA_TYPES[:2] * 5, *MEDIA_TYPES]),
        "packing": st.sampled_from([*PACKINGS[:1] * 8, *PACKINGS]),
        "request_id": st.none() | st.text("abc %;=/\"'", min_size=1, max_size=500),
    }
)


def post(intake: Intake, body: bytes, how: dict[str, Any]) -> tuple[int, str | None, int]:
    """Send a body; status, type of problem, and how many events the answer lists."""
    packing: Packing = how["packing"]
    headers = {"content_type": how["media_type"], "content_encoding": packing.name}
    if how["request_id"] is not None:
        headers["x_request_id"] = how["request_id"]
    sent = packing.pack(body) if packing.pack else body
    path = how["path"] + how["query"]
    reply = intake.request("POST", path, sent, **{k: v for k, v in headers.items() if v})
    check_answer(reply)
    kind = problem_type(reply)
    return reply.status, kind, 0 if kind else not_accepted(reply)


@given(batch=events | st.lists(events, max_size=6), how=requests, ascii_only=st.booleans())
@fuzzing
def test_events__any__documented_answer_and_balanced_account(
    fuzzed: Intake, account: Account, *, batch: object, how: dict[str, Any], ascii_only: bool
) -> None:
    body = json.dumps(batch, ensure_ascii=ascii_only).encode()
    status, kind, listed = post(fuzzed, body, how)
    if kind is not None:
        found = account.settle(1 if kind == "malformed_json" else 0)
        assert status != 503
        assert kind in NOT_COUNTED | {"malformed_json"} or status == 415
        return
    sent = len(batch) if isinstance(batch, list) else 1
    found = account.settle(sent)
    if status == 201:
        assert found == Counter(accepted=sent)
    elif status == 202:
        assert "hasty" in how["query"]
    else:
        assert found.total() - found["accepted"] == listed
        assert (status == 207) == bool(found["accepted"])


BYTES = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.builds(
        lambda value, encoding: _wire(json.dumps(value, ensure_ascii=False), encoding),
        mutated_events(),
        st.sampled_from(["utf-8-sig", "utf-16", "utf-32", "utf-16-be", "utf-7"]),
    ),
    # An event whose bytes are cut, doubled or changed somewhere.
    st.builds(
        lambda value, at, length, instead: (
            (text := orjson.dumps(value))[: at % len(text)]
            + instead
            + text[at % len(text) + length :]
        ),
        mutated_events(),
        st.integers(0, 10_000),
        st.integers(0, 50),
        st.binary(max_size=5)
        | st.sampled_from([b"\x00", b"\xff", b"[", b"}{", b'"', b",,", b"\\u"]),
    ),
)


@given(body=BYTES, how=requests)
@fuzzing
def test_bytes__any__documented_answer_and_balanced_account(
    fuzzed: Intake, account: Account, body: bytes, how: dict[str, Any]
) -> None:
    status, kind, listed = post(fuzzed, body, how)
    if kind == "malformed_json":
        assert account.settle(1) == Counter(malformed_json=1)
    elif kind is not None:
        assert account.settle(0) == Counter()
    elif status in {207, 400}:
        parsed = _parsed(body)
        found = account.settle(len(parsed) if isinstance(parsed, list) else 1)
        assert found.total() - found["accepted"] == listed
    else:
        parsed = _parsed(body)
        account.settle(len(parsed) if isinstance(parsed, list) else 1)


def _parsed(body: bytes) -> Any:  # noqa: ANN401 -- any JSON value
    return orjson.loads(body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
