"""Where items run: sites with their families, caps and exceptions, and layers of experiments."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from allotment.registry.models.item import default_environments

_SHARE = (MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1)))


class Site(models.Model):
    """One site that has a family, environments or a cap; others can be used without a row here.

    `cap` is the largest share of its subjects that one item may have, 0 to 1; None: all.
    `domain` is the host name by which a content delivery network knows it.
    """

    name = models.CharField(max_length=63, unique=True)
    label = models.CharField(max_length=120, blank=True)
    family = models.CharField(max_length=60, blank=True, db_index=True)
    domain = models.CharField(max_length=253, blank=True, default="")
    environments = models.JSONField(default=default_environments)
    cap = models.DecimalField(
        max_digits=9, decimal_places=8, null=True, blank=True, validators=_SHARE
    )
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CapException(models.Model):
    """One item may have more of one site's subjects than its cap; somebody said why."""

    machine_name = models.CharField(max_length=63)
    site = models.CharField(max_length=63)
    cap = models.DecimalField(max_digits=9, decimal_places=8, validators=_SHARE)
    reason = models.TextField()
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    granted = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["machine_name", "site"]
        constraints = [
            models.UniqueConstraint(fields=["machine_name", "site"], name="cap_exception_once")
        ]

    def __str__(self) -> str:
        return f"{self.machine_name} on {self.site}"


class Layer(models.Model):
    """Experiments of one layer never share a subject; each owns a range of it."""

    name = models.CharField(max_length=63, unique=True)
    description = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
