"""How findings are written: text, JSON, SARIF."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema_rs
from tests.contract.check.scenes import Changes, scene

from allotment.contract.check import RULES, Finding, Origin, check_scene
from allotment.contract.check.rendering import explain, to_json, to_sarif, to_text

BROKEN: Changes = {
    "experiments/0/groups": ["control"],
    "experiments/0/end": "2062-01-01T00:00:00Z",
    "experiments/0/contextual_attributes": ["performer_edit_count"],
}
_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
ESSENTIAL_SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "invocations": {
                        "items": {"required": ["executionSuccessful"], "type": "object"}
                    },
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id"],
                                            "properties": {
                                                "shortDescription": _TEXT,
                                                "fullDescription": _TEXT,
                                                "help": _TEXT,
                                                "defaultConfiguration": {
                                                    "properties": {"level": _LEVEL}
                                                },
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "required": ["message", "ruleId"],
                            "properties": {
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": _LEVEL,
                                "message": _TEXT,
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "properties": {
                                                            "uri": {"format": "uri-reference"}
                                                        }
                                                    },
                                                    "region": {
                                                        "properties": {
                                                            "startLine": {
                                                                "type": "integer",
                                                                "minimum": 1,
                                                            }
                                                        }
                                                    },
                                                },
                                            }
                                        }
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


def findings(*, in_file: bool = True) -> list[Finding]:
    made = scene(BROKEN)
    if in_file:
        entry = replace(
            made.configuration.experiments[0], origin=Origin("my lab/a.yaml", {"": 2, "/groups": 7})
        )
        made = replace(made, configuration=replace(made.configuration, experiments=(entry,)))
    return check_scene(made)


def test_to_text__finding_in_a_file__place_sentence_and_count() -> None:
    text = to_text(findings(), scene().configuration)
    assert text.startswith("my lab/a.yaml:7: error groups-are-enough: an experiment has 2 to 10")
    assert "    in experiment related-articles-card /groups\n" in text
    assert "    To satisfy it: The first is control;" in text
    assert text.endswith(" in 2 streams, 1 instrument and 1 experiment.\n")


def test_to_json__findings__come_back_as_they_were() -> None:
    document = json.loads(to_json(findings(), scene().configuration))
    assert [Finding.from_json(f) for f in document["findings"]] == findings()
    assert document["findings"][0]["link"] == (
        "docs/reference/check-rules.md#" + document["findings"][0]["rule"]
    )


def test_to_sarif__findings__keep_the_essential_rules_of_its_schema() -> None:
    for told in (findings(), findings(in_file=False), []):
        document = json.loads(to_sarif(told))
        validator = jsonschema_rs.Draft7Validator(ESSENTIAL_SARIF, validate_formats=True)
        assert [e.message for e in validator.iter_errors(document)] == []
        run = document["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        assert len(rules) == len(RULES)
        assert [rules[r["ruleIndex"]]["id"] for r in run["results"]] == [f.rule for f in told]
        prints = [r["partialFingerprints"]["allotmentCheck/v1"] for r in run["results"]]
        assert len(set(prints)) == len(told)


def test_to_sarif__file__has_its_uri_and_line() -> None:
    first = json.loads(to_sarif(findings()))["runs"][0]["results"][0]
    physical = first["locations"][0]["physicalLocation"]
    assert physical == {
        "artifactLocation": {"uri": "my%20lab/a.yaml"},
        "region": {"startLine": 7},
    }


def test_explain__rule__claim_and_story() -> None:
    text = explain(RULES["block-not-lost"])
    assert text.startswith("block-not-lost (error; streams)")
    assert "30 April 2026" in text
