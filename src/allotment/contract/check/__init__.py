"""The check: one look at streams, schemas, instruments, experiments, metrics and clients together.

Each rule has a name, a severity and a story: the failure that it prevents. Where every rule is
silent, what is configured works together; nothing else in the lab sees all of it at once.
"""

from allotment.contract.check.entries import Configuration, Entry, Origin, configuration_of
from allotment.contract.check.findings import Finding, Kind, Place, Severity
from allotment.contract.check.platforms import PLATFORMS, Platform
from allotment.contract.check.rule import RULES, Rule
from allotment.contract.check.run import (
    UnknownRuleError,
    check,
    check_scene,
    named_rule,
    of_entry,
    worst,
)
from allotment.contract.check.scene import Arrived, Limits, MetricNeeds, Observations, Scene

__all__ = [
    "PLATFORMS",
    "RULES",
    "Arrived",
    "Configuration",
    "Entry",
    "Finding",
    "Kind",
    "Limits",
    "MetricNeeds",
    "Observations",
    "Origin",
    "Place",
    "Platform",
    "Rule",
    "Scene",
    "Severity",
    "UnknownRuleError",
    "check",
    "check_scene",
    "configuration_of",
    "named_rule",
    "of_entry",
    "worst",
]
