"""API tokens: what a program shows in place of a person's password."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from allotment.registry.models.account import Account


class ApiToken(models.Model):
    """A token of an account. Only the SHA-256 of its secret is kept, so it can be shown once."""

    identifier = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tokens")
    scopes = models.JSONField(default=list)
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField()
    last_used = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return self.identifier

    def is_valid(self, now: datetime) -> bool:
        """Whether it still opens anything at a moment."""
        return self.revoked is None and now < self.expires
