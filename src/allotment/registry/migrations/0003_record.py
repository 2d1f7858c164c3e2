"""The whole record, the stages of the life cycle, phases, sites, layers and the kill switch."""

from decimal import Decimal

import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import allotment.registry.models.item
import allotment.registry.models.stream
import allotment.registry.states


def keep_stages(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001 - how migrations call it
    """The switch and the first activation together were what the stage now says."""
    for name in ("Experiment", "Instrument"):
        for model in (
            apps.get_model("registry", name),
            apps.get_model("registry", f"Historical{name}"),
        ):
            model.objects.filter(activated__isnull=False).update(stage="stopped")
            model.objects.filter(active=True).update(stage="active")


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0002_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="Layer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=63, unique=True)),
                ("description", models.TextField(blank=True)),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Site",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=63, unique=True)),
                ("label", models.CharField(blank=True, max_length=120)),
                ("family", models.CharField(blank=True, db_index=True, max_length=60)),
                (
                    "environments",
                    models.JSONField(default=allotment.registry.models.item.default_environments),
                ),
                (
                    "cap",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        max_digits=9,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal(0)),
                            django.core.validators.MaxValueValidator(Decimal(1)),
                        ],
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.AddField(
            model_name="experiment",
            name="approved",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="approved_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="contact",
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name="experiment",
            name="creator",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="decided",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="decision",
            field=models.CharField(
                blank=True,
                choices=[
                    ("ship", "Ship"),
                    ("do-not-ship", "Do not ship"),
                    ("learn-more", "Learn more"),
                    ("no-decision", "No decision"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="decision_reasons",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="decision_rule",
            field=models.CharField(
                choices=[
                    ("ship-if-better", "Ship if better, nothing harmed"),
                    ("ship-if-not-worse", "Ship if not worse, nothing harmed"),
                    ("learn", "Learn only: nothing is shipped"),
                ],
                default="ship-if-better",
                max_length=30,
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="edited_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="first_version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="experiment",
            name="guardrails",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="experiment",
            name="is_template",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="experiment",
            name="layer_begin",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="layer_end",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="layer_share",
            field=models.DecimalField(blank=True, decimal_places=8, max_digits=9, null=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="links",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="experiment",
            name="minimum_effect",
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=9, null=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="phase_index",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="experiment",
            name="planned_days",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="planned_size",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="primary_metric",
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name="experiment",
            name="revision",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="experiment",
            name="secondary_metrics",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="experiment",
            name="stage",
            field=models.CharField(
                choices=[
                    (
                        allotment.registry.states.Stage["DRAFT"],
                        allotment.registry.states.Stage["DRAFT"],
                    ),
                    (
                        allotment.registry.states.Stage["READY"],
                        allotment.registry.states.Stage["READY"],
                    ),
                    (
                        allotment.registry.states.Stage["ACTIVE"],
                        allotment.registry.states.Stage["ACTIVE"],
                    ),
                    (
                        allotment.registry.states.Stage["STOPPED"],
                        allotment.registry.states.Stage["STOPPED"],
                    ),
                    (
                        allotment.registry.states.Stage["DECIDED"],
                        allotment.registry.states.Stage["DECIDED"],
                    ),
                    (
                        allotment.registry.states.Stage["ARCHIVED"],
                        allotment.registry.states.Stage["ARCHIVED"],
                    ),
                ],
                default=allotment.registry.states.Stage["DRAFT"],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="targeting",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="approved",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="approved_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="contact",
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="creator",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="decided",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="decision",
            field=models.CharField(
                blank=True,
                choices=[
                    ("ship", "Ship"),
                    ("do-not-ship", "Do not ship"),
                    ("learn-more", "Learn more"),
                    ("no-decision", "No decision"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="decision_reasons",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="decision_rule",
            field=models.CharField(
                choices=[
                    ("ship-if-better", "Ship if better, nothing harmed"),
                    ("ship-if-not-worse", "Ship if not worse, nothing harmed"),
                    ("learn", "Learn only: nothing is shipped"),
                ],
                default="ship-if-better",
                max_length=30,
            ),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="edited_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="first_version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="guardrails",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="is_template",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="kill",
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="layer_begin",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="layer_end",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="layer_share",
            field=models.DecimalField(blank=True, decimal_places=8, max_digits=9, null=True),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="links",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="minimum_effect",
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=9, null=True),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="phase_index",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="planned_days",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="planned_size",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="primary_metric",
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="revision",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="secondary_metrics",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="stage",
            field=models.CharField(
                choices=[
                    (
                        allotment.registry.states.Stage["DRAFT"],
                        allotment.registry.states.Stage["DRAFT"],
                    ),
                    (
                        allotment.registry.states.Stage["READY"],
                        allotment.registry.states.Stage["READY"],
                    ),
                    (
                        allotment.registry.states.Stage["ACTIVE"],
                        allotment.registry.states.Stage["ACTIVE"],
                    ),
                    (
                        allotment.registry.states.Stage["STOPPED"],
                        allotment.registry.states.Stage["STOPPED"],
                    ),
                    (
                        allotment.registry.states.Stage["DECIDED"],
                        allotment.registry.states.Stage["DECIDED"],
                    ),
                    (
                        allotment.registry.states.Stage["ARCHIVED"],
                        allotment.registry.states.Stage["ARCHIVED"],
                    ),
                ],
                default=allotment.registry.states.Stage["DRAFT"],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="targeting",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="verb",
            field=models.CharField(default="", max_length=10),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="approved",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="approved_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="contact",
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="creator",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="edited_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="is_template",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="kill",
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="links",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="revision",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="stage",
            field=models.CharField(
                choices=[
                    (
                        allotment.registry.states.Stage["DRAFT"],
                        allotment.registry.states.Stage["DRAFT"],
                    ),
                    (
                        allotment.registry.states.Stage["READY"],
                        allotment.registry.states.Stage["READY"],
                    ),
                    (
                        allotment.registry.states.Stage["ACTIVE"],
                        allotment.registry.states.Stage["ACTIVE"],
                    ),
                    (
                        allotment.registry.states.Stage["STOPPED"],
                        allotment.registry.states.Stage["STOPPED"],
                    ),
                    (
                        allotment.registry.states.Stage["DECIDED"],
                        allotment.registry.states.Stage["DECIDED"],
                    ),
                    (
                        allotment.registry.states.Stage["ARCHIVED"],
                        allotment.registry.states.Stage["ARCHIVED"],
                    ),
                ],
                default=allotment.registry.states.Stage["DRAFT"],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="targeting",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="historicalinstrument",
            name="verb",
            field=models.CharField(default="", max_length=10),
        ),
        migrations.AddField(
            model_name="historicalstream",
            name="environments",
            field=models.JSONField(default=allotment.registry.models.stream.every_environment),
        ),
        migrations.AddField(
            model_name="instrument",
            name="approved",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="instrument",
            name="approved_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="instrument",
            name="contact",
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name="instrument",
            name="creator",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="instrument",
            name="edited_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="instrument",
            name="is_template",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="instrument",
            name="links",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="instrument",
            name="revision",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="instrument",
            name="stage",
            field=models.CharField(
                choices=[
                    (
                        allotment.registry.states.Stage["DRAFT"],
                        allotment.registry.states.Stage["DRAFT"],
                    ),
                    (
                        allotment.registry.states.Stage["READY"],
                        allotment.registry.states.Stage["READY"],
                    ),
                    (
                        allotment.registry.states.Stage["ACTIVE"],
                        allotment.registry.states.Stage["ACTIVE"],
                    ),
                    (
                        allotment.registry.states.Stage["STOPPED"],
                        allotment.registry.states.Stage["STOPPED"],
                    ),
                    (
                        allotment.registry.states.Stage["DECIDED"],
                        allotment.registry.states.Stage["DECIDED"],
                    ),
                    (
                        allotment.registry.states.Stage["ARCHIVED"],
                        allotment.registry.states.Stage["ARCHIVED"],
                    ),
                ],
                default=allotment.registry.states.Stage["DRAFT"],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="instrument",
            name="targeting",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="stream",
            name="environments",
            field=models.JSONField(default=allotment.registry.models.stream.every_environment),
        ),
        migrations.AlterField(
            model_name="experimentsite",
            name="site",
            field=models.CharField(max_length=70),
        ),
        migrations.AlterField(
            model_name="historicalexperiment",
            name="history_change_reason",
            field=models.TextField(null=True),
        ),
        migrations.AlterField(
            model_name="historicalinstrument",
            name="history_change_reason",
            field=models.TextField(null=True),
        ),
        migrations.AlterField(
            model_name="instrumentsite",
            name="site",
            field=models.CharField(max_length=70),
        ),
        migrations.CreateModel(
            name="HistoricalCapException",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        auto_created=True, blank=True, db_index=True, verbose_name="ID"
                    ),
                ),
                ("machine_name", models.CharField(max_length=63)),
                ("site", models.CharField(max_length=63)),
                (
                    "cap",
                    models.DecimalField(
                        decimal_places=8,
                        max_digits=9,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal(0)),
                            django.core.validators.MaxValueValidator(Decimal(1)),
                        ],
                    ),
                ),
                ("reason", models.TextField()),
                ("granted", models.DateTimeField(blank=True, editable=False)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(
                        choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1
                    ),
                ),
                (
                    "granted_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical cap exception",
                "verbose_name_plural": "historical cap exceptions",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalLayer",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        auto_created=True, blank=True, db_index=True, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(db_index=True, max_length=63)),
                ("description", models.TextField(blank=True)),
                ("created", models.DateTimeField(blank=True, editable=False)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(
                        choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical layer",
                "verbose_name_plural": "historical layers",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalSite",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        auto_created=True, blank=True, db_index=True, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(db_index=True, max_length=63)),
                ("label", models.CharField(blank=True, max_length=120)),
                ("family", models.CharField(blank=True, db_index=True, max_length=60)),
                (
                    "environments",
                    models.JSONField(default=allotment.registry.models.item.default_environments),
                ),
                (
                    "cap",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        max_digits=9,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal(0)),
                            django.core.validators.MaxValueValidator(Decimal(1)),
                        ],
                    ),
                ),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(
                        choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical site",
                "verbose_name_plural": "historical sites",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="KillSwitch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("when", models.DateTimeField()),
                ("reason", models.TextField()),
                ("everything", models.BooleanField(default=False)),
                ("stopped", models.JSONField(default=list)),
                (
                    "who",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-when"],
            },
        ),
        migrations.AddField(
            model_name="experiment",
            name="layer",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="registry.layer",
            ),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="layer",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="registry.layer",
            ),
        ),
        migrations.CreateModel(
            name="CapException",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("machine_name", models.CharField(max_length=63)),
                ("site", models.CharField(max_length=63)),
                (
                    "cap",
                    models.DecimalField(
                        decimal_places=8,
                        max_digits=9,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal(0)),
                            django.core.validators.MaxValueValidator(Decimal(1)),
                        ],
                    ),
                ),
                ("reason", models.TextField()),
                ("granted", models.DateTimeField(auto_now_add=True)),
                (
                    "granted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["machine_name", "site"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("machine_name", "site"), name="cap_exception_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Phase",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("index", models.PositiveIntegerField()),
                ("activated", models.DateTimeField()),
                ("start", models.DateTimeField()),
                ("end", models.DateTimeField()),
                ("stopped", models.DateTimeField()),
                ("first_version", models.PositiveIntegerField()),
                ("last_version", models.PositiveIntegerField()),
                ("decision", models.CharField(blank=True, max_length=20)),
                ("decision_reasons", models.TextField(blank=True)),
                ("decided", models.DateTimeField(null=True)),
                ("plan", models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder)),
                (
                    "document",
                    models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder),
                ),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="phases",
                        to="registry.experiment",
                    ),
                ),
            ],
            options={
                "ordering": ["index"],
                "constraints": [
                    models.UniqueConstraint(fields=("experiment", "index"), name="phase_once")
                ],
            },
        ),
        migrations.RunPython(keep_stages, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name="experiment",
            name="active",
        ),
        migrations.RemoveField(
            model_name="historicalexperiment",
            name="active",
        ),
        migrations.RemoveField(
            model_name="historicalinstrument",
            name="active",
        ),
        migrations.RemoveField(
            model_name="instrument",
            name="active",
        ),
    ]
