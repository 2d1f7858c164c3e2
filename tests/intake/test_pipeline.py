"""The pipeline alone: the lake reads whatever it accepts, and whatever it refuses is kept."""

from __future__ import annotations

import copy
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.intake.conftest import STREAMS, TOPIC, WEB, event

from allotment.contract.schemas import SchemaRepository
from allotment.contract.streams import StreamConfig, parse_streams
from allotment.contract.tables import RAW_BYTES
from allotment.intake.body import parse_events
from allotment.intake.identifiers import IdentifierSource
from allotment.intake.outcome import MOST_LISTED, Outcome
from allotment.intake.pipeline import MOST_DAYS, EventPipeline
from allotment.intake.request import RequestError
from allotment.lake.parsing import parse_lines
from allotment.lake.tables import REJECTED_SCHEMA, event_schemas

REPOSITORY = SchemaRepository([])
PIPELINE = EventPipeline(REPOSITORY)
STREAM_CONFIGS: dict[str, StreamConfig] = parse_streams({"streams": STREAMS})[0]
ARROW = event_schemas(REPOSITORY)[TOPIC]
RECEIVED = "2026-01-15T09:30:00.000Z"
PROPERTIES: dict[str, Any] = REPOSITORY.load(WEB).body["properties"]


def process(body: bytes, pipeline: EventPipeline = PIPELINE) -> Outcome:
    return pipeline.process(
        parse_events(body), STREAM_CONFIGS, received=RECEIVED, request_id="request"
    )


def test_process__days_without_end__refused_beyond_a_year_of_them() -> None:
    first = date(1990, 1, 1)
    days = [(first + timedelta(days=n)).isoformat() for n in range(2 * MOST_DAYS)]
    body = json.dumps(
        [
            {
                "$schema": WEB,
                "meta": {"stream": "product_metrics.web_base", "dt": f"{day}T00:00:00Z"},
                "action": "click",
                "agent": {},
            }
            for day in (*days, days[0])
        ]
    ).encode()
    pipeline = EventPipeline(REPOSITORY)
    outcome = process(body, pipeline)
    assert outcome.accepted == MOST_DAYS + 1
    assert json.loads(outcome.records[TOPIC][0])["meta"]["dt"] == "1990-01-01T00:00:00Z"
    assert "leave meta.dt out" in outcome.errors[0]["context"]["message"]
    assert json.loads(outcome.records["rejected"][0])["reason"] == "too_many_days"


@pytest.mark.parametrize(
    ("time", "taken"),
    [
        ("0000-12-31T23:59:59+23:59", False),
        ("0001-01-01T12:00:00Z", False),
        ("0001-01-02T00:00:00+23:59", True),
        ("9999-12-30T23:59:59-23:59", True),
        ("9999-12-31T00:00:00Z", False),
    ],
)
def test_process__day_at_the_end_of_the_calendar__taken_only_where_the_lake_holds_it(
    time: str, taken: bool
) -> None:
    meta = {"stream": "product_metrics.web_base", "dt": time}
    event = {"$schema": WEB, "meta": meta, "action": "click", "agent": {}}
    outcome = process(json.dumps(event).encode())
    assert outcome.accepted == taken
    if not taken:
        assert json.loads(outcome.records["rejected"][0])["reason"] == "impossible_day"


def test_process__many_events_full_of_faults__only_some_list_them_all() -> None:
    bad = {
        "$schema": WEB,
        "meta": {"stream": "product_metrics.web_base"},
        **{f"x{n}": n for n in range(1000)},
    }
    found = process(json.dumps([bad] * 20).encode()).invalid
    told = [len(element["context"]["errors"]) for element in found]
    assert told == [1000] * (MOST_LISTED // 1000) + [1] * (20 - MOST_LISTED // 1000)


odd_numbers = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["1.0", "1e3", "-0.0", "9007199254740991.0", "9.007199254740991e15", "0.1e1"]),
)
times = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,12})?"
    r"([Zz]|[+-][0-2][0-9](:?[0-5][0-9])?)",
    fullmatch=True,
)
json_values = st.recursive(
    st.one_of(
        st.none().map(json.dumps),
        st.booleans().map(json.dumps),
        odd_numbers,
        st.text().map(json.dumps),
        times.map(json.dumps),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(st.tuples(st.text(max_size=3), inner), max_size=3).map(
            lambda items: "{" + ",".join(f"{json.dumps(k)}:{v}" for k, v in items) + "}"
        ),
    ),
    max_leaves=4,
)


def fields(schema: dict[str, Any], at: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every field of a schema with its description."""
    found = []
    for name, node in schema["properties"].items():
        found.append(((*at, name), node))
        if "properties" in node:
            found += fields(node, (*at, name))
    return found


def fitting(node: dict[str, Any]) -> st.SearchStrategy[str]:
    """Raw JSON that often, but not always, fits a field."""
    if "enum" in node:
        return st.sampled_from(node["enum"]).map(json.dumps)
    if node.get("format") == "date-time":
        return times.map(json.dumps)
    if node["type"] in ("integer", "number"):
        return odd_numbers
    if node["type"] == "object":
        pairs = st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=3)
        return pairs.map(
            lambda items: "{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in items) + "}"
        )
    if node["type"] == "array":
        return st.lists(st.text(min_size=1), max_size=3).map(json.dumps)
    return st.text().map(json.dumps)


FIELDS = [
    pair for pair in fields(REPOSITORY.load(WEB).body) if pair[0] not in {("$schema",), ("meta",)}
]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """One event with a few fields of odd content, as raw JSON."""
    made: dict[str, Any] = copy.deepcopy(event())
    tokens: dict[str, str] = {}
    for path, node in draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3)):
        token = f"@{len(tokens)}@"
        tokens[json.dumps(token)] = draw(st.one_of(fitting(node), fitting(node), json_values))
        owner: Any = made
        for name in path[:-1]:
            owner = owner.setdefault(name, {}) if isinstance(owner, dict) else {}
        if isinstance(owner, dict):
            owner[path[-1]] = token
    if draw(st.booleans()):
        made["meta"]["further"] = "@further@"
        tokens['"@further@"'] = draw(json_values)
    text = json.dumps(made)
    for token, raw in tokens.items():
        text = text.replace(token, raw)
    return text.encode("utf-8", "replace")


@settings(max_examples=400, deadline=None)
@given(bodies())
def test_accepted__any_content__is_one_line_that_the_lake_reads(body: bytes) -> None:
    try:
        outcome = process(body)
    except RequestError:
        return
    kept = outcome.records.get("rejected", [])
    assert outcome.accepted + len(kept) == 1
    for line in outcome.records.get(TOPIC, []):
        assert b"\n" not in line
        parsed = parse_lines(line + b"\n", 0, ARROW)
        assert parsed.bad == (), (line, parsed.bad)
        assert parsed.rows.num_rows == 1
    for line in kept:
        assert b"\n" not in line
        assert parse_lines(line + b"\n", 0, REJECTED_SCHEMA).bad == ()
        assert orjson.loads(line)["reason"] == "invalid" or outcome.errors


@pytest.mark.parametrize(
    "raw",
    [
        '{"a":"x","a":"y"}',
        '{"a\\nb":"x"}',
        '{"\\u0000":"\\u2028"}',
        '{"":"\\ud83d\\ude00"}',
    ],
)
def test_accepted__odd_map__read_by_the_lake_with_the_last_of_equal_keys(raw: str) -> None:
    body = json.dumps(event(experiments={"assigned": "@"})).replace('"@"', raw).encode()
    outcome = process(body)
    assert outcome.accepted == 1
    parsed = parse_lines(outcome.records[TOPIC][0] + b"\n", 0, ARROW)
    (row,) = parsed.rows.column("experiments").to_pylist()
    assert dict(row["assigned"]) == json.loads(raw)


def test_rejected__any_json_value__kept_with_reason() -> None:
    outcome = process(b'[1, null, "x", [], {}, true, {"$schema": 1e+300}]')
    kept = [orjson.loads(line) for line in outcome.records["rejected"]]
    assert len(kept) == len(outcome.errors) == 7
    assert [k["raw"] for k in kept] == [
        "1",
        "null",
        '"x"',
        "[]",
        "{}",
        "true",
        '{"$schema":1e+300}',
    ]


def test_rejected__several_violations__one_text_each() -> None:
    outcome = process(json.dumps(event(action=5, agent=[], extra=1, other=2)).encode())
    (line,) = outcome.records["rejected"]
    kept = orjson.loads(line)["errors"]
    assert sorted(kept) == [
        "'' should NOT have additional properties",
        "'' should NOT have additional properties",
        "'.action' should be string",
        "'.agent' should be object",
    ]
    assert outcome.invalid[0]["context"]["errorsText"] == ", ".join(kept)


def test_rejected__cut_in_the_middle_of_a_character__still_text() -> None:
    outcome = process(json.dumps(event(action="é" * RAW_BYTES)).encode())
    (line,) = outcome.records["rejected"]
    raw = orjson.loads(line)["raw"]
    assert len(raw.encode()) <= RAW_BYTES + 2
    assert raw.rstrip("\ufffd").endswith("é")


def test_rejected__before_its_schema_is_known__still_without_addresses() -> None:
    outcome = process(
        json.dumps(event(http={"client_ip": "192.0.2.1"}, **{"$schema": "/x"})).encode()
    )
    assert outcome.errors
    assert b"192.0.2.1" not in outcome.records["rejected"][0]


HALF, WHOLE = "\\ud83d", "\\ud83d\\ude00"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (f"a{HALF}", "a\ufffd"),
        (f"{HALF}{HALF}b", "\ufffd\ufffdb"),
        (f"{HALF}{WHOLE}{HALF.replace('d83d', 'DE00')}", "\ufffd\U0001f600\ufffd"),
        (f"\\\\ud83d{HALF}\\\\", "\\ud83d\ufffd\\"),
    ],
)
def test_half_a_character__in_one_event__replaced_and_the_others_are_as_sent(
    sent: str, kept: str
) -> None:
    whole = json.dumps(event(action="\U0001f600", page={"id": 2**53 - 1}))
    body = f"[{json.dumps(event(action='x'))},{whole}]".replace('"x"', f'"{sent}"')
    outcome = process(body.encode())
    found = [json.loads(line) for line in outcome.records[TOPIC]]
    assert [one["action"] for one in found] == [kept, "\U0001f600"]
    assert found[1]["page"] == {"id": 2**53 - 1}


def test_id__empty__filled_as_if_absent() -> None:
    meta = {"stream": "product_metrics.web_base", "id": ""}
    outcome = process(json.dumps([event(meta=meta), event(meta=meta)]).encode())
    first, second = (json.loads(line)["meta"]["id"] for line in outcome.records[TOPIC])
    assert first != second
    assert "" not in {first, second}


@pytest.mark.parametrize("title", ["analytics/legacy/x", "analytics/legacyx"])
def test_dt__of_a_legacy_title__is_the_time_of_receipt(tmp_path: Path, title: str) -> None:
    write_schema(tmp_path, title, DT)
    with (tmp_path / title / "1.0.0.yaml").open("a") as file:
        file.write("  dt: {type: string, format: date-time}\n")
    streams = {"legacy": StreamConfig("legacy", title, {})}
    one = {"$schema": f"/{title}/1.0.0", "meta": {"stream": "legacy"}}
    two = {**copy.deepcopy(one), "dt": "2020-01-01T00:00:00Z"}
    outcome = EventPipeline(SchemaRepository([tmp_path])).process(
        [one, two], streams, received=RECEIVED, request_id=None
    )
    (lines,) = outcome.records.values()
    times = [json.loads(line).get("dt") for line in lines]
    assert times == [RECEIVED if "/legacy/" in title else None, "2020-01-01T00:00:00Z"]


def test_streams__replaced__the_new_ones_are_in_force_at_once() -> None:
    pipeline = EventPipeline(REPOSITORY)
    body = json.dumps(event()).encode()
    assert process(body, pipeline).accepted == 1
    fewer = {name: config for name, config in STREAM_CONFIGS.items() if "web" not in name}
    outcome = pipeline.process(parse_events(body), fewer, received=RECEIVED, request_id="request")
    assert outcome.accepted == 0
    assert "is not configured" in outcome.errors[0]["context"]["message"]


def test_defaults__of_the_schema__filled_only_where_absent(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "1.0.0.yaml").write_text(
        "title: t\n$id: /t/1.0.0\ntype: object\nproperties:\n"
        "  $schema: {type: string}\n"
        "  meta: {type: object, properties: {stream: {type: string}, dt: {type: string, "
        "format: date-time}}}\n"
        "  a: {type: string, default: x}\n"
        "  deep: {type: object, properties: {b: {type: integer, default: 1}}}\n"
    )
    pipeline = EventPipeline(SchemaRepository([tmp_path]))
    streams = {"s": StreamConfig("s", "t", {})}
    sent = [
        {"$schema": "/t/1.0.0", "meta": {"stream": "s"}},
        {"$schema": "/t/1.0.0", "meta": {"stream": "s"}, "a": "y", "deep": {}},
    ]
    outcome = pipeline.process(sent, streams, received=RECEIVED, request_id=None)
    stored = [orjson.loads(line) for line in outcome.records["t"]]
    assert [s.get("a") for s in stored] == ["x", "y"]
    assert [s.get("deep") for s in stored] == [None, {"b": 1}]
    assert stored[0]["meta"] == {
        "stream": "s",
        "dt": RECEIVED,
    }, "nothing is filled in that the schema has not"


def write_schema(root: Path, title: str, meta: str, version: str = "1.0.0") -> None:
    (root / title).mkdir(parents=True, exist_ok=True)
    (root / title / f"{version}.yaml").write_text(
        f"title: {title}\n$id: /{title}/{version}\ntype: object\nproperties:\n"
        f"  meta: {{type: object, properties: {{stream: {{type: string}}{meta}}}}}\n"
    )


DT = ", dt: {type: string, format: date-time}"


@pytest.mark.parametrize(
    ("title", "meta", "words"),
    [
        ("fragment/part", DT, "it is a fragment"),
        ("timeless", "", "no meta.dt that is a text with format date-time"),
        ("timeless", ", dt: {type: string}", "no meta.dt"),
    ],
)
def test_event__of_a_schema_without_a_table__refused_and_kept(
    tmp_path: Path, title: str, meta: str, words: str
) -> None:
    write_schema(tmp_path, title, meta)
    pipeline = EventPipeline(SchemaRepository([tmp_path]))
    sent = [{"$schema": f"/{title}/1.0.0", "meta": {"stream": "s"}} for _ in range(2)]
    outcome = pipeline.process(
        sent, {"s": StreamConfig("s", title, {})}, received=RECEIVED, request_id=None
    )
    assert outcome.accepted == 0
    assert list(outcome.records) == ["rejected"]
    kept = [orjson.loads(line) for line in outcome.records["rejected"]]
    assert [k["reason"] for k in kept] == ["no_table"] * 2
    assert words in outcome.errors[0]["context"]["message"]
    assert title in kept[0]["errors"][0]


def test_event__of_any_other_title__in_the_topic_that_the_sink_reads(tmp_path: Path) -> None:
    titles = ["mediawiki/page-view", "analytics/x", "old"]
    for title in titles:
        write_schema(tmp_path, title, DT)
    write_schema(tmp_path, "old", "", "0.9.0")
    uris = [*(f"/{title}/1.0.0" for title in titles), "/old/0.9.0"]
    streams = {title: StreamConfig(title, title, {}) for title in titles}
    repository = SchemaRepository([tmp_path])
    outcome = EventPipeline(repository).process(
        [{"$schema": uri, "meta": {"stream": uri[1:-6]}} for uri in uris],
        streams,
        received=RECEIVED,
        request_id=None,
    )
    assert outcome.errors == outcome.invalid == []
    read = event_schemas(repository)
    assert set(outcome.records) == set(read) == {"mediawiki_page_view", "x", "old"}
    for topic, lines in outcome.records.items():
        assert parse_lines(b"\n".join(lines) + b"\n", 0, read[topic]).bad == ()


def test_pipeline__two_titles_of_one_table__their_events_alone_are_refused(tmp_path: Path) -> None:
    titles = ("analytics/a/b", "a-b", "sound")
    for title in titles:
        write_schema(tmp_path, title, DT)
    pipeline = EventPipeline(SchemaRepository([tmp_path]))
    outcome = pipeline.process(
        [{"$schema": f"/{title}/1.0.0", "meta": {"stream": title}} for title in titles],
        {title: StreamConfig(title, title, {}) for title in titles},
        received=RECEIVED,
        request_id=None,
    )
    assert list(outcome.records) == ["rejected", "sound"]
    assert outcome.accepted == 1
    refused = [json.loads(line) for line in outcome.records["rejected"]]
    assert [(one["stream"], one["reason"]) for one in refused] == [
        (title, "no_table") for title in titles[:2]
    ]
    for element in outcome.errors:
        message = element["context"]["message"]
        assert "'a-b' and 'analytics/a/b' would share the table" in message
    pipeline.schemas.examine()
    (problem,) = pipeline.schemas.problems
    assert "would share the table" in problem


def test_identifiers__many__all_different_and_version_4() -> None:
    source = IdentifierSource()
    made = [source.new() for _ in range(2000)]
    assert len(set(made)) == 2000
    for text in made:
        assert len(text) == 36
        assert [text[n] for n in (8, 13, 18, 23)] == ["-"] * 4
        assert text[14] == "4"
    signs = ["".join(sorted({text[place] for text in made})) for place in range(36)]
    assert signs[19] == "89ab"
    given = {8, 13, 14, 18, 19, 23}
    assert {signs[place] for place in set(range(36)) - given} == {"0123456789abcdef"}
