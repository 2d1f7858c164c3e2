"""A number for every version, also of streams, without gaps."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def number(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001 - how migrations call it
    """Count the versions of each item from 1, oldest first."""
    for name in ("Experiment", "Instrument", "Stream"):
        counts: dict[int, int] = {}
        history = apps.get_model("registry", f"Historical{name}")
        for row in history.objects.order_by("history_date", "history_id").only("id", "revision"):
            counts[row.id] = counts.get(row.id, 0) + 1
            history.objects.filter(pk=row.pk).update(revision=counts[row.id])
        for key, count in counts.items():
            apps.get_model("registry", name).objects.filter(pk=key).update(revision=count)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0004_site_domain"),
    ]

    operations = [
        *(
            migrations.AddField(
                model_name=model,
                name="revision",
                field=models.PositiveIntegerField(default=1),
            )
            for model in ("stream", "historicalstream")
        ),
        migrations.RunPython(number, migrations.RunPython.noop),
    ]
