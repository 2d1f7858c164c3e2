"""The audit log: who did what, when and why. Rows are added, never changed and never removed."""

from __future__ import annotations

from django.db import models

from allotment.registry.models.kept_json import KeptJSONField


class AuditEntry(models.Model):
    """One thing that somebody did.

    Names are kept as texts, so that a row stays what it was when an account or item is renamed.
    `hash` covers every other field and the hash of the row before it. The database refuses to
    change or remove a row; Django does not manage the table, so that nothing of it empties it.
    """

    number = models.PositiveBigIntegerField(primary_key=True)
    when = models.DateTimeField(db_index=True)
    who = models.CharField(max_length=150, db_index=True)
    action = models.CharField(max_length=40, db_index=True)
    kind = models.CharField(max_length=20, blank=True)
    name = models.CharField(max_length=255, blank=True, db_index=True)
    before = models.CharField(max_length=40, blank=True)
    after = models.CharField(max_length=40, blank=True)
    reason = models.TextField(blank=True)
    request = models.CharField(max_length=64, blank=True)
    detail = KeptJSONField(default=dict)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        managed = False
        db_table = "registry_auditentry"
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"
