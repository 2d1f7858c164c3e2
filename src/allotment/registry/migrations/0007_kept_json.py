"""JSON that comes back as it was written, also from PostgreSQL; SQLite keeps the text anyway."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from allotment.registry.models.kept_json import KeptJSONField

_COLUMNS = (
    ("auditentry", "detail"),
    ("experiment", "targeting"),
    ("historicalexperiment", "plan"),
    ("historicalexperiment", "targeting"),
    ("historicalinstrument", "plan"),
    ("historicalinstrument", "targeting"),
    ("historicalstream", "settings"),
    ("instrument", "targeting"),
    ("phase", "document"),
    ("phase", "plan"),
    ("stream", "settings"),
)


def keep(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give the columns the type that keeps order and numbers."""
    del apps
    _alter(schema_editor, "json")


def sort(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Back to the type that PostgreSQL can look into."""
    del apps
    _alter(schema_editor, "jsonb")


def _alter(schema_editor: BaseDatabaseSchemaEditor, kind: str) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for model, column in _COLUMNS:
            schema_editor.execute(
                f"ALTER TABLE registry_{model} ALTER COLUMN {column} TYPE {kind} USING {column}::{kind}"
            )


def _field(model: str, name: str) -> migrations.AlterField:
    encoder = DjangoJSONEncoder if name in {"plan", "document"} else None
    if model == "phase":
        return migrations.AlterField(model, name, KeptJSONField(encoder=encoder))
    blank = name == "settings"
    return migrations.AlterField(
        model, name, KeptJSONField(default=dict, blank=blank, encoder=encoder)
    )


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0006_saved_views"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(keep, sort)],
            state_operations=[
                _field(model, name) for model, name in _COLUMNS if model != "auditentry"
            ],
        ),
    ]
