"""Making a data folder ready: Django set up, the database migrated, what must exist created."""

from __future__ import annotations

import os
import secrets
from importlib.util import find_spec

from allotment.registry import secret_key
from allotment.settings import Settings, SettingsError, to_environ, variable_name

SETTINGS_MODULE = "allotment.registry.django_settings"
FIRST_ADMIN = "admin"


def configure(settings: Settings) -> None:
    """Make the folder and the key, hand the settings to Django by the environment, start Django.

    Django reads its settings once a process; the first call decides.
    """
    settings.registry_dir.mkdir(parents=True, exist_ok=True)
    if not settings.secret_key:
        secret_key.ensure(settings.registry_dir)
    os.environ.update(to_environ(settings))
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS_MODULE
    _needs_driver(settings)
    import django  # noqa: PLC0415 - not before the environment says which settings

    django.setup()


def _needs_driver(settings: Settings) -> None:
    if settings.database.is_postgresql and find_spec("psycopg") is None:
        raise SettingsError(
            f"{variable_name('database_url')} names PostgreSQL, whose driver is not installed: "
            "pip install 'allotment[server,postgres]'"
        )


def prepare(settings: Settings) -> str | None:
    """Migrate, create the default streams, templates and the first admin.

    Returns:
        The first admin's one-time password when this call created the account, else None.

    Raises:
        SettingsError: PostgreSQL does not answer, or lets us make no tables.
    """
    configure(settings)
    from django.db import transaction  # noqa: PLC0415 - needs Django set up

    from allotment.registry import preparing  # noqa: PLC0415 - needs Django set up

    preparing.migrate(settings)
    from allotment.registry import seeding, shipped_templates  # noqa: PLC0415 - needs Django set up

    with transaction.atomic():  # so that of several that start at once, one finds nobody there
        seeding.create_streams()
        shipped_templates.create()
        return create_first_admin()


class UnknownAccountError(LookupError):
    """There is no such account; the message lists those that there are."""


def reset_password(settings: Settings, name: str) -> str:
    """Give an account a new one-time password, which must be changed at the next log-in.

    Raises:
        UnknownAccountError: no account has this name.
    """
    configure(settings)
    from allotment.registry.models import Account  # noqa: PLC0415 - models need Django set up

    account = Account.objects.filter(username=name).first()
    if account is None:
        known = ", ".join(Account.objects.values_list("username", flat=True)) or "none"
        raise UnknownAccountError(f"no account is called {name!r}; there are: {known}")
    made = secrets.token_urlsafe(12)
    from django.db import transaction  # noqa: PLC0415 - needs Django set up

    from allotment.registry import audit, people  # noqa: PLC0415

    with transaction.atomic():
        account.set_password(made)
        account.must_change_password = True
        account.is_active = True
        account.save()
        people.sessions_of(account).delete()
        audit.record(
            "reset-password",
            kind="account",
            name=name,
            who="the command line",
            reason="allotment password",
        )
    return made


def create_first_admin() -> str | None:
    """The one-time password of a new account `admin`; None where any account is there already."""
    from allotment.registry.models import Account  # noqa: PLC0415 - models need Django set up

    if Account.objects.exists():
        return None
    from allotment.registry import audit  # noqa: PLC0415 - models need Django set up

    password = secrets.token_urlsafe(12)
    account = Account.objects.create_superuser(
        username=FIRST_ADMIN, password=password, must_change_password=True
    )
    audit.record("make-account", kind="account", name=FIRST_ADMIN, after=account.role)
    return password
