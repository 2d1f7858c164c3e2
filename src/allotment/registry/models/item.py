"""What an instrument and an experiment have in common."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from simple_history.signals import pre_create_historical_record

from allotment.registry.models.stream import Stream


class State(StrEnum):
    """Where an item stands, derived from its switch and its dates."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    STOPPED = "stopped"


class PlanRecord(models.Model):
    """What a history record keeps beside the row: the whole plan, with groups and sites."""

    plan = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        abstract = True


class Item(models.Model):
    """A named thing that people plan, switch on and switch off.

    `active` is the switch, and only `lifecycle.activate` and `lifecycle.stop` touch it;
    `activated` is when it was first switched on, and stays.
    """

    class Risk(models.TextChoices):
        """How much is at stake for the people whose events are kept."""

        PENDING = "pending", "Not assessed yet"
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"

    KIND = "item"
    # What the history reads beside the row, while one is being saved.
    plan_to_keep: dict[str, Any]
    skip_history_when_saving: bool
    _change_reason: str

    machine_name = models.CharField(max_length=63, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    owners = models.JSONField(default=list)
    purpose = models.CharField(max_length=255, blank=True)
    task = models.CharField(max_length=1000, blank=True)
    start = models.DateTimeField(null=True, blank=True)
    end = models.DateTimeField()
    stream = models.ForeignKey(Stream, on_delete=models.PROTECT)
    attributes = models.JSONField(default=list)
    default_rate = models.DecimalField(max_digits=9, decimal_places=8, default=Decimal(0))
    environments = models.JSONField(default=list)
    risk_level = models.CharField(max_length=10, choices=Risk, default=Risk.PENDING)
    review_link = models.CharField(max_length=1000, blank=True)
    acknowledged = models.BooleanField(default=False)
    synthetic_note = models.TextField(blank=True)

    active = models.BooleanField(default=False)
    activated = models.DateTimeField(null=True, blank=True)
    stopped = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.machine_name

    def state(self, now: datetime) -> State:
        """Where the item stands at a moment."""
        if self.activated is None:
            return State.DRAFT
        if not self.active or now > self.end:
            return State.STOPPED
        if self.start is not None and now < self.start:
            return State.SCHEDULED
        return State.RUNNING


class SiteRate(models.Model):
    """The share of subjects at one site that takes part, 0 to 1."""

    site = models.CharField(max_length=63)
    rate = models.DecimalField(max_digits=9, decimal_places=8)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.site} {self.rate}"


def connect_history() -> None:
    """Let each history record of an item keep the item's whole plan."""
    pre_create_historical_record.connect(_keep_plan, dispatch_uid="registry-plan")


def _keep_plan(*, instance: models.Model, history_instance: PlanRecord, **_: object) -> None:
    if isinstance(instance, Item):
        history_instance.plan = getattr(instance, "plan_to_keep", {})
