"""The kill switch: one action that stops several items at once."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class KillSwitch(models.Model):
    """One press: who, when, why, whether it meant everything, and what it stopped."""

    when = models.DateTimeField()
    who = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    reason = models.TextField()
    everything = models.BooleanField(default=False)
    stopped = models.JSONField(default=list)

    class Meta:
        ordering = ["-when"]

    def __str__(self) -> str:
        return f"kill switch {self.pk}: {self.reason}"
