"""Rows that a form holds any number of: groups, and sites with their share.

A row whose cells are all empty does not count: that is how a row is taken away without a script.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django import forms
from django.forms.formsets import BaseFormSet

from allotment.registry.plan import GroupPlan

MOST_ROWS = 400
_Row = TypeVar("_Row", bound=forms.Form)


class GroupRow(forms.Form):
    """One group of an experiment."""

    name = forms.CharField(required=False, max_length=63, label="Group")
    description = forms.CharField(required=False, max_length=255, label="What they see")
    weight = forms.IntegerField(required=False, min_value=1, max_value=1_000_000, label="Weight")

    def clean(self) -> dict[str, Any]:
        """A row with a description needs a name; a weight left empty is 1."""
        found = self.cleaned_data
        if found.get("description") and not found.get("name") and "name" not in self.errors:
            self.add_error("name", "Give the group a name, or empty the whole row.")
        return found


class SiteRow(forms.Form):
    """One site and the share of its subjects, in percent."""

    site = forms.CharField(required=False, max_length=63, label="Site")
    rate = forms.DecimalField(
        required=False,
        min_value=Decimal(0),
        max_value=Decimal(100),
        max_digits=9,
        decimal_places=6,
        label="Share",
    )

    def clean(self) -> dict[str, Any]:
        """A site needs a share and a share needs a site."""
        found = self.cleaned_data
        if found.get("site") and found.get("rate") is None and "rate" not in self.errors:
            self.add_error("rate", "Give the share, or empty the whole row.")
        if found.get("rate") is not None and not found.get("site") and "site" not in self.errors:
            self.add_error("site", "Give the site's name, or empty the whole row.")
        return found


if TYPE_CHECKING:
    _GroupBase = BaseFormSet[GroupRow]
    _SiteBase = BaseFormSet[SiteRow]
else:
    _GroupBase = _SiteBase = BaseFormSet


class _Numbered:
    """Labels each cell by its row, for those who hear the page: `Group 2, weight`."""

    word = ""

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)  # type: ignore[misc]
        for field in form.fields.values():
            label = f"{self.word} {(index or 0) + 1}, {str(field.label).lower()}"
            field.widget.attrs["aria-label"] = label

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:  # noqa: ARG002
        return {"empty_permitted": False, "use_required_attribute": False}


class GroupRows(_Numbered, _GroupBase):
    """All groups of one form."""

    word = "Group"

    def plans(self) -> tuple[GroupPlan, ...]:
        """The rows that count, in their order."""
        return tuple(
            GroupPlan(
                name=row["name"], description=row["description"], weight=row.get("weight") or 1
            )
            for row in (form.cleaned_data for form in self.forms)
            if row.get("name")
        )


class SiteRows(_Numbered, _SiteBase):
    """All sites of one form."""

    word = "Site"

    def shares(self) -> tuple[tuple[str, Decimal], ...]:
        """The rows that count, in their order, as shares from 0 to 1."""
        return tuple(
            (row["site"], row["rate"] / 100)
            for row in (form.cleaned_data for form in self.forms)
            if row.get("site")
        )


GroupFormSet = cast(
    "type[GroupRows]",
    forms.formset_factory(
        GroupRow, formset=GroupRows, extra=0, max_num=MOST_ROWS, absolute_max=MOST_ROWS
    ),
)
SiteFormSet = cast(
    "type[SiteRows]",
    forms.formset_factory(
        SiteRow, formset=SiteRows, extra=0, max_num=MOST_ROWS, absolute_max=MOST_ROWS
    ),
)


def typed(rows: BaseFormSet[_Row], *, blank: int = 0) -> list[Mapping[str, str]]:
    """What a person typed into the rows, valid or not, and `blank` empty rows after it."""
    found: list[Mapping[str, str]] = [
        {name: form[name].value() or "" for name in form.fields} for form in rows.forms
    ]
    empty = {"weight": "1"} if isinstance(rows, GroupRows) else {}
    return [*found, *(empty for _ in range(blank))]


def wrong_cells(rows: GroupRows | SiteRows) -> list[tuple[str, str, str]]:
    """(label, id, first error) of every cell that is wrong."""
    found: list[tuple[str, str, str]] = []
    forms_: list[GroupRow | SiteRow] = [*rows.forms]
    for form in forms_:
        for name, messages in form.errors.items():
            label = str(form.fields[name].widget.attrs["aria-label"])
            found.append((label, form[name].auto_id, str(messages[0])))
    return found
