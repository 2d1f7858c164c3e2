"""Numbered versions of instruments, experiments and streams: one number for each write.

The database itself refuses to change or remove a version, and to give a number twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import AppConfig
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models
from django.utils.translation import gettext

from allotment.registry import plan as plans
from allotment.registry.models import Experiment, Instrument, Stream
from allotment.registry.plan import AnyPlan
from allotment.registry.surroundings import AnyItem

_KEPT: tuple[type[models.Model], ...] = (Experiment, Instrument, Stream)
_WORDS = "a version is never changed"


@dataclass(frozen=True)
class Version:
    """One version: its number, when, by whom and why, and the record of the plan."""

    number: int
    when: datetime
    who: str
    reason: str
    verb: str
    record: Mapping[str, Any]


def all_of(item: AnyItem) -> list[Version]:
    """Every version of an item, oldest first."""
    rows = item.history.select_related("history_user").order_by("revision")
    return [_version(row) for row in rows]


def find(item: AnyItem, number: int) -> Version | None:
    """One version by its number; None where there is none."""
    row = item.history.select_related("history_user").filter(revision=number).first()
    return None if row is None else _version(row)


def plan_of(item: AnyItem, version: Version) -> AnyPlan:
    """The plan that a version keeps.

    Raises:
        KeyError, TypeError, ValueError: it is from before whole plans were kept, or is damaged.
    """
    return plans.from_record(item.KIND, dict(version.record))


def _version(row: Any) -> Version:  # noqa: ANN401 - a class that simple-history makes
    user = row.history_user
    return Version(
        number=row.revision,
        when=row.history_date,
        who=user.get_username() if user else gettext("the system"),
        reason=row.history_change_reason or "",
        verb=row.verb,
        record=row.plan or {},
    )


def as_kept(plan: AnyPlan) -> dict[str, Any]:
    """The record of a plan as a version keeps it, so that the two can be compared."""
    found: dict[str, Any] = json.loads(json.dumps(plans.to_record(plan), cls=DjangoJSONEncoder))
    return found


def rebased(
    began: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any]
) -> dict[str, Any]:
    """What was stored meanwhile with my changes on top: what I did not touch stays theirs.

    Maps, such as traffic by site, are put together entry by entry. Pure.
    """
    found: dict[str, Any] = {}
    for name in mine:
        was, there, own = began.get(name), theirs.get(name), mine[name]
        if isinstance(was, Mapping) and isinstance(there, Mapping) and isinstance(own, Mapping):
            entries = rebased(was, there, own)
            new = {k: v for k, v in there.items() if k not in was and k not in own}
            found[name] = entries | new
        else:
            found[name] = there if own == was and name in theirs else own
    for name in set(found) & set(began) - set(theirs):
        if found[name] == began[name]:
            del found[name]
    return found


def guard(sender: AppConfig, using: str, **_: object) -> None:
    """Let the database refuse to change a version, after the tables have their form."""
    unguard(sender, using)
    connection = connections[using]
    with connection.cursor() as cursor:
        for model in _KEPT:
            for statement in _guards(model, connection.vendor):
                cursor.execute(statement)


def unguard(sender: AppConfig, using: str, **_: object) -> None:
    """Take the guards away, so that a migration can give the tables another form."""
    del sender
    connection = connections[using]
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        for model in _KEPT:
            table = _table(model)
            if table not in there:
                continue
            cursor.execute(f"DROP INDEX IF EXISTS {table}_numbered")
            if connection.vendor == "sqlite":
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_update")
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_delete")
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_replace")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_change ON {table}")


def _guards(model: type[models.Model], vendor: str) -> list[str]:
    table = _table(model)
    numbered = f"CREATE UNIQUE INDEX {table}_numbered ON {table} (id, revision)"
    # Who did it may be forgotten when an account goes; nothing else may.
    fields: Any = model.history.model._meta.concrete_fields  # type: ignore[attr-defined] # noqa: SLF001
    columns = ", ".join(f'"{f.column}"' for f in fields if f.column != "history_user_id")
    if vendor == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
        update = f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OF {columns} ON {table} {refuse}"
        delete = f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}"
        # `INSERT OR REPLACE` removes what is in its way without asking the trigger of removals.
        replace = f"""CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
            WHEN EXISTS (SELECT 1 FROM {table} WHERE history_id = NEW.history_id
            OR (id = NEW.id AND revision = NEW.revision)) {refuse}"""  # noqa: S608 - our own names
        return [numbered, update, delete, replace]
    function = f"""CREATE OR REPLACE FUNCTION registry_version_refuse() RETURNS trigger
        LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{_WORDS}'; END $$"""
    change = f"""CREATE TRIGGER {table}_no_change BEFORE UPDATE OF {columns} OR DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION registry_version_refuse()"""
    return [numbered, function, change]


def _table(model: type[models.Model]) -> str:
    return str(model.history.model._meta.db_table)  # type: ignore[attr-defined] # noqa: SLF001
