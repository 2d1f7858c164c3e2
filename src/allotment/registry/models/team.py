"""Teams: names that own items, and the people in them."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower

from allotment.registry.models.account import Account


class Team(models.Model):
    """A group of people who own items together. Items name their teams by name."""

    name = models.CharField(max_length=120)
    description = models.CharField(max_length=255, blank=True)
    members = models.ManyToManyField(Account, related_name="teams", blank=True)
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(Lower("name"), name="team_named_once")]

    def __str__(self) -> str:
        return self.name
