"""Findings as text, as JSON and as SARIF 2.1.0 (OASIS), for people and for what reads them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from allotment import __version__
from allotment.contract.check.entries import Configuration
from allotment.contract.check.findings import DOCS, Finding, Severity
from allotment.contract.check.rule import RULES, Rule

_SARIF_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def to_text(findings: Sequence[Finding], configuration: Configuration) -> str:
    """Four lines a finding, and one that counts."""
    parts = [_paragraph(finding) for finding in findings]
    return "\n".join([*parts, summary(findings, configuration)]) + "\n"


def _paragraph(finding: Finding) -> str:
    place = finding.place
    where = f"{place.file}:{place.line or 1}: " if place.file else ""
    return (
        f"{where}{finding.severity} {finding.rule}: {finding.headline}\n"
        f"    in {place}\n"
        f"    {finding.what} {finding.consequence}\n"
        f"    To satisfy it: {finding.remedy}\n"
    )


def summary(findings: Sequence[Finding], configuration: Configuration) -> str:
    """How many findings in how many things."""
    counts = Counter(finding.severity for finding in findings)
    told = ", ".join(_count(counts[severity], severity.value) for severity in Severity)
    checked = (
        _count(len(configuration.streams or ()), "stream"),
        _count(len(configuration.instruments), "instrument"),
        _count(len(configuration.experiments), "experiment"),
    )
    return f"{told} in {checked[0]}, {checked[1]} and {checked[2]}."


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def to_json(findings: Sequence[Finding], configuration: Configuration) -> str:
    """`{"findings": […], "summary": …}`; each finding as `Finding.to_json` says."""
    document = {
        "findings": [finding.to_json() for finding in findings],
        "summary": summary(findings, configuration),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def to_sarif(findings: Sequence[Finding]) -> str:
    """One run with every rule; a finding without a file has a logical location alone."""
    order = {name: place for place, name in enumerate(RULES)}
    run = {
        "tool": {
            "driver": {
                "name": "allotment check",
                "semanticVersion": __version__,
                "rules": [_sarif_rule(rule) for rule in RULES.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_sarif_result(finding, order[finding.rule]) for finding in findings],
    }
    document = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.claim},
        "fullDescription": {"text": f"{rule.claim} {rule.story}"},
        "help": {"text": f"{rule.claim} {rule.story} See {DOCS}#{rule.name}."},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _sarif_result(finding: Finding, index: int) -> dict[str, Any]:
    place = finding.place
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": str(place), "kind": place.kind.value}]
    }
    if place.file:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": quote(place.file)},
            "region": {"startLine": place.line or 1},
        }
    identity = f"{finding.rule}\n{place}\n{finding.headline}"
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity.value,
        "message": {"text": finding.sentence},
        "locations": [location],
        "partialFingerprints": {
            "allotmentCheck/v1": hashlib.sha256(identity.encode()).hexdigest()[:32]
        },
    }


def explain(rule: Rule) -> str:
    """A rule in full."""
    kinds = ", ".join(f"{kind.value}s" for kind in rule.kinds if kind.value != "lab")
    return (
        f"{rule.name} ({rule.severity}{f'; {kinds}' if kinds else ''})\n\n"
        f"{rule.claim}\n\n{rule.story}\n"
    )
