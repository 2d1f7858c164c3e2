"""Violations in the words of Ajv 6, the loose forms of old clients, and what must stay cheap."""

from __future__ import annotations

import copy
import time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allotment.contract.schemas import Schema, SchemaRepository
from allotment.contract.times import normalize_time
from allotment.contract.validator import (
    MOST_VALUES,
    MOST_VIOLATIONS,
    NestingError,
    Validator,
    Violation,
    errors_text,
)

WEB = SchemaRepository([]).load("/analytics/product_metrics/web/base/1.3.0")
VALIDATOR = Validator(WEB)


def event(**changes: object) -> dict[str, Any]:
    made: dict[str, Any] = copy.deepcopy(WEB.body["examples"][0])
    made.update(changes)
    return made


def only(found: list[Violation]) -> dict[str, Any]:
    assert len(found) == 1, found
    return found[0].as_dict()


def own(**properties: object) -> Validator:
    return Validator(Schema("own", "1.0.0", {"type": "object", "properties": properties}))


def test_violations__valid_event__none() -> None:
    assert VALIDATOR.accepts(event())
    assert VALIDATOR.violations(event()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"action": 5},
            {
                "keyword": "type",
                "dataPath": ".action",
                "schemaPath": "#/properties/action/type",
                "params": {"type": "string"},
                "message": "should be string",
            },
        ),
        (
            {"action": "x" * 65},
            {
                "keyword": "maxLength",
                "dataPath": ".action",
                "schemaPath": "#/properties/action/maxLength",
                "params": {"limit": 64},
                "message": "should NOT be longer than 64 characters",
            },
        ),
        (
            {"agent": {"client_platform": "fax"}},
            {
                "keyword": "enum",
                "dataPath": ".agent.client_platform",
                "schemaPath": "#/properties/agent/properties/client_platform/enum",
                "params": {
                    "allowedValues": ["mediawiki_php", "mediawiki_js", "kaios", "android", "ios"]
                },
                "message": "should be equal to one of the allowed values",
            },
        ),
        (
            {"unknown": 1},
            {
                "keyword": "additionalProperties",
                "dataPath": "",
                "schemaPath": "#/additionalProperties",
                "params": {"additionalProperty": "unknown"},
                "message": "should NOT have additional properties",
            },
        ),
        (
            {"funnel_event_sequence_position": 0},
            {
                "keyword": "minimum",
                "dataPath": ".funnel_event_sequence_position",
                "schemaPath": "#/properties/funnel_event_sequence_position/minimum",
                "params": {"comparison": ">=", "limit": 1, "exclusive": False},
                "message": "should be >= 1",
            },
        ),
        (
            {"performer": {"groups": ["a", 3]}},
            {
                "keyword": "type",
                "dataPath": ".performer.groups[1]",
                "schemaPath": "#/properties/performer/properties/groups/items/type",
                "params": {"type": "string"},
                "message": "should be string",
            },
        ),
        (
            {"experiments": {"assigned": {"a.b": ""}}},
            {
                "keyword": "minLength",
                "dataPath": ".experiments.assigned['a.b']",
                "schemaPath": "#/properties/experiments/properties/assigned"
                "/additionalProperties/minLength",
                "params": {"limit": 1},
                "message": "should NOT be shorter than 1 characters",
            },
        ),
        (
            {"performer": {"pageview_id": "ABCDEFGHIJ0123456789"}},
            {
                "keyword": "pattern",
                "dataPath": ".performer.pageview_id",
                "schemaPath": "#/properties/performer/properties/pageview_id/pattern",
                "params": {"pattern": "^[0-9a-z]{20}$"},
                "message": 'should match pattern "^[0-9a-z]{20}$"',
            },
        ),
        (
            {"dt": "yesterday"},
            {
                "keyword": "format",
                "dataPath": ".dt",
                "schemaPath": "#/properties/dt/format",
                "params": {"format": "date-time"},
                "message": 'should match format "date-time"',
            },
        ),
    ],
)
def test_violations__one_fault__in_ajv_words(
    changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert not VALIDATOR.accepts(event(**changes))
    assert only(VALIDATOR.violations(event(**changes))) == expected


def test_violations__missing__names_the_property() -> None:
    bad = event()
    del bad["agent"]
    found = only(VALIDATOR.violations(bad))
    assert found["params"] == {"missingProperty": "agent"}
    assert found["message"] == "should have required property 'agent'"
    assert (found["dataPath"], found["schemaPath"]) == ("", "#/required")


def test_violations__several_faults__all_listed_and_joined() -> None:
    bad = event(action=5, x=1, y=2, dt="no")
    del bad["agent"]
    found = VALIDATOR.violations(bad)
    assert sorted(v.keyword for v in found) == [
        "additionalProperties",
        "additionalProperties",
        "format",
        "required",
        "type",
    ]
    assert "'.action' should be string" in errors_text(found)
    assert errors_text(found).count(", '") == 4


def test_violations__path_of_dollar_property__escaped_as_in_a_uri() -> None:
    found = only(VALIDATOR.violations(event(**{"$schema": 5})))
    assert found["dataPath"] == ".$schema"
    assert found["schemaPath"] == "#/properties/%24schema/type"


def test_violations__as_many_as_bytes__capped() -> None:
    bad = event(**{f"x{n}": n for n in range(MOST_VIOLATIONS * 3)})
    assert len(VALIDATOR.violations(bad)) == MOST_VIOLATIONS


@pytest.mark.parametrize(("values", "told"), [(MOST_VALUES // 2, MOST_VIOLATIONS), (300_000, 1)])
def test_violations__of_an_event_with_very_many_values__first_one_in_bounded_time(
    values: int, told: int
) -> None:
    bad = event(experiments={"enrolled": [1] * values, "assigned": {}})
    began = time.process_time()
    found = VALIDATOR.violations(bad)
    assert time.process_time() - began < 1  # the engine's list of all takes some 5 s for the many
    assert len(found) == told
    assert (found[0].keyword, found[0].data_path) == ("type", ".experiments.enrolled[0]")


def test_violations__not_all_asked__the_first() -> None:
    (found,) = VALIDATOR.violations(event(action=5, agent=7), all_of_them=False)
    assert found.keyword == "type"
    assert VALIDATOR.violations(event(), all_of_them=False) == []


@pytest.mark.parametrize(
    ("number", "good"),
    [
        (1, True),
        (1.0, True),
        (1e3, True),
        (2**53 - 1, True),
        (2**53, False),
        (1e16, False),
        (1.5, False),
        (True, False),
        ("1", False),
        (None, False),
    ],
)
def test_integer__value__accepted_or_not(number: object, good: bool) -> None:
    assert VALIDATOR.accepts(event(funnel_event_sequence_position=number)) is good


def test_length__counts_code_points() -> None:
    assert VALIDATOR.accepts(event(action="😀" * 64))
    assert not VALIDATOR.accepts(event(action="😀" * 65))


@pytest.mark.parametrize("uri", ["", "/wiki/Æ", "a#b#c", "a\\b", "https://x.example/?q=[1]|2"])
def test_uri_reference__loose__accepted(uri: str) -> None:
    assert VALIDATOR.accepts(event(meta={**event()["meta"], "uri": uri}))


@given(
    text=st.text() | st.text(alphabet="ab/:?#[]@!$&'()*+,;=%20-._~\\ \t\n\x85\xa0é", max_size=12)
)
def test_uri_reference__strict__is_loose_too(text: str) -> None:
    """What is taken by the engine's own grammar alone must be taken by ours, which is told."""
    form = {"type": "string", "format": "uri-reference"}
    if jsonschema_rs.Draft7Validator(form, validate_formats=True).is_valid(text):
        assert own(uri=form).violations({"uri": text}) == []


@pytest.mark.parametrize(
    "form",
    [
        {"not": {"format": "uri-reference"}},
        {"oneOf": [{"format": "uri-reference"}, {"minLength": 1}]},
        {"if": {"format": "uri-reference"}, "then": {"maxLength": 1}},
    ],
)
def test_accepts__to_break_a_part_is_to_keep_the_whole__what_violations_tell(
    form: dict[str, Any],
) -> None:
    validator = own(uri={"type": "string", **form})
    loose_alone = {"uri": "q=[1]|2"}
    assert validator.violations(loose_alone)
    assert not validator.accepts(loose_alone)


def test_validator__number_of_more_than_64_bits__compiled() -> None:
    validator = own(a={"type": "integer", "maximum": 2**64})
    assert validator.accepts({"a": 2**63})
    assert not validator.accepts({"a": 2**65})


def test_date__what_only_the_engine_takes_for_one__refused() -> None:
    validator = own(day={"type": "string", "format": "date"})
    assert validator.accepts({"day": "2026-11-22"})
    assert validator.accepts({"day": "2026-02-31"}), "Ajv looks at the form alone"
    assert not validator.accepts({"day": "3-35-08-09"})


@pytest.mark.parametrize("uri", ["a b", "a\n", " "])
def test_uri_reference__white_space__refused(uri: str) -> None:
    assert not VALIDATOR.accepts(event(meta={**event()["meta"], "uri": uri}))


@pytest.mark.parametrize(
    ("loose", "strict"),
    [
        ("2026-01-15 09:30:00Z", "2026-01-15T09:30:00Z"),
        ("2026-01-15T09:30:00.5+0130", "2026-01-15T09:30:00.5+01:30"),
        ("2026-01-15t09:30:00-08", "2026-01-15T09:30:00-08:00"),
    ],
)
def test_repair__loose_time__same_instant_in_rfc_3339(loose: str, strict: str) -> None:
    made = event(dt=loose, performer={"registration_dt": loose})
    assert not VALIDATOR.accepts(made)
    assert VALIDATOR.accepts_after_repair(made)
    assert made["dt"] == strict
    assert made["performer"]["registration_dt"] == strict


@pytest.mark.parametrize(
    "text",
    ["2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-15T09:30:00", "2026-01-15", ""],
)
def test_repair__no_instant__stays_refused(text: str) -> None:
    assert not VALIDATOR.accepts_after_repair(event(dt=text))


@given(st.text())
def test_normalize_time__any_text__stays_unless_it_is_a_time(text: str) -> None:
    assert normalize_time(text) == text or text[:4].isdigit()


def test_nesting__too_deep__said_so() -> None:
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    with pytest.raises(NestingError):
        VALIDATOR.violations(event(action=deep))


def test_pattern__evil__takes_linear_time() -> None:
    validator = own(x={"type": "string", "pattern": "^(a+)+$"})
    started = time.perf_counter()
    assert not validator.accepts({"x": "a" * 50_000 + "!"})
    assert time.perf_counter() - started < 1.0


def test_pattern__needs_backtracking__refused_when_compiled() -> None:
    with pytest.raises(ValueError, match="cannot be compiled"):
        own(x={"type": "string", "pattern": r"^(a)\1$"})


def test_ref__to_an_address__never_fetched() -> None:
    with pytest.raises(ValueError, match="cannot be compiled"):
        own(x={"$ref": "http://127.0.0.1:1/schema"})


def test_violations__keyword_in_the_engines_own_words__quote_nothing_of_the_event() -> None:
    (found,) = own(a={"not": {"type": "string"}}).violations({"a": "s3cret"})
    assert "s3cret" not in str(found)
