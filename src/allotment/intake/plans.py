"""What the intake knows about each schema, compiled once, and brought up to date while it runs.

A thread looks at the schema folders every few seconds. What it finds is prepared aside and takes
its place by one assignment, so no request waits for it; and what works already is never disturbed
by what came since.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from allotment.contract.schema_fields import AnyPath, defaults, has_field
from allotment.contract.schemas import Schema, SchemaNotFoundError, SchemaRepository
from allotment.contract.tables import tables_and_conflicts, why_no_table
from allotment.contract.validator import Validator
from allotment.intake.outcome import Json, RefusalError

LATEST: Final = "latest"
"""In place of a version: the newest one that can be used. The event is kept with its number."""
_LEGACY: Final = "analytics/legacy/"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the hot path needs to know about one schema."""

    uri: str
    title: str
    topic: str
    validator: Validator
    fills_id: bool
    fills_dt: bool
    fills_request_id: bool
    defaults: tuple[tuple[AnyPath, Any], ...]
    body: Mapping[str, Any]
    awaits_ids: bool
    """Whether it has a field for a subject id that the edge may have to give."""
    knows_one_and_many: bool
    """Whether it has both records of membership, `experiment` and `experiments`."""
    is_legacy: bool
    """Whether its `dt` is the time of receipt: events of such titles have their own in another."""
    is_latest: bool
    """Whether events named it as `latest`, and must be told its version."""


class PlanSource:
    """The plans of the schemas that events named so far."""

    def __init__(self, schemas: SchemaRepository) -> None:
        """Take the tables that the repository's schemas have now."""
        self._schemas = schemas
        tables, self._conflicts = tables_and_conflicts(schemas)
        self._tables: Mapping[str, str] = tables
        self._topics = {title: table for table, title in tables.items()}
        self.plans: dict[str, Plan] = {}
        """By the `$schema` of events. Replaced as a whole; look here first, then ask `find`."""
        self.problems: tuple[str, ...] = ()
        """What is wrong with the repository's files, one sentence each."""

    @property
    def versions(self) -> int:
        """How many schema versions the repository has."""
        return sum(len(self._schemas.versions(title)) for title in self._schemas.titles())

    def find(self, uri: Json) -> Plan:
        """The plan for what an event gives as its `$schema`.

        Raises:
            RefusalError: no schema of the repository has that name, or it has no table.
        """
        if uri is None:
            raise RefusalError(
                "missing_schema",
                "Field(s) $schema were missing from event and could not be extracted.",
            )
        if type(uri) is not str:
            raise RefusalError("unknown_schema", "$schema must be a text such as /title/1.0.0")
        plans = self.plans
        try:
            plan = plans[uri] = self._plan(uri)
        except (SchemaNotFoundError, ValueError) as error:
            raise RefusalError(
                "unknown_schema", f"Failed loading schema at {uri[:512]}: {error}"
            ) from error
        return plan

    def refresh(self) -> bool:
        """Look at the schema folders, and put in force what is new; whether anything is.

        For one thread at a time, beside the one that asks for plans.
        """
        if not self._schemas.refresh():
            return False
        tables, self._conflicts = tables_and_conflicts(self._schemas, self._tables)
        self._tables, self._topics = tables, {title: table for table, title in tables.items()}
        self.plans = {uri: self._renewed(uri, plan) for uri, plan in list(self.plans.items())}
        self._tell()
        return True

    def examine(self) -> None:
        """Find out which files of the repository cannot be used, before an event asks for them."""
        self._schemas.examine()
        self._tell()

    def _tell(self) -> None:
        found = (*self._schemas.problems, *dict.fromkeys(self._conflicts.values()))
        for problem in found:
            if problem not in self.problems:
                _log.warning("schema problem: %s", problem)
        self.problems = found

    def _renewed(self, uri: str, plan: Plan) -> Plan:
        """The plan for `latest` of a title may be another now; a version's plan never is."""
        if not plan.is_latest:
            return plan
        try:
            return plan if self._schemas.latest(plan.title).uri == plan.uri else self._plan(uri)
        except (SchemaNotFoundError, ValueError, RefusalError):
            return plan

    def _plan(self, uri: str) -> Plan:
        title, _, version = uri[1:].rpartition("/")
        is_latest = version == LATEST and uri[:1] == "/"
        schema = self._schemas.latest(title) if is_latest else self._schemas.load(uri)
        return _compiled(schema, self._topic(schema.title), is_latest=is_latest)

    def _topic(self, title: str) -> str:
        """The journal topic of a schema title, which is also its table."""
        topic = self._topics.get(title)
        if topic is None:
            why = self._conflicts.get(title) or why_no_table(self._schemas, title)
            raise RefusalError(
                "no_table",
                f"events of schema title {title} have no table to land in: "
                f"{why or 'it has just come; send the event again in some seconds'}",
            )
        return topic


def _compiled(schema: Schema, topic: str, *, is_latest: bool) -> Plan:
    body = schema.body
    return Plan(
        uri=schema.uri,
        title=schema.title,
        topic=topic,
        validator=Validator(schema),
        fills_id=has_field(body, ("meta", "id")),
        fills_dt=has_field(body, ("meta", "dt")),
        fills_request_id=has_field(body, ("meta", "request_id")),
        defaults=defaults(body),
        body=body,
        awaits_ids=has_field(body, ("experiment", "subject_id"))
        or has_field(body, ("experiments", "subject_ids")),
        knows_one_and_many=has_field(body, ("experiment", "enrolled"))
        and has_field(body, ("experiments", "assigned")),
        is_legacy=schema.title.startswith(_LEGACY) and has_field(body, ("dt",)),
        is_latest=is_latest,
    )


class SchemaWatch:
    """A thread that keeps a plan source up to date until it is closed."""

    def __init__(self, plans: PlanSource, seconds: float) -> None:
        """Look every so many seconds. `start` begins."""
        self._plans = plans
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schemas", daemon=True)

    def start(self) -> None:
        """Begin looking; first of all, at every file that is there."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        step = self._plans.examine
        said = ""
        while True:
            try:
                step()
            except Exception as error:  # noqa: BLE001 -- a file that surprises us must not end the looking
                if repr(error) != said:
                    said = repr(error)
                    _log.exception("the schema folders could not be looked at")
            step = self._look
            if self._stop.wait(self._seconds):
                return

    def _look(self) -> None:
        self._plans.refresh()
