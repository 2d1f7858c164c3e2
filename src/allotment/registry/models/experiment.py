"""Experiments: named controlled tests."""

from __future__ import annotations

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy
from simple_history.models import HistoricalRecords

from allotment.registry.models.item import Item, PlanRecord, SiteRate
from allotment.registry.models.kept_json import KeptJSONField
from allotment.registry.models.places import Layer


class Experiment(Item):
    """A controlled test; its groups stand in `groups`, the first one is control.

    The row is the present phase; `phases` keeps those before it. `layer_begin` and `layer_end` are
    the range that it owns in its layer from when it is switched on. `holds_out` names what its
    first group is kept out of; `holdouts` are the ranges that it took itself when it was first
    switched on in this phase.
    """

    class IdentifierType(models.TextChoices):
        """Who is put into a group; the values are the public API's."""

        BROWSER = "edge-unique", gettext_lazy("A browser")
        USER = "mw-user", gettext_lazy("A user account")
        SESSION = "session", gettext_lazy("A session")

    class DecisionRule(models.TextChoices):
        """What ends in which verdict."""

        SHIP_IF_BETTER = "ship-if-better", gettext_lazy("Ship if better, nothing harmed")
        SHIP_IF_NOT_WORSE = "ship-if-not-worse", gettext_lazy("Ship if not worse, nothing harmed")
        LEARN = "learn", gettext_lazy("Learn only: nothing is shipped")

    class Decision(models.TextChoices):
        """What people decided."""

        SHIP = "ship", gettext_lazy("Ship")
        DO_NOT_SHIP = "do-not-ship", gettext_lazy("Do not ship")
        LEARN_MORE = "learn-more", gettext_lazy("Learn more")
        NO_DECISION = "no-decision", gettext_lazy("No decision")

    KIND = "experiment"

    hypothesis = models.TextField(blank=True)
    primary_metric = models.CharField(max_length=100, blank=True)
    secondary_metrics = models.JSONField(default=list)
    guardrails = models.JSONField(default=list)
    minimum_effect = models.DecimalField(max_digits=9, decimal_places=4, null=True, blank=True)
    planned_size = models.PositiveBigIntegerField(null=True, blank=True)
    planned_days = models.PositiveIntegerField(null=True, blank=True)
    decision_rule = models.CharField(
        max_length=30, choices=DecisionRule, default=DecisionRule.SHIP_IF_BETTER
    )
    decision = models.CharField(max_length=20, choices=Decision, blank=True)
    decision_reasons = models.TextField(blank=True)
    decided = models.DateTimeField(null=True, blank=True)
    identifier_type = models.CharField(max_length=20, choices=IdentifierType)
    schema_id = models.CharField(max_length=255)
    layer = models.ForeignKey(Layer, on_delete=models.PROTECT, null=True, blank=True)
    layer_share = models.DecimalField(max_digits=9, decimal_places=8, null=True, blank=True)
    layer_begin = models.PositiveIntegerField(null=True, blank=True)
    layer_end = models.PositiveIntegerField(null=True, blank=True)
    holds_out = models.JSONField(default=list)
    holdouts = KeptJSONField(default=list)
    phase_index = models.PositiveIntegerField(default=0)
    first_version = models.PositiveIntegerField(default=1)
    public = models.BooleanField(default=False)
    history = HistoricalRecords(
        bases=[PlanRecord, models.Model], history_change_reason_field=models.TextField(null=True)
    )

    @property
    def phase(self) -> int:
        """Which run this is, counted from 0."""
        return self.phase_index


class Phase(models.Model):
    """An earlier run of an experiment, as it was when the next one began; never changed.

    `document` is what the public API's analytics form showed of it, `plan` its whole plan.
    """

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="phases")
    index = models.PositiveIntegerField()
    activated = models.DateTimeField()
    start = models.DateTimeField()
    end = models.DateTimeField()
    stopped = models.DateTimeField()
    first_version = models.PositiveIntegerField()
    last_version = models.PositiveIntegerField()
    decision = models.CharField(max_length=20, blank=True)
    decision_reasons = models.TextField(blank=True)
    decided = models.DateTimeField(null=True)
    plan = KeptJSONField(encoder=DjangoJSONEncoder)
    document = KeptJSONField(encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["experiment", "index"], name="phase_once")]

    def __str__(self) -> str:
        return f"{self.experiment} phase {self.index}"


class Group(models.Model):
    """One of the groups that subjects are shared out to, by weight."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="groups")
    name = models.CharField(max_length=63)
    description = models.CharField(max_length=255, blank=True)
    weight = models.PositiveIntegerField(default=1)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "name"], name="group_named_once")
        ]

    def __str__(self) -> str:
        return self.name


class ExperimentSite(SiteRate):
    """An experiment's traffic at one site."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="sites")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "site"], name="experiment_site_once")
        ]
