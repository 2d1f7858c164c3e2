"""What an instrument and an experiment have in common."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy
from simple_history.signals import pre_create_historical_record

from allotment.registry.environments import DEFAULT
from allotment.registry.models.kept_json import KeptJSONField
from allotment.registry.models.stream import Stream
from allotment.registry.states import Stage, State, state_at


class PlanRecord(models.Model):
    """What a history record keeps beside the row.

    `plan` is the whole plan, with groups and sites; `verb` is what was done: `create`, `edit`, or a
    verb of the life cycle; `kill` is the kill switch that did it, where one did.
    """

    plan = KeptJSONField(default=dict, encoder=DjangoJSONEncoder)
    verb = models.CharField(max_length=10, default="")
    kill = models.PositiveBigIntegerField(null=True)

    class Meta:
        abstract = True


class Item(models.Model):
    """A named thing that people plan, switch on and switch off.

    `stage` says how far it was taken, and only the verbs of `lifecycle` touch it; with the clock it
    gives the `state`. `activated` is when the present phase was first switched on; None before.
    `revision` counts every stored change, `version` those that the public document shows.
    """

    class Risk(models.TextChoices):
        """How much is at stake for the people whose events are kept."""

        PENDING = "pending", gettext_lazy("Not assessed yet")
        LOW = "low", gettext_lazy("Low")
        MEDIUM = "medium", gettext_lazy("Medium")
        HIGH = "high", gettext_lazy("High")

    KIND = "item"
    # What the history reads beside the row, while one is being saved.
    plan_to_keep: dict[str, Any]
    verb_to_keep: str
    kill_to_keep: int | None
    skip_history_when_saving: bool
    _change_reason: str
    _history_user: Any

    machine_name = models.CharField(max_length=63, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    owners = models.JSONField(default=list)
    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    contact = models.EmailField(blank=True)
    purpose = models.CharField(max_length=255, blank=True)
    task = models.CharField(max_length=1000, blank=True)
    links = models.JSONField(default=list)
    start = models.DateTimeField(null=True, blank=True)
    end = models.DateTimeField()
    stream = models.ForeignKey(Stream, on_delete=models.PROTECT)
    attributes = models.JSONField(default=list)
    default_rate = models.DecimalField(max_digits=9, decimal_places=8, default=Decimal(0))
    environments = models.JSONField(default=list)
    targeting = KeptJSONField(default=dict)
    risk_level = models.CharField(max_length=10, choices=Risk, default=Risk.PENDING)
    review_link = models.CharField(max_length=1000, blank=True)
    acknowledged = models.BooleanField(default=False)
    synthetic_note = models.TextField(blank=True)
    is_template = models.BooleanField(default=False)

    stage = models.CharField(max_length=10, choices=[(s, s) for s in Stage], default=Stage.DRAFT)
    activated = models.DateTimeField(null=True, blank=True)
    stopped = models.DateTimeField(null=True, blank=True)
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    approved = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    revision = models.PositiveIntegerField(default=1)
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.machine_name

    def state(self, now: datetime) -> State:
        """Where the item stands at a moment."""
        return state_at(self.stage, self.start, self.end, now)

    @property
    def active(self) -> bool:
        """Whether it is switched on; its dates say whether it runs."""
        return self.stage == Stage.ACTIVE

    @property
    def was_activated(self) -> bool:
        """Whether it was ever switched on, in this phase or an earlier one."""
        return self.activated is not None or self.phase > 0

    @property
    def phase(self) -> int:
        """Which run this is, counted from 0; instruments have one."""
        return 0


class SiteRate(models.Model):
    """The share of subjects at one site, or at each site of a `family:…`, from 0 to 1."""

    site = models.CharField(max_length=70)
    rate = models.DecimalField(max_digits=9, decimal_places=8)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.site} {self.rate}"


def default_environments() -> list[str]:
    """Where a thing is unless somebody says otherwise."""
    return [DEFAULT]


def connect_history() -> None:
    """Let each history record of an item keep the item's whole plan."""
    pre_create_historical_record.connect(_keep_plan, dispatch_uid="registry-plan")


def _keep_plan(*, instance: models.Model, history_instance: PlanRecord, **_: object) -> None:
    if isinstance(instance, Item):
        history_instance.plan = getattr(instance, "plan_to_keep", {})
        history_instance.verb = getattr(instance, "verb_to_keep", "")
        history_instance.kill = getattr(instance, "kill_to_keep", None)
