"""What answers hold, as the OpenAPI document shows it. `documents` makes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ninja import Schema

from allotment.registry.manage_api.shapes import ExperimentBody, InstrumentBody

Kinds = Literal["experiments", "instruments"]


class RefusalAnswer(Schema):
    """One rule's no: which field it concerns, what is wrong, and how to satisfy the rule."""

    rule: str
    field: str
    headline: str
    what: str
    remedy: str


class Problem(Schema):
    """Every answer but success (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str
    refusals: list[RefusalAnswer]


class ListPage(Schema):
    """A page of a list. `total` counts everything that the filters find."""

    total: int
    page: int
    pages: int
    size: int


class _ItemAnswer(Schema):
    """An item: its `plan`, as it is written, and what no plan says.

    `revision` is its ETag. `plan` is null where the stored row is damaged; `fault` then says why.
    `possible` are the verbs that have an arrow from its state.
    """

    machine_name: str
    state: Literal["draft", "ready", "scheduled", "running", "stopped", "decided", "archived"]
    revision: int
    version: int
    phase_index: int
    possible: list[str]
    fault: str
    creator: str | None
    edited_by: str | None
    approved_by: str | None
    approved: datetime | None
    activated: datetime | None
    stopped: datetime | None
    created: datetime
    changed: datetime
    synthetic_note: str


class InstrumentAnswer(_ItemAnswer):
    """An instrument."""

    kind: Literal["instrument"]
    plan: InstrumentBody | None


class HeldOutAnswer(Schema):
    """The slots, from `begin` to before `end` of 2^24, that a holdout keeps out."""

    name: str
    begin: int
    end: int
    environments: list[str]


class ExperimentAnswer(_ItemAnswer):
    """An experiment; `layer_range` are the first and last place that it owns in its layer.

    `holdouts` are the ranges of subjects that are kept out of it, each by another experiment.
    """

    kind: Literal["experiment"]
    plan: ExperimentBody | None
    decision: str
    decision_reasons: str
    decided: datetime | None
    public: bool
    layer_range: list[int] | None
    holdouts: list[HeldOutAnswer]


class InstrumentPage(ListPage):
    """Instruments."""

    items: list[InstrumentAnswer]


class ExperimentPage(ListPage):
    """Experiments."""

    items: list[ExperimentAnswer]


class ChangeAnswer(Schema):
    """One line of a difference; `sign` is `~`, `+` or `-`."""

    sign: Literal["~", "+", "-"]
    label: str
    was: str
    now: str
    means: str


class FindingAnswer(Schema):
    """What a rule of the check says about one place."""

    rule: str
    severity: str
    kind: str
    name: str
    field: str
    headline: str
    what: str
    consequence: str
    remedy: str


class Findings(Schema):
    """What the check says."""

    findings: list[FindingAnswer]


class _Written(Schema):
    """What a write did, or would do: `stored` is false for a dry run.

    `effects` says of a dry run what it would do to the subjects, in sentences.
    """

    stored: bool
    changes: list[ChangeAnswer]
    effects: list[str]
    findings: list[FindingAnswer]


class InstrumentWritten(_Written):
    """A write of an instrument."""

    item: InstrumentAnswer


class ExperimentWritten(_Written):
    """A write of an experiment."""

    item: ExperimentAnswer


class ItemWritten(_Written):
    """A write of an item of either kind."""

    item: InstrumentAnswer | ExperimentAnswer


class VersionAnswer(Schema):
    """One stored state of an item: when, by whom, why, by which verb, and what it changed."""

    revision: int
    version: int
    when: datetime
    who: str
    verb: str
    reason: str
    kill: int | None
    changes: list[ChangeAnswer]


class Versions(Schema):
    """Every stored state of an item, newest first."""

    versions: list[VersionAnswer]


class Record(Schema):
    """One stored state as the history keeps it."""

    revision: int
    record: dict[str, Any]


class Difference(Schema):
    """What differs between two stored states, and what that does to the subjects."""

    before: int
    after: int
    changes: list[ChangeAnswer]
    effects: list[str]


class ReportAnswer(Schema):
    """The latest report of one phase, as the analysis wrote it; null where there is none yet."""

    experiment: str
    phase: int
    report: dict[str, Any] | None
