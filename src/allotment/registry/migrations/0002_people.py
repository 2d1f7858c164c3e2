"""Roles, teams, tokens, sessions, and the audit log whose rows the database refuses to change."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import allotment.registry.models.account

_WORDS = "the audit log is only ever added to"

_SQLITE = [
    f"""CREATE TRIGGER registry_auditentry_no_{verb.lower()} BEFORE {verb} ON registry_auditentry
    BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"""
    for verb in ("UPDATE", "DELETE")
]
_POSTGRESQL = [
    f"""CREATE FUNCTION registry_auditentry_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{_WORDS}'; END $$""",
    """CREATE TRIGGER registry_auditentry_no_change BEFORE UPDATE OR DELETE ON registry_auditentry
    FOR EACH ROW EXECUTE FUNCTION registry_auditentry_refuse()""",
    """CREATE TRIGGER registry_auditentry_no_truncate BEFORE TRUNCATE ON registry_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION registry_auditentry_refuse()""",
]
_REVERSE = {
    "sqlite": [
        "DROP TRIGGER registry_auditentry_no_update",
        "DROP TRIGGER registry_auditentry_no_delete",
    ],
    "postgresql": [
        "DROP TRIGGER registry_auditentry_no_change ON registry_auditentry",
        "DROP TRIGGER registry_auditentry_no_truncate ON registry_auditentry",
        "DROP FUNCTION registry_auditentry_refuse()",
    ],
}


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let the database itself refuse to change or remove a row."""
    del apps
    for statement in {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}[
        schema_editor.connection.vendor
    ]:
        schema_editor.execute(statement)


def unguard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away again."""
    del apps
    for statement in _REVERSE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def give_roles(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Whoever could edit an item before can do so after: by role, and by the team that owns it."""
    del schema_editor
    account = apps.get_model("registry", "Account")
    account.objects.filter(is_superuser=True).update(role="admin")
    account.objects.filter(is_superuser=False).update(role="author")
    owners = {
        owner
        for model in ("Experiment", "Instrument")
        for listed in apps.get_model("registry", model).objects.values_list("owners", flat=True)
        for owner in listed
        if isinstance(owner, str) and owner and not owner.startswith("@")
    }
    team = apps.get_model("registry", "Team")
    seen = set()
    for owner in sorted(owners):
        if owner[:120].casefold() not in seen:
            seen.add(owner[:120].casefold())
            team.objects.create(name=owner[:120]).members.set(account.objects.all())


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("registry", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("number", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("when", models.DateTimeField(db_index=True)),
                ("who", models.CharField(db_index=True, max_length=150)),
                ("action", models.CharField(db_index=True, max_length=40)),
                ("kind", models.CharField(blank=True, max_length=20)),
                ("name", models.CharField(blank=True, db_index=True, max_length=255)),
                ("before", models.CharField(blank=True, max_length=40)),
                ("after", models.CharField(blank=True, max_length=40)),
                ("reason", models.TextField(blank=True)),
                ("request", models.CharField(blank=True, max_length=64)),
                ("detail", models.JSONField(default=dict)),
                ("previous", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "db_table": "registry_auditentry",
                "ordering": ["-number"],
            },
        ),
        migrations.CreateModel(
            name="AccountSession",
            fields=[
                (
                    "session_key",
                    models.CharField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="session key"
                    ),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("account_id", models.BigIntegerField(blank=True, db_index=True, null=True)),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identifier", models.CharField(max_length=16, unique=True)),
                ("digest", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=120)),
                ("scopes", models.JSONField(default=list)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("expires", models.DateTimeField()),
                ("last_used", models.DateTimeField(blank=True, null=True)),
                ("revoked", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="LoginFailure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=64, unique=True)),
                ("count", models.PositiveIntegerField(default=0)),
                ("until", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="Team",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("description", models.CharField(blank=True, max_length=255)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("changed", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.AlterModelManagers(
            name="account",
            managers=[
                ("objects", allotment.registry.models.account.AccountManager()),
            ],
        ),
        migrations.AddField(
            model_name="account",
            name="issuer",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="account",
            name="role",
            field=models.CharField(
                choices=[
                    ("viewer", "Viewer"),
                    ("author", "Author"),
                    ("approver", "Approver"),
                    ("operator", "Operator"),
                    ("admin", "Admin"),
                ],
                default="viewer",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="subject",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name="experiment",
            name="public",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="historicalexperiment",
            name="public",
            field=models.BooleanField(default=False),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.UniqueConstraint(
                condition=models.Q(("subject", ""), _negated=True),
                fields=("issuer", "subject"),
                name="account_vouched_for_once",
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tokens",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="team",
            name="members",
            field=models.ManyToManyField(
                blank=True, related_name="teams", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="team",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("name"), name="team_named_once"
            ),
        ),
        migrations.RunPython(give_roles, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
        migrations.AlterModelOptions(
            name="auditentry", options={"managed": False, "ordering": ["-number"]}
        ),
    ]
