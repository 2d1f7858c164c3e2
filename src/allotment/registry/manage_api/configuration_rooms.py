"""What each kind of configured thing is as a document, and how one is written: by its own rules.

`ROOMS` is in the order of what needs what: an experiment names a stream, which nothing else needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from allotment.registry import (
    checking,
    lifecycle,
    people,
    permissions,
    placing,
    stream_versions,
)
from allotment.registry import plan as plans
from allotment.registry.changing import refuse
from allotment.registry.document_diff import differences
from allotment.registry.gate import NotPermittedError
from allotment.registry.lifecycle import AnyItem
from allotment.registry.manage_api import (
    conditions,
    documents,
    finding_items,
    people_routes,
    place_routes,
    stream_routes,
    vocabulary,
    writing_items,
)
from allotment.registry.manage_api.callers import Caller
from allotment.registry.manage_api.fields import Key
from allotment.registry.manage_api.problems import refused
from allotment.registry.manage_api.shapes import Body, PlanBody
from allotment.registry.models import (
    CapException,
    Experiment,
    Instrument,
    Layer,
    Site,
    Stream,
    Team,
)
from allotment.registry.rules import Refusal

Document = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A change that somebody asks for. `to_come`: the kinds of what the same request brings."""

    caller: Caller
    name: str
    document: Document | None
    reason: str
    meant: bool
    to_come: Mapping[str, str]


@dataclass
class Written:
    """What a write did: lines of difference, findings, and of an item its record before and after.

    `before` and `after` are None for what is no item, and where nothing was there before.
    """

    changes: list[dict[str, str]] = field(default_factory=list)
    findings: list[dict[str, str]] = field(default_factory=list)
    before: Document | None = None
    after: Document | None = None


class Room(ABC):
    """The things of one kind. Rows are the models' own."""

    action = "places"
    body: type[Body]

    @abstractmethod
    def all(self) -> Iterable[Any]:
        """Every row, by name."""

    @abstractmethod
    def find(self, name: str) -> Any | None:  # noqa: ANN401 - a row of any kind
        """The row of a name; None where there is none."""

    @abstractmethod
    def document(self, row: Any) -> Document:  # noqa: ANN401
        """A row as a file holds it."""

    def shown(self, row: Any, now: datetime) -> Document:  # noqa: ANN401
        """Name, version, document, and what no document says."""
        del now
        document = self.document(row)
        return {
            "name": self.name(document),
            "version": conditions.tag_of(document),
            "document": document,
            "state": "",
            "removable": True,
            "fault": "",
        }

    def name(self, document: Document) -> str:
        """The name that a document gives itself."""
        return str(document.get("name", ""))

    def permit(self, caller: Caller, row: Any | None, document: Document | None) -> None:  # noqa: ANN401
        """Pass when the caller may change the row, make it, or take it away.

        Raises:
            NotPermittedError: otherwise.
        """
        del row, document
        caller.require(self.action)

    def write(self, row: Any | None, asked: Asked) -> Written:  # noqa: ANN401
        """Store what is asked for, by the kind's own rules.

        Raises:
            RuleRefusedError, ProblemError, PeopleRefusedError, ValidationError: it is refused.
        """
        if asked.document is None:
            if row is not None:
                self.remove(row, asked)
            return Written()
        if self.name(asked.document) != asked.name:
            raise refused([_other_name(asked.name, self.name(asked.document))])
        before = None if row is None else self.document(row)
        body = self.body.model_validate(asked.document)
        wanted = body.model_dump(exclude={"meant"})
        if before is not None and conditions.tag_of(wanted) == conditions.tag_of(before):
            return Written()
        stored = self.save(row, body, asked)
        after = self.document(stored)
        return Written([] if before is None else documents.lines(differences(before, after)))

    @abstractmethod
    def save(self, row: Any | None, body: Any, asked: Asked) -> Any:  # noqa: ANN401
        """Store a document; the row as it is then."""

    def remove(self, row: Any, asked: Asked) -> None:  # noqa: ANN401
        """Take a row away."""
        del row
        raise refused([_stays(asked.name)])


class _Teams(Room):
    action = "teams"
    body = people_routes.TeamBody

    def all(self) -> Iterable[Team]:
        return Team.objects.prefetch_related("members").order_by("name")

    def find(self, name: str) -> Team | None:
        return Team.objects.filter(name=name).first()

    def document(self, row: Team) -> Document:
        return people_routes.team_document(row)

    def save(self, row: Team | None, body: people_routes.TeamBody, asked: Asked) -> Team:
        saved = people_routes.store_team(row, body, asked.reason)
        return Team.objects.get(pk=saved.pk)

    def remove(self, row: Team, asked: Asked) -> None:
        del asked
        people.remove_team(row)


class _Layers(Room):
    body = place_routes.LayerBody

    def all(self) -> Iterable[Layer]:
        return Layer.objects.order_by("name")

    def find(self, name: str) -> Layer | None:
        return Layer.objects.filter(name=name).first()

    def document(self, row: Layer) -> Document:
        return {"name": row.name, "description": row.description}

    def shown(self, row: Layer, now: datetime) -> Document:
        return super().shown(row, now) | {"removable": False}

    def save(self, row: Layer | None, body: place_routes.LayerBody, asked: Asked) -> Layer:
        layer = row or Layer()
        layer.name, layer.description = body.name, body.description
        return placing.save_layer(layer, by=asked.caller.account, reason=asked.reason)


class _Sites(Room):
    body = place_routes.SiteBody

    def all(self) -> Iterable[Site]:
        return Site.objects.order_by("name")

    def find(self, name: str) -> Site | None:
        return Site.objects.filter(name=name).first()

    def document(self, row: Site) -> Document:
        return place_routes.site_document(row)

    def save(self, row: Site | None, body: place_routes.SiteBody, asked: Asked) -> Site:
        site = row or Site()
        for name, value in body.model_dump().items():
            setattr(site, name, value)
        placing.save_site(site, by=asked.caller.account, reason=asked.reason)
        return Site.objects.get(pk=site.pk)

    def remove(self, row: Site, asked: Asked) -> None:
        placing.remove_site(row, by=asked.caller.account, reason=asked.reason)


class _Streams(Room):
    action = "streams"
    body = stream_routes.StreamBody

    def all(self) -> Iterable[Stream]:
        return Stream.objects.order_by("name")

    def find(self, name: str) -> Stream | None:
        return Stream.objects.filter(name=name).first()

    def document(self, row: Stream) -> Document:
        return stream_versions.document_of(row)

    def shown(self, row: Stream, now: datetime) -> Document:
        return super().shown(row, now) | {"removable": False}

    def save(self, row: Stream | None, body: stream_routes.StreamBody, asked: Asked) -> Stream:
        meant = body.model_copy(update={"meant": body.meant or asked.meant})
        saved = stream_routes.store_stream(meant, row, asked.reason)
        return Stream.objects.get(pk=saved.pk)

    def write(self, row: Stream | None, asked: Asked) -> Written:
        found = super().write(row, asked)
        stored = self.find(asked.name)
        if stored is not None:
            found.findings = documents.findings(checking.of_stream(stored, timezone.now()))
        return found


class ExceptionDocument(place_routes.ExceptionBody):
    """An exception with the machine name of its item."""

    item: Key


class _Exceptions(Room):
    """Exceptions to caps. They come before items, which can need one to be stored at all."""

    body = ExceptionDocument

    def all(self) -> Iterable[CapException]:
        return CapException.objects.order_by("machine_name", "site")

    def find(self, name: str) -> CapException | None:
        item, _, site = name.rpartition("@")
        return CapException.objects.filter(machine_name=item, site=site).first()

    def document(self, row: CapException) -> Document:
        found = {name: getattr(row, name) for name in ("site", "cap", "reason")}
        return {"item": row.machine_name, **found}

    def name(self, document: Document) -> str:
        return f"{document.get('item', '')}@{document.get('site', '')}"

    def save(self, row: CapException | None, body: ExceptionDocument, asked: Asked) -> CapException:
        del row  # granted again, an exception is another share
        granted = placing.grant_exception(
            _item_of(body.item, asked.to_come),
            body.site,
            body.cap,
            reason=body.reason,
            by=asked.caller.account,
        )
        return CapException.objects.get(pk=granted.pk)

    def remove(self, row: CapException, asked: Asked) -> None:
        placing.withdraw_exception(row, by=asked.caller.account, reason=asked.reason)


def _item_of(name: str, to_come: Mapping[str, str]) -> AnyItem:
    """The item of a name, which may be one that comes later in the same request."""
    for model in (Experiment, Instrument):
        found = model.objects.filter(machine_name=name).first()
        if found is not None:
            return found
    if to_come.get(name) in {Experiment.KIND, Instrument.KIND}:
        model = Experiment if to_come[name] == Experiment.KIND else Instrument
        return model(machine_name=name)
    refusal = Refusal(
        "item-is-known",
        "item",
        f"nothing is called “{name}”",
        f"“{name}” is neither an instrument nor an experiment.",
        "Correct the name, or bring the item too.",
    )
    raise refused([refusal])


class _Items(Room):
    def __init__(self, model: type[AnyItem]) -> None:
        self._model = model
        self.body = writing_items.BODIES[model.KIND]

    def all(self) -> Iterable[AnyItem]:
        return finding_items.listed(self._model.KIND, finding_items.Filters(), timezone.now())

    def find(self, name: str) -> AnyItem | None:
        return self._model.objects.select_related("stream").filter(machine_name=name).first()

    def document(self, row: AnyItem) -> Document:
        return documents.plan(plans.of(row))

    def name(self, document: Document) -> str:
        return str(document.get("machine_name", ""))

    def shown(self, row: AnyItem, now: datetime) -> Document:
        found = documents.item(row, now)
        return {
            "name": row.machine_name,
            "version": str(row.revision),
            "document": found["plan"],
            "state": found["state"],
            "removable": "archive" in found["possible"],
            "fault": found["fault"],
        }

    def permit(self, caller: Caller, row: AnyItem | None, document: Document | None) -> None:
        if row is None:
            caller.require("create")
            owners = (document or {}).get("owners")
            named = [o for o in owners if isinstance(o, str)] if isinstance(owners, list) else []
            if permissions.with_owner(caller.account, named) != tuple(named):
                raise NotPermittedError(_KEEPS_NO_HAND)
        else:
            caller.require("archive" if document is None else "edit", row)

    def save(self, row: AnyItem | None, body: PlanBody, asked: Asked) -> AnyItem:
        before = None if row is None else writing_items.stored_plan(row)
        plan = writing_items.plan_of(body, before)
        refuse(vocabulary.refusals(plan, before))
        account = asked.caller.account
        if row is None:
            return lifecycle.create(plan, by=account, reason=asked.reason)
        return lifecycle.edit(row, plan, reason=asked.reason, by=account, expected=row.revision)

    def write(self, row: AnyItem | None, asked: Asked) -> Written:
        before = None if row is None else documents.kept(row)
        super().write(row, asked)
        if asked.document is None:
            return Written()
        now = timezone.now()
        item = finding_items.one(self._model.KIND, asked.name)
        after = documents.kept(item)
        found = checking.of_plan(plans.of(item), now, item)
        changes = [] if before is None else documents.changes(before, after)
        return Written(changes, documents.findings(found), before, after)

    def remove(self, row: AnyItem, asked: Asked) -> None:
        lifecycle.archive(row, reason=asked.reason, by=asked.caller.account, expected=row.revision)


_KEEPS_NO_HAND = permissions.Decision(
    allowed=False,
    reason="No owner that is named lets you edit it again.",
    remedy="Name a team of yours among the owners, or your account as @name.",
)
ROOMS: Final[Mapping[str, Room]] = {
    "team": _Teams(),
    "layer": _Layers(),
    "site": _Sites(),
    "stream": _Streams(),
    "exception": _Exceptions(),
    "instrument": _Items(Instrument),
    "experiment": _Items(Experiment),
}


def _other_name(name: str, given: str) -> Refusal:
    return Refusal(
        "name-stays",
        "name",
        "its name is another one",
        f"The entry is called “{name}”, its document “{given}”.",
        "Give both the same name; a new name is a new thing.",
    )


def _stays(name: str) -> Refusal:
    return Refusal(
        "stays-once-made",
        "",
        "it cannot be taken away",
        f"What {name} once meant is part of events and history.",
        "Leave it; nothing has to use it.",
    )
