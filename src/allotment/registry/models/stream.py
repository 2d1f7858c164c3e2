"""Streams: named channels of events with one schema title."""

from django.db import models
from simple_history.models import HistoricalRecords

from allotment.registry.environments import ENVIRONMENTS
from allotment.registry.models.kept_json import KeptJSONField


def every_environment() -> list[str]:
    """All environments: a stream is in each unless somebody says otherwise."""
    return list(ENVIRONMENTS)


class Stream(models.Model):
    """A named channel of events; many instruments and experiments may share it.

    `revision` counts every stored change.
    """

    name = models.CharField(max_length=255, unique=True)
    description = models.TextField(blank=True)
    schema_title = models.CharField(max_length=255)
    destination_event_service = models.CharField(max_length=100, default="allotment-intake")
    attributes = models.JSONField(default=list, blank=True)
    environments = models.JSONField(default=every_environment)
    settings = KeptJSONField(default=dict, blank=True)
    revision = models.PositiveIntegerField(default=1)
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name
