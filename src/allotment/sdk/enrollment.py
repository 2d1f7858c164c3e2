"""Which experiments a visitor is in: a pure function of configuration, ids and overrides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from allotment.allocation import (
    Experiment,
    IdentifierType,
    Reason,
    allocate,
    keyed_subject_id,
)

OVERRIDDEN_SUBJECT = "overridden"
AWAITING_SUBJECT = "awaiting"
"""The subject id of who was enrolled by an edge; the intake puts the edge's id in its place."""


class WhyNot(StrEnum):
    """Reasons beside those of the law of allocation (`Reason`)."""

    NO_SUBJECT = "no_subject"
    """The visitor has no id of the kind that the experiment randomizes."""
    EDGE = "edge"
    """An edge gave the group."""
    EDGE_UNKNOWN_GROUP = "edge_unknown_group"
    """An edge gave a group that the experiment does not have."""
    UNKNOWN_EXPERIMENT = "unknown_experiment"
    """The configuration does not have it, or not yet: `Client.describe` says which it is."""


class Coordinator(StrEnum):
    """Who chose the group. Only what `default` chose is analysed."""

    DEFAULT = "default"
    FORCED = "forced"
    REHEARSAL = "rehearsal"


@dataclass(frozen=True, slots=True)
class Membership:
    """The experiments that one visitor is in, each map keyed by experiment name.

    `assigned` has one entry for every experiment in which the visitor is enrolled; the others hold
    keys out of these. A forced group of an experiment that the configuration does not know has
    neither sampling unit nor version. `reasons` has an entry for every experiment that was
    evaluated, also where the visitor is not enrolled; no event and no page carries them.
    """

    assigned: Mapping[str, str] = field(default_factory=dict)
    subject_ids: Mapping[str, str] = field(default_factory=dict)
    sampling_units: Mapping[str, str] = field(default_factory=dict)
    coordinators: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def enrolled(self) -> tuple[str, ...]:
        """Names of the experiments, in the order of the configuration."""
        return tuple(self.assigned)

    def group(self, experiment: str) -> str | None:
        """The visitor's group in an experiment; None where it is not enrolled."""
        return self.assigned.get(experiment)

    def reason(self, experiment: str) -> str:
        """Why the visitor is in its group or in none: one of `Reason` or `WhyNot`."""
        return self.reasons.get(experiment, WhyNot.UNKNOWN_EXPERIMENT)

    def to_event(self) -> dict[str, Any]:
        """The `experiments` record of an event."""
        return {
            "enrolled": list(self.assigned),
            "assigned": dict(self.assigned),
            "subject_ids": dict(self.subject_ids),
            "sampling_units": dict(self.sampling_units),
            "coordinators": dict(self.coordinators),
            "versions": dict(self.versions),
        }

    def to_page(self) -> dict[str, Any]:
        """What a page's `window.allotmentUserExperiments` holds: the record and the overrides."""
        return {**self.to_event(), "overrides": list(self.overrides)}


def enroll(
    experiments: Iterable[Experiment],
    identifiers: Mapping[str, str | None],
    *,
    site: str | None,
    now: datetime,
    overrides: Mapping[str, str] | None = None,
    attributes: Mapping[str, object] | None = None,
    edge: Mapping[str, str] | None = None,
    subject_key: bytes | None = None,
) -> Membership:
    """Evaluate every experiment for one visitor by the law of allocation.

    Args:
        experiments: as configured; of two with one name the last counts.
        identifiers: by identifier type (`mw-user`, `edge-unique`, `session`) the visitor's id, None
            where there is none. An experiment whose type has no id is not evaluated.
        site: selects the rate in each experiment's sample rates.
        now: aware time against which start and end are held.
        overrides: forced groups by experiment name; they win over everything, and hold for unknown
            experiments too.
        attributes: contextual attributes by flat names (`page_namespace_id`), for experiments that
            are about some subjects only.
        edge: groups that an edge gave, by experiment name. Over experiments that randomize browsers
            they decide alone, but for a forced group; one that an experiment does not have is none.
        subject_key: a secret under which subject ids stand in the membership; None: plain hashes.
            Groups do not depend on it.

    Example:
        >>> from allotment.allocation import parse_experiment
        >>> from datetime import UTC, datetime
        >>> lunch = parse_experiment(
        ...     {"name": "foo", "groups": ["control", "treatment"], "sample_rate": {"default": 1},
        ...      "user_identifier_type": "mw-user"})
        >>> enroll([lunch], {"mw-user": "2"}, site=None, now=datetime.now(UTC)).group("foo")
        'control'
    """
    forced = dict(overrides or {})
    known = {experiment.name: experiment for experiment in experiments}
    assigned: dict[str, str] = {}
    subject_ids: dict[str, str] = {}
    units: dict[str, str] = {}
    coordinators: dict[str, str] = {}
    versions: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for name, experiment in known.items():
        of_edge = (edge or {}).get(name)
        at_edge = of_edge is not None and experiment.identifier_type == IdentifierType.BROWSER
        if at_edge and name not in forced:
            reasons[name] = WhyNot.EDGE_UNKNOWN_GROUP
            if of_edge in experiment.groups:
                reasons[name] = WhyNot.EDGE
                assigned[name], subject_ids[name] = of_edge, AWAITING_SUBJECT
                units[name], coordinators[name] = experiment.identifier_type, Coordinator.DEFAULT
                if experiment.version:
                    versions[name] = experiment.version
            continue
        subject = identifiers.get(experiment.identifier_type)
        if not subject and name not in forced:
            reasons[name] = WhyNot.NO_SUBJECT
            continue
        found = allocate(
            experiment,
            subject or "",
            site=site,
            now=now,
            overrides=forced,
            attributes=attributes,
        )
        reasons[name] = found.reason
        if found.group is None:
            continue
        overridden = found.reason is Reason.OVERRIDDEN
        assigned[name] = found.group
        subject_ids[name] = (
            found.subject_id
            if overridden or subject_key is None
            else keyed_subject_id(subject_key, subject or "", name)
        )
        units[name] = experiment.identifier_type
        coordinators[name] = Coordinator.FORCED if overridden else Coordinator.DEFAULT
        if experiment.version:
            versions[name] = experiment.version
    for name, group in forced.items():
        if name not in known:
            assigned[name] = group
            subject_ids[name] = OVERRIDDEN_SUBJECT
            coordinators[name] = Coordinator.FORCED
            reasons[name] = Reason.OVERRIDDEN
    return Membership(assigned, subject_ids, units, coordinators, versions, tuple(forced), reasons)
