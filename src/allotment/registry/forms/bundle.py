"""A form with its rows: as it is stored, as it was posted, and the plan that it describes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext

from allotment.registry.forms.kinds import ExperimentForm, InstrumentForm
from allotment.registry.forms.rows import (
    ConditionRows,
    GroupRows,
    GuardrailRows,
    LinkRows,
    Rows,
    SiteRows,
)
from allotment.registry.plan import AnyPlan, GroupPlan
from allotment.registry.rules import Refusal

_ROWS: dict[str, tuple[type[Rows], ...]] = {
    "experiment": (GroupRows, SiteRows, ConditionRows, GuardrailRows, LinkRows),
    "instrument": (SiteRows, ConditionRows, LinkRows),
}


def _first_groups() -> tuple[GroupPlan, ...]:
    return (
        GroupPlan(name="control", description=gettext("What people see today")),
        GroupPlan(name=""),
    )


@dataclass
class Bundle:
    """A form with its rows, and what rules said about the rows as a whole."""

    form: ExperimentForm | InstrumentForm
    rows: dict[str, Rows]
    row_errors: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def stored(cls, kind: str, plan: AnyPlan | None, locked: frozenset[str]) -> Bundle:
        """The form of a plan, or an empty one."""
        form = _form(kind)
        rows: dict[str, Rows] = {}
        for of in _ROWS[kind]:
            initial = [] if plan is None else of.initial_of(plan)
            rows[of.name] = of(initial=initial)
        if plan is None:
            rows["sites"] = SiteRows(initial=[{}])
        if plan is None and "groups" in rows:
            first = [
                {"name": g.name, "description": g.description, "weight": 1} for g in _first_groups()
            ]
            rows["groups"] = GroupRows(initial=first)
        return cls(form(initial=form.initial_for(plan), locked=locked), rows).lock(locked)

    @classmethod
    def posted(
        cls, kind: str, data: QueryDict, locked: frozenset[str], plan: AnyPlan | None
    ) -> Bundle:
        """The form as somebody filled it in; `plan` is what is stored."""
        form = _form(kind)
        initial = form.initial_for(plan)
        rows = {
            of.name: of(data, initial=[] if plan is None else of.initial_of(plan))
            for of in _ROWS[kind]
        }
        return cls(form(data, initial=initial, locked=locked), rows).lock(locked)

    def with_row(self, added: str) -> Bundle:
        """The same form with what was typed, unjudged, and one row more."""
        rows = {
            name: type(found)(initial=found.typed(blank=int(name == added)))
            for name, found in self.rows.items()
        }
        form = _form(self.form.KIND)(initial=self.form.typed(), locked=self.form.locked)
        return Bundle(form, rows).lock(self.form.locked)

    def is_valid(self) -> bool:
        """Whether every field and cell can be read; `plan` may then be asked for."""
        valid = [self.form.is_valid(), *(rows.is_fine() for rows in self.rows.values())]
        for name, rows in self.rows.items():
            if rows.is_bound and rows.non_form_errors():
                self.row_errors[name] = [str(error) for error in rows.non_form_errors()]
        return all(valid)

    def plan(self, before: AnyPlan | None) -> AnyPlan:
        """The plan that a valid form describes."""
        return self.form.plan({name: rows.value() for name, rows in self.rows.items()}, before)

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        """Put each refusal under the field that it concerns."""
        for refusal in refusals:
            if refusal.field in self.form.fields:
                self.form.add_error(
                    refusal.field, ValidationError(refusal.sentence, code=refusal.rule)
                )
            else:
                self.row_errors.setdefault(refusal.field, []).append(refusal.sentence)

    def wrong(self) -> list[tuple[str, str, str]]:
        """(label, id, first error) of every field that is wrong, for the list beside the form."""
        form = self.form
        if not form.is_bound:
            return []
        fields = [
            (str(form.fields[name].label), form[name].auto_id, str(found[0]))
            for name, found in form.errors.items()
            if name in form.fields
        ]
        cells = [
            cell for rows in self.rows.values() if rows.is_bound for cell in rows.wrong_cells()
        ]
        return [*fields, *cells]

    def in_use(self, *names: str) -> bool:
        """Whether a field or row set holds something or is wrong, so that it is not folded."""
        for name in names:
            if name in self.rows:
                rows = self.rows[name]
                filled = any(any(map(bool, row.values())) for row in rows.typed())
                if filled or self.row_errors.get(name):
                    return True
            elif name in self.form.fields:
                field_ = self.form[name]
                value: Any = field_.value()
                if field_.errors or (value and value != field_.field.initial):
                    return True
        return False

    def lock(self, locked: frozenset[str]) -> Bundle:
        """Show as fixed the rows that are."""
        for name, rows in self.rows.items():
            rows.locked = name in locked
        return self


def _form(kind: str) -> type[ExperimentForm | InstrumentForm]:
    return ExperimentForm if kind == "experiment" else InstrumentForm
