"""An experiment as the public API shows it, and its evaluation for one subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from allotment.allocation import law
from allotment.allocation.targeting import Condition, meets


class Reason(StrEnum):
    """Why an evaluation ended as it did, in the order in which the steps are tried."""

    OVERRIDDEN = "overridden"
    NOT_ACTIVE = "not_active"
    NOT_TARGETED = "not_targeted"
    HELD_OUT = "held_out"
    LAYER_TAKEN = "layer_taken"
    NOT_SAMPLED = "not_sampled"
    ASSIGNED = "assigned"


class IdentifierType(StrEnum):
    """Who is randomized, in the public API's names."""

    USER = "mw-user"
    BROWSER = "edge-unique"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class SampleRate:
    """The share of subjects that take part: a default, and other rates for named sites."""

    default: float
    sites: Mapping[str, float]

    def at(self, site: str | None) -> float:
        """The rate (0 to 1) at a site; the default where the site is not named."""
        return self.default if site is None else self.sites.get(site, self.default)


@dataclass(frozen=True, slots=True)
class LayerRange:
    """The slots (`begin` to before `end`, of 2^24) that an experiment owns of a layer."""

    layer: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class HoldoutRange:
    """The slots (`begin` to before `end`, of 2^24) that a holdout keeps out of an experiment."""

    holdout: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment, as much of it as enrollment and events need."""

    name: str
    groups: tuple[str, ...]
    weights: tuple[int, ...]
    sample_rate: SampleRate
    identifier_type: str = IdentifierType.BROWSER
    start: datetime | None = None
    end: datetime | None = None
    stream_name: str = ""
    schema_id: str = ""
    contextual_attributes: tuple[str, ...] = ()
    version: str = ""
    phase_index: int = 0
    layer: LayerRange | None = None
    targeting: tuple[Condition, ...] = ()
    holdouts: tuple[HoldoutRange, ...] = ()

    def is_active(self, now: datetime) -> bool:
        """Whether `now` lies within start and end, both included; a missing bound is open."""
        return (self.start is None or self.start <= now) and (self.end is None or now <= self.end)


@dataclass(frozen=True, slots=True)
class Allocation:
    """What the law says of one subject in one experiment. `group` is None iff not enrolled."""

    experiment: str
    subject_id: str
    group: str | None
    reason: Reason

    @property
    def enrolled(self) -> bool:
        """Whether the subject takes part."""
        return self.group is not None


def allocate(
    experiment: Experiment,
    subject: str,
    *,
    site: str | None = None,
    now: datetime | None = None,
    overrides: Mapping[str, str] | None = None,
    attributes: Mapping[str, object] | None = None,
) -> Allocation:
    """Evaluate an experiment for a subject; the first step that decides gives the reason.

    1. A forced group wins (`overridden`); the subject id is then the word `overridden`.
    2. Outside its dates nobody is enrolled (`not_active`).
    3. All conditions on the attributes must hold (`not_targeted`).
    4. In each holdout, the subject's slot must lie outside the range kept out (`held_out`).
    5. In a layer, the subject's slot must lie in the experiment's range (`layer_taken`).
    6. The law's remainder against the site's rate (`not_sampled`).
    7. The law's slot names the group (`assigned`).

    Args:
        experiment: which.
        subject: whose id.
        site: selects the rate; the default rate if None.
        now: aware time against which start and end are held; the clock's if None.
        overrides: forced groups by experiment.
        attributes: contextual attributes by their flat names (`page_namespace_id`), for targeting.
    """
    forced = (overrides or {}).get(experiment.name)
    if forced is not None:
        return Allocation(experiment.name, "overridden", forced, Reason.OVERRIDDEN)
    drawn = law.draw(subject, experiment.name, sum(experiment.weights))
    if not experiment.is_active(now or datetime.now(UTC)):
        return Allocation(experiment.name, drawn.subject_hash, None, Reason.NOT_ACTIVE)
    if not meets(experiment.targeting, attributes or {}):
        return Allocation(experiment.name, drawn.subject_hash, None, Reason.NOT_TARGETED)
    for kept in experiment.holdouts:
        if kept.begin <= law.holdout_slot(subject, kept.holdout) < kept.end:
            return Allocation(experiment.name, drawn.subject_hash, None, Reason.HELD_OUT)
    layer = experiment.layer
    if layer and not layer.begin <= law.layer_slot(subject, layer.layer) < layer.end:
        return Allocation(experiment.name, drawn.subject_hash, None, Reason.LAYER_TAKEN)
    if drawn.remainder >= law.threshold(experiment.sample_rate.at(site)):
        return Allocation(experiment.name, drawn.subject_hash, None, Reason.NOT_SAMPLED)
    group = experiment.groups[law.group_index(drawn.slot, experiment.weights)]
    return Allocation(experiment.name, drawn.subject_hash, group, Reason.ASSIGNED)
