"""The operators' guide and the alarms name what a running intake tells, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.intake.conftest import Intake, event

DOCS = Path(__file__).resolve().parents[2] / "docs" / "how-to"
GUIDE = (DOCS / "operate-the-intake.md").read_text()
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DOCS / "intake-alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
FUNCTIONS = {"sum", "min", "max", "by", "rate", "increase", "absent", "histogram_quantile", "on"}
WORDS = {"and", "or", "offset", "up", "job", "instance", "stream", "worker", "le"}


@pytest.fixture
def told(intake: Intake) -> dict[str, set[str]]:
    """The labels of every sample by its name, after events of both fates."""
    intake.send([event(), 5])
    found: dict[str, set[str]] = {}
    for line in intake.request("GET", "/metrics").body.decode().splitlines():
        if not line.startswith("#"):
            name, _, labels = line.rpartition(" ")[0].partition("{")
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def test_guide__metrics__are_those_of_a_running_intake(told: dict[str, set[str]]) -> None:
    table = GUIDE.partition("## Metrics")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(allotment_intake_\w+)` \|", table, re.MULTILINE)
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in told}
    assert sorted(named) == sorted(families)
    assert all("worker" in labels for labels in told.values())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alarm__any__asks_for_what_there_is_and_says_what_to_do(
    rule: dict[str, Any], told: dict[str, set[str]]
) -> None:
    asked = rule["expr"]
    selectors = re.findall(r"(allotment_intake_\w+|up)(?:\{([^}]*)\})?", asked)
    assert selectors
    for name, matchers in selectors:
        labels = {"job"} if name == "up" else told[name]
        assert set(re.findall(r"(\w+)(?==|!=)", re.sub(r'"[^"]*"', "", matchers))) <= labels
    for kept in re.findall(r"by \(([^)]*)\)", asked):
        assert set(kept.split(", ")) <= {"instance"}.union(*told.values())
    bare = re.sub(r'\{[^}]*\}|\[[^\]]*\]|"[^"]*"|allotment_intake_\w+', "", asked)
    assert set(re.findall(r"[a-z_]+", bare)) <= FUNCTIONS | WORDS | {"d"}
    assert bare.count("(") == bare.count(")")
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"].endswith(".")
    headings = re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)
    assert rule["annotations"]["page"] in {h.lower().replace(" ", "-") for h in headings}


def test_alarms__all__have_different_names() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names)) > 8
