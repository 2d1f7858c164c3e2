"""SQLite's `INSERT OR REPLACE` takes a row's place without asking what refuses its removal."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Refuse a row whose number is taken, before anything makes room for it."""
    del apps
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(
            """CREATE TRIGGER registry_auditentry_no_replace BEFORE INSERT ON registry_auditentry
            WHEN EXISTS (SELECT 1 FROM registry_auditentry WHERE number = NEW.number)
            BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END"""
        )


def unguard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the trigger away again."""
    del apps
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER registry_auditentry_no_replace")


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0008_holdouts"),
    ]

    operations = [migrations.RunPython(guard, unguard)]
