"""The schemas that Allotment ships: in order, compatible, and readable by the lake."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from allotment.contract.materialize import walk
from allotment.contract.repository_check import check_repository
from allotment.contract.repository_sources import materialize_repository
from allotment.contract.schemas import Schema, SchemaRepository, shipped_repository
from allotment.contract.validator import Validator

REPOSITORY = SchemaRepository([])
WEB = REPOSITORY.load("/analytics/product_metrics/web/base/1.3.0")
APP = REPOSITORY.load("/analytics/product_metrics/app/base/1.3.0")
TOKEN = "0123456789abcdefghij"

COMMON: dict[str, Any] = {
    "action": "a" * 64,
    "action_subtype": "a" * 64,
    "action_source": "a" * 64,
    "action_context": "a" * 8192,
    "element_id": "a" * 64,
    "element_friendly_name": "a" * 64,
    "funnel_name": "a" * 64,
    "funnel_entry_token": "a" * 80,
    "funnel_event_sequence_position": 1,
    "instrument_name": "a" * 255,
    "dt": "2026-01-15T09:30:00.000Z",
    "meta": {
        "stream": "s",
        "dt": "2026-01-15T09:30:00Z",
        "id": "",
        "request_id": "",
        "domain": "d",
        "uri": "/wiki/%C3%86",
        "anything": {"else": 1},
    },
    "http": {
        "protocol": "HTTP/1.1",
        "method": "GET",
        "status_code": 200,
        "has_cookies": False,
        "request_headers": {"user-agent": "x"},
        "response_headers": {"etag": "x"},
        "anything": 1,
    },
    "experiments": {
        "enrolled": ["a"],
        "assigned": {"a": "b"},
        "subject_ids": {"a": "0" * 64},
        "sampling_units": {"a": "mw-user"},
        "coordinators": {"a": "default"},
        "versions": {"a": "1"},
        "anything": 1,
    },
    "sample": {"unit": "device", "rate": 0.001},
    "mediawiki": {"database": ""},
    "page": {
        "id": -1,
        "title": "t",
        "namespace_id": -2,
        "namespace_name": "",
        "revision_id": 0,
        "wikidata_qid": "Q42",
        "content_language": "fr",
    },
    "performer": {
        "is_logged_in": True,
        "is_temp": False,
        "is_bot": False,
        "id": 0,
        "name": "N",
        "session_id": TOKEN,
        "pageview_id": TOKEN,
        "groups": ["sysop"],
        "registration_dt": "2020-01-01T00:00:00+02:00",
    },
    "agent": {
        "client_platform": "mediawiki_php",
        "client_platform_family": "mobile_browser",
        "release_status": "debug",
    },
}
WEB_MORE: dict[str, dict[str, Any]] = {
    "mediawiki": {
        "skin": "vector",
        "version": "1.44",
        "site_content_language": "zh",
        "site_content_language_variant": "zh-tw",
    },
    "page": {
        "is_redirect": False,
        "user_groups_allowed_to_edit": [],
        "user_groups_allowed_to_move": [""],
    },
    "performer": {
        "language": "fr",
        "language_variant": "fr",
        "can_probably_edit_page": True,
        "edit_count": 0,
        "edit_count_bucket": "1000+ edits",
        "active_browsing_session_token": TOKEN,
    },
}
APP_MORE: dict[str, dict[str, Any]] = {
    "agent": {
        "app_install_id": "123e4567-e89b-12d3-a456-426614174000",
        "app_theme": "dark",
        "app_version": 1,
        "app_version_name": "2.7",
        "app_flavor": "beta",
        "device_family": "Pixel",
        "device_language": "fr",
    },
    "performer": {"language_primary": "fr", "language_groups": "[fr, en]"},
    "http": {"client_ip": "192.0.2.1"},
}


EXPERIMENT: dict[str, Any] = {
    "enrolled": "a",
    "assigned": "b",
    "subject_id": "awaiting",
    "sampling_unit": "edge-unique",
    "anything": 1,
}
EXPERIMENT_1 = {**EXPERIMENT, "coordinator": "xLab"}
EXPERIMENT_2 = {**EXPERIMENT, "coordinator": "default", "other_assigned": {"c": "d"}}
EXPERIMENT_2_1 = {**EXPERIMENT_2, "phase_index": 0, "version": "9f86d081884c7d65"}
WEB_1_5: dict[str, dict[str, Any]] = {**WEB_MORE, "agent": {"ua_string": "Mozilla/5.0"}}
"""The fields of each later version of the web base, beyond the common ones."""


def full(schema: Schema, more: dict[str, dict[str, Any]]) -> dict[str, Any]:
    event = copy.deepcopy(COMMON)
    event["$schema"] = schema.uri
    for owner, fields in more.items():
        event.setdefault(owner, {}).update(fields)
    return event


def web(version: str) -> Schema:
    return REPOSITORY.load(f"/analytics/product_metrics/web/base/{version}")


CASES = [
    (WEB, WEB_MORE),
    *((web(f"1.4.{n}"), {**WEB_MORE, "experiment": EXPERIMENT_1}) for n in range(3)),
    (web("1.4.3"), {**WEB_1_5, "experiment": EXPERIMENT_1}),
    (web("1.5.0"), {**WEB_1_5, "experiment": EXPERIMENT_1}),
    (web("2.0.0"), {**WEB_1_5, "experiment": EXPERIMENT_2}),
    (web("2.1.0"), {**WEB_1_5, "experiment": EXPERIMENT_2_1}),
    (APP, APP_MORE),
]


def test_repository__check__no_problem_and_nothing_to_write() -> None:
    root = shipped_repository()
    assert check_repository([root]).problems == ()
    assert materialize_repository([root]) == []


def test_repository__titles__fragments_and_bases() -> None:
    assert {REPOSITORY.latest(title).uri for title in REPOSITORY.titles()} == {
        "/fragment/common/2.0.0",
        "/fragment/analytics/common/2.0.0",
        "/fragment/analytics/product_metrics/experiments/1.0.0",
        "/fragment/analytics/product_metrics/experiment/2.1.0",
        "/fragment/analytics/product_metrics/common/2.1.0",
        "/fragment/analytics/product_metrics/web/1.2.0",
        "/fragment/analytics/product_metrics/app/1.1.1",
        "/analytics/product_metrics/web/base/2.1.0",
        "/analytics/product_metrics/app/base/1.3.0",
    }


def test_app_base_1_2_2__beside_1_3_0__lacks_membership_and_instrument_name_alone() -> None:
    older = REPOSITORY.load("/analytics/product_metrics/app/base/1.2.2")
    lacking = {"experiments", "instrument_name"}
    known, newer = older.body["properties"], APP.body["properties"]
    assert known == {name: field for name, field in newer.items() if name not in lacking}
    event = {**older.body["examples"][0], "instrument_name": "a"}
    assert [found.params for found in Validator(older).violations(event)] == [
        {"additionalProperty": "instrument_name"}
    ]


@pytest.mark.parametrize(("schema", "more"), CASES)
def test_base__event_with_every_field_at_its_limit__valid(
    schema: Schema, more: dict[str, dict[str, Any]]
) -> None:
    event = full(schema, more)
    assert Validator(schema).violations(event) == []


@pytest.mark.parametrize(("schema", "more"), CASES)
def test_base__the_full_event__has_every_field_of_the_schema(
    schema: Schema, more: dict[str, dict[str, Any]]
) -> None:
    event = full(schema, more)
    for at, _node in walk(schema.body):
        steps = [step for step in at.split("/")[1:] if step != "properties"]
        if "items" in steps or "additionalProperties" in steps:
            continue
        owner: Any = event
        for step in steps:
            assert step in owner, f"{at} is not in the event above"
            owner = owner[step]


@pytest.mark.parametrize(("schema", "more"), CASES)
@pytest.mark.parametrize("owner", ["agent", "mediawiki", "page", "performer", "sample", None])
def test_base__closed_object__refuses_further_fields(
    schema: Schema, more: dict[str, dict[str, Any]], owner: str | None
) -> None:
    event = full(schema, more)
    (event if owner is None else event[owner])["further"] = "x"
    found = Validator(schema).violations(event)
    assert [v.keyword for v in found] == ["additionalProperties"]


@pytest.mark.parametrize(("schema", "more"), CASES)
def test_base__required__exactly_these(schema: Schema, more: dict[str, dict[str, Any]]) -> None:
    validator = Validator(schema)
    event = full(schema, more)
    required = set()
    for name in event:
        if not validator.accepts({k: v for k, v in event.items() if k != name}):
            required.add(name)
    assert required == {"$schema", "action", "agent", "meta"}
    for name in ("stream", "dt"):
        less = copy.deepcopy(event)
        del less["meta"][name]
        assert not validator.accepts(less)
    assert validator.accepts({**event, "agent": {}, "experiments": {}, "http": {}})


@pytest.mark.parametrize(
    ("owner", "field", "value"),
    [
        (None, "action", "a" * 65),
        (None, "action_context", "a" * 8193),
        (None, "funnel_entry_token", "a" * 81),
        (None, "instrument_name", "a" * 256),
        (None, "funnel_event_sequence_position", 0),
        (None, "dt", "2026-01-15"),
        ("meta", "stream", ""),
        ("meta", "domain", ""),
        ("meta", "uri", "a" * 8193),
        ("http", "request_headers", {"a": 1}),
        ("experiments", "enrolled", [""]),
        ("experiments", "enrolled", {}),
        ("experiments", "assigned", {"a": ""}),
        ("experiments", "assigned", []),
        ("experiments", "subject_ids", {"a": 1}),
        ("sample", "rate", 1.1),
        ("sample", "rate", -0.1),
        ("sample", "unit", "user"),
        ("page", "id", -2),
        ("page", "title", ""),
        ("page", "revision_id", -1),
        ("page", "content_language", ""),
        ("page", "content_language", "a" * 256),
        ("performer", "session_id", "A" * 20),
        ("performer", "session_id", "a" * 21),
        ("performer", "session_id", "a" * 19 + "\n"),
        ("performer", "groups", [""]),
        ("performer", "edit_count", -1),
        ("performer", "edit_count", 2**53),
        ("performer", "edit_count_bucket", "many"),
        ("agent", "client_platform", "desktop"),
        ("agent", "release_status", "beta"),
        ("mediawiki", "skin", ""),
    ],
)
def test_web_base__one_step_past_a_limit__refused(
    owner: str | None, field: str, value: object
) -> None:
    event = full(WEB, WEB_MORE)
    (event if owner is None else event[owner])[field] = value
    assert len(Validator(WEB).violations(event)) >= 1


@pytest.mark.parametrize(
    ("version", "field", "value"),
    [
        ("1.4.0", "coordinator", "default"),
        ("1.5.0", "coordinator", "default"),
        ("2.0.0", "coordinator", "xLab"),
        ("2.1.0", "coordinator", "xLab"),
        ("2.1.0", "sampling_unit", "overridden"),
        ("2.1.0", "enrolled", ["a"]),
        ("2.1.0", "other_assigned", {"a": 1}),
        ("2.1.0", "phase_index", "0"),
        ("2.1.0", "version", 1),
    ],
)
def test_experiment__value_of_another_line_or_type__refused(
    version: str, field: str, value: object
) -> None:
    event = full(web(version), {"experiment": {"coordinator": "custom"}})
    assert Validator(web(version)).violations(event) == []
    event["experiment"][field] = value
    assert len(Validator(web(version)).violations(event)) == 1


def test_experiment__before_1_4__refused() -> None:
    event = full(WEB, {"experiment": EXPERIMENT_1})
    assert [v.keyword for v in Validator(WEB).violations(event)] == ["additionalProperties"]


@pytest.mark.parametrize("title", REPOSITORY.titles())
def test_every_field__of_every_schema__is_described(title: str) -> None:
    schema = REPOSITORY.latest(title)
    for at, node in walk(schema.body):
        if not at.endswith(("/items", "/additionalProperties")):
            assert node.get("description"), f"{title}{at} has no description"
