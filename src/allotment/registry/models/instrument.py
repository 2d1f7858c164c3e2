"""Instruments: named producers of events that measure ordinary use."""

from django.db import models
from django.utils.translation import gettext_lazy
from simple_history.models import HistoricalRecords

from allotment.registry.models.item import Item, PlanRecord, SiteRate


class Instrument(Item):
    """A named producer of events, with its own sampling and contextual attributes."""

    class SampleUnit(models.TextChoices):
        """By whose id the sample is drawn."""

        PAGEVIEW = "pageview", gettext_lazy("Each page view")
        SESSION = "session", gettext_lazy("Each session")

    KIND = "instrument"

    sample_unit = models.CharField(max_length=20, choices=SampleUnit)
    history = HistoricalRecords(
        bases=[PlanRecord, models.Model], history_change_reason_field=models.TextField(null=True)
    )


class InstrumentSite(SiteRate):
    """An instrument's rate at one site."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="sites")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["instrument", "site"], name="instrument_site_once")
        ]
