"""Experiments: named controlled tests."""

from django.db import models
from simple_history.models import HistoricalRecords

from allotment.registry.models.item import Item, PlanRecord, SiteRate


class Experiment(Item):
    """A controlled test; its groups stand in `groups`, the first one is control."""

    class IdentifierType(models.TextChoices):
        """Who is put into a group; the values are the public API's."""

        BROWSER = "edge-unique", "A browser"
        USER = "mw-user", "A user account"
        SESSION = "session", "A session"

    KIND = "experiment"

    hypothesis = models.TextField(blank=True)
    identifier_type = models.CharField(max_length=20, choices=IdentifierType)
    schema_id = models.CharField(max_length=255)
    public = models.BooleanField(default=False)
    history = HistoricalRecords(bases=[PlanRecord, models.Model])


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
