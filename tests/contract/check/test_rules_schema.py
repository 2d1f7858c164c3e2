"""Rules that look into schemas, on one of another shape than the shipped ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.check.scenes import CLIENT, EXPERIMENT, GONE, STREAM, demo, scene

from allotment.contract.check import (
    PLATFORMS,
    Entry,
    Finding,
    Kind,
    Observations,
    Origin,
    Scene,
    Severity,
    check_scene,
    configuration_of,
)
from allotment.contract.check.platforms import MEDIAWIKI_JS, PYTHON
from allotment.contract.schemas import SchemaRepository, shipped_repository

TITLE = "analytics/own/events"
TEXT = {"type": "string", "maxLength": 255}
MEMBERSHIP = {
    "type": "object",
    "properties": {"enrolled": {"type": "array"}, "assigned": {"type": "object"}},
}


def own_schema(folder: Path, **changes: Any) -> Scene:  # noqa: ANN401 - parts of a schema
    """The demo's scene, whose experiment follows a schema of its own."""
    properties = {
        "$schema": TEXT,
        "action": TEXT,
        "meta": {
            "type": "object",
            "properties": {"dt": {"type": "string", "format": "date-time"}, "stream": TEXT},
            "required": ["dt", "stream"],
        },
        "agent": {"type": "object", "properties": {"client_platform": TEXT}},
        "performer": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"is_logged_in": {"type": "boolean"}, "session_id": TEXT},
        },
        "experiments": MEMBERSHIP,
    } | changes.pop("properties", {})
    body = {
        "title": TITLE,
        "$id": f"/{TITLE}/1.0.0",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: node for name, node in properties.items() if node},
        "required": ["$schema", "meta"],
    } | changes
    path = folder / TITLE
    path.mkdir(parents=True)
    (path / "1.0.0.yaml").write_text(json.dumps(body))
    asked = ["performer_is_logged_in"]
    document = demo(
        {
            f"{STREAM}/schema_title": TITLE,
            f"{CLIENT}/provide_values": asked,
            f"{EXPERIMENT}/schema_id": f"/{TITLE}/1.0.0",
            f"{EXPERIMENT}/contextual_attributes": asked,
            f"{EXPERIMENT}/metrics": [],
            "instruments": [],
            "streams/demo-article-clicks": GONE,
        }
    )
    return replace(
        scene(),
        configuration=configuration_of(**document),
        schemas=SchemaRepository([shipped_repository(), folder]),
    )


def of_rule(made: Scene, rule: str) -> list[Finding]:
    return check_scene(made, only=[rule])


def asking(made: Scene, *names: str) -> Scene:
    """The same scene, whose experiment asks for other attributes."""
    (old,) = made.configuration.experiments
    entry = Entry(Kind.EXPERIMENT, old.name, {**old.body, "contextual_attributes": list(names)})
    return replace(made, configuration=replace(made.configuration, experiments=(entry,)))


def test_own_schema__sound__nothing(tmp_path: Path) -> None:
    assert check_scene(own_schema(tmp_path)) == []


def test_schema_has_membership__no_record__error(tmp_path: Path) -> None:
    made = own_schema(tmp_path, properties={"experiments": None})
    (finding,) = of_rule(made, "schema-has-membership")
    assert "no field for the groups" in finding.what
    assert finding.severity is Severity.ERROR


def test_schema_has_membership__only_the_single_form__warns_of_our_clients(tmp_path: Path) -> None:
    made = own_schema(tmp_path, properties={"experiments": None, "experiment": MEMBERSHIP})
    (finding,) = of_rule(made, "schema-has-membership")
    assert finding.severity is Severity.WARNING
    assert "Allotment's Python client" in finding.what
    single = tuple(replace(p, membership="experiment") for p in PLATFORMS)
    assert of_rule(replace(made, platforms=single), "schema-has-membership") == []


@pytest.mark.parametrize(
    ("node", "text", "severity"),
    [
        ({"type": "string"}, "is a boolean and has a string", Severity.ERROR),
        ({"type": ["boolean", "null"]}, "", Severity.ERROR),
    ],
)
def test_attribute_fits_field__other_type__error(
    tmp_path: Path, node: dict[str, Any], text: str, severity: Severity
) -> None:
    performer = {"type": "object", "properties": {"is_logged_in": node}}
    told = of_rule(
        own_schema(tmp_path, properties={"performer": performer}), "attribute-fits-field"
    )
    assert [text in f.what and f.severity is severity for f in told] == [True] * bool(text)


def test_attribute_fits_field__too_short__warning(tmp_path: Path) -> None:
    page = {"type": "object", "properties": {"title": {"type": "string", "maxLength": 64}}}
    made = asking(own_schema(tmp_path, properties={"page": page}), "page_title")
    (finding,) = of_rule(made, "attribute-fits-field")
    assert "up to 255 characters and room for 64" in finding.what
    assert finding.severity is Severity.WARNING


def performer(*required: str) -> dict[str, Any]:
    """The object of who did it, with required fields of any text."""
    names = {*required, "is_logged_in"}
    return {
        "type": "object",
        "properties": {n: {"type": "boolean"} if n.startswith("is") else TEXT for n in names},
        "required": list(required),
    }


def test_required_field_is_sent__filled_by_none__error(tmp_path: Path) -> None:
    made = own_schema(
        tmp_path, properties={"performer": performer("active_browsing_session_token")}
    )
    (finding,) = of_rule(made, "required-field-is-sent")
    assert "no client has a value" in finding.what


def test_required_field_is_sent__not_asked_for__error_until_it_is(tmp_path: Path) -> None:
    made = own_schema(tmp_path, properties={"performer": performer("session_id")})
    (finding,) = of_rule(made, "required-field-is-sent")
    assert finding.remedy == "Ask for performer_session_id."
    whole = asking(made, "performer_session_id")
    assert of_rule(whole, "required-field-is-sent") == []


def test_required_field_is_sent__only_for_accounts__error_for_browsers(tmp_path: Path) -> None:
    made = asking(
        own_schema(tmp_path, properties={"performer": performer("name")}), "performer_name"
    )
    (finding,) = of_rule(made, "required-field-is-sent")
    assert "people who are logged in only" in finding.what


def test_required_field_is_sent__of_the_code__told_once_no_event_has_it(tmp_path: Path) -> None:
    made = own_schema(
        tmp_path, properties={"search_id": TEXT}, required=["$schema", "meta", "search_id"]
    )
    assert of_rule(made, "required-field-is-sent") == []
    seen = {"product_metrics.web_base": frozenset({"action"})}
    told = of_rule(replace(made, observations=Observations(fields=seen)), "required-field-is-sent")
    assert [f.severity for f in told] == [Severity.WARNING]
    seen = {"product_metrics.web_base": frozenset({"search_id"})}
    whole = replace(made, observations=Observations(fields=seen))
    assert of_rule(whole, "required-field-is-sent") == []


def test_required_field_is_sent__object_that_is_not_there__not_looked_into(tmp_path: Path) -> None:
    page = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
    made = own_schema(tmp_path, properties={"page": page})
    assert of_rule(made, "required-field-is-sent") == []


def test_attribute_is_filled__clients_in_use__decide() -> None:
    made = scene({f"{EXPERIMENT}/contextual_attributes": ["performer_session_token"]})
    assert of_rule(replace(made, platforms=()), "attribute-is-filled") == []
    (finding,) = of_rule(replace(made, platforms=(PYTHON, MEDIAWIKI_JS)), "attribute-is-filled")
    assert "Python client nor MediaWiki's" in finding.what


def test_key_given_once__file_with_a_key_twice__told_with_its_line() -> None:
    origin = Origin("lab.yaml", {"": 3, "/sample_rate/0.1": 9}, (("sample_rate", "0.1"),))
    entry = replace(scene().configuration.experiments[0], origin=origin)
    made = replace(scene(), configuration=replace(scene().configuration, experiments=(entry,)))
    (finding,) = of_rule(made, "key-given-once")
    assert (finding.place.file, finding.place.line) == ("lab.yaml", 9)
    assert finding.place.pointer == "/sample_rate/0.1"
