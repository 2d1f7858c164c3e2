"""Holdouts: what an experiment keeps its first group out of, and what is kept out of it."""

from django.db import migrations, models

import allotment.registry.models.kept_json


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0007_kept_json"),
    ]

    operations = [
        migrations.AddField(
            model_name="experiment",
            name="holdouts",
            field=allotment.registry.models.kept_json.KeptJSONField(default=list),
        ),
        migrations.AddField(
            model_name="experiment",
            name="holds_out",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="holdouts",
            field=allotment.registry.models.kept_json.KeptJSONField(default=list),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="holds_out",
            field=models.JSONField(default=list),
        ),
    ]
