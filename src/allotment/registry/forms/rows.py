"""Rows that a form holds any number of: groups, sites, conditions, guardrails, links.

A row whose cells are all empty does not count: that is how a row is taken away without a script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.forms.formsets import BaseFormSet
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from allotment.registry import metric_catalog
from allotment.registry.attributes import ATTRIBUTES
from allotment.registry.plan import (
    AnyPlan,
    ExperimentPlan,
    GroupPlan,
    Guardrail,
    Link,
    rate_text,
)
from allotment.registry.targeting import OPERATORS, Condition, operand_text, read_operand

MOST_ROWS = 400
_NOTHING = ("", "—")


class Row(forms.Form):
    """One row: which cells a row that counts must have, and what to say without them."""

    NEEDS: ClassVar[dict[str, str | Promise]] = {}

    def clean(self) -> dict[str, Any]:
        """A row in which anything is given needs all that makes it one."""
        found = self.cleaned_data
        if any(value not in (None, "") for name, value in found.items() if name != "weight"):
            for name, sentence in self.NEEDS.items():
                if found.get(name) in (None, "") and name not in self.errors:
                    self.add_error(name, str(sentence))
        return found


class GroupRow(Row):
    """One group of an experiment."""

    NEEDS: ClassVar = {"name": gettext_lazy("Give the group a name, or empty the whole row.")}

    name = forms.CharField(
        required=False,
        max_length=63,
        label=gettext_lazy("Group"),
        widget=forms.TextInput(attrs={"class": "mono"}),
    )
    description = forms.CharField(
        required=False, max_length=255, label=gettext_lazy("What they see")
    )
    weight = forms.IntegerField(
        required=False, min_value=1, max_value=1_000_000, label=gettext_lazy("Weight")
    )


class SiteRow(Row):
    """One site or family, and the share of its subjects, in percent."""

    NEEDS: ClassVar = {
        "rate": gettext_lazy("Give the share, or empty the whole row."),
        "site": gettext_lazy("Give the site's name, or empty the whole row."),
    }

    site = forms.CharField(
        required=False,
        max_length=70,
        label=gettext_lazy("Site"),
        widget=forms.TextInput(attrs={"class": "mono", "list": "known-sites"}),
    )
    rate = forms.DecimalField(
        required=False,
        min_value=Decimal(0),
        max_value=Decimal(100),
        max_digits=9,
        decimal_places=6,
        label=gettext_lazy("Share"),
    )


def _attributes() -> list[tuple[str, str]]:
    return [_NOTHING, *((a.name, f"{a.words} ({a.name})") for a in ATTRIBUTES)]


def _operators() -> list[tuple[str, str]]:
    return [_NOTHING, *((name, gettext(words)) for name, (words, _, _) in OPERATORS.items())]


class ConditionRow(Row):
    """One condition on a contextual attribute."""

    NEEDS: ClassVar = {
        "attribute": gettext_lazy("Choose what is compared, or empty the whole row."),
        "operator": gettext_lazy("Choose how it is compared, or empty the whole row."),
        "value": gettext_lazy("Give what it is compared with, or empty the whole row."),
    }

    attribute = forms.ChoiceField(
        required=False,
        label=gettext_lazy("What"),
        choices=_attributes,
    )
    operator = forms.ChoiceField(
        required=False,
        label=gettext_lazy("How"),
        choices=_operators,
    )
    value = forms.CharField(required=False, max_length=255, label=gettext_lazy("Value"))


class GuardrailRow(Row):
    """One metric that must not get worse, and by how much it may, in percent."""

    NEEDS: ClassVar = {
        "metric": gettext_lazy("Choose the metric, or empty the whole row."),
        "margin": gettext_lazy("Give how much worse it may get, or empty the whole row."),
    }

    metric = forms.ChoiceField(required=False, label=gettext_lazy("Metric"))
    margin = forms.DecimalField(
        required=False,
        min_value=Decimal(0),
        max_value=Decimal(1000),
        max_digits=9,
        decimal_places=4,
        label=gettext_lazy("Margin"),
    )

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as the form takes them
        super().__init__(*given, **named)
        stored = str(self.initial.get("metric") or "")
        field = self.fields["metric"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - tells the type
        field.choices = [_NOTHING, *metric_catalog.choices(stored)]


class LinkRow(Row):
    """One link to more."""

    NEEDS: ClassVar = {
        "label": gettext_lazy("Give the link a name, or empty the whole row."),
        "url": gettext_lazy("Give the address, or empty the whole row."),
    }

    label = forms.CharField(required=False, max_length=120, label=gettext_lazy("Name"))
    url = forms.CharField(required=False, max_length=1000, label=gettext_lazy("Address"))


if TYPE_CHECKING:
    _Base = BaseFormSet[Row]
else:
    _Base = BaseFormSet


class Rows(_Base):
    """All rows of one kind. A form that was posted without them counts as one with none."""

    form: type[Row] = Row
    extra = 0
    max_num = absolute_max = MOST_ROWS
    min_num = 0
    can_order = can_delete = can_delete_extra = validate_max = validate_min = False
    renderer = None

    name = ""
    word: str | Promise = ""
    label: str | Promise = ""
    one_more: str | Promise = ""
    hint: str | Promise = ""
    columns: tuple[tuple[str, str], ...] = ()
    units: ClassVar[Mapping[str, str]] = {}
    free: ClassVar[frozenset[str]] = frozenset()
    blank: ClassVar[Mapping[str, str]] = {}
    locked = False
    none: str | Promise = ""

    def __init__(
        self, data: QueryDict | None = None, initial: Sequence[Mapping[str, Any]] | None = None
    ) -> None:
        if data is not None and f"{self.name}-TOTAL_FORMS" not in data:
            data = None
        super().__init__(data, initial=[dict(row) for row in initial or ()], prefix=self.name)

    def add_fields(self, form: Row, index: int | None) -> None:
        """Label each cell by its row, for those who hear the page: `Group 2, Weight`."""
        super().add_fields(form, index)
        for field in form.fields.values():
            label = gettext("%(word)s %(number)s, %(cell)s") % {
                "word": self.word,
                "number": (index or 0) + 1,
                "cell": field.label,
            }
            field.widget.attrs["aria-label"] = label

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:  # noqa: ARG002
        """Rows are never required by the browser, which could not be told to pass one over."""
        return {"empty_permitted": False, "use_required_attribute": False}

    def is_fine(self) -> bool:
        """Whether nothing is wrong with the rows; what was not posted cannot be wrong."""
        return not self.is_bound or self.is_valid()

    def found(self) -> list[dict[str, Any]]:
        """The rows that count, in their order."""
        if not self.is_bound:
            return []
        key = next(iter(self.form.NEEDS))
        return [row for row in (form.cleaned_data for form in self.forms) if row.get(key)]

    def typed(self, *, blank: int = 0) -> list[Mapping[str, Any]]:
        """What a person typed into the rows, valid or not, and `blank` empty rows after it."""
        found: list[Mapping[str, Any]] = [
            {name: form[name].value() or "" for name in form.fields} for form in self.forms
        ]
        return [*found, *(self.blank for _ in range(blank))]

    def wrong_cells(self) -> list[tuple[str, str, str]]:
        """(label, id, first error) of every cell that is wrong."""
        return [
            (str(form.fields[name].widget.attrs["aria-label"]), form[name].auto_id, str(errors[0]))
            for form in self.forms
            for name, errors in form.errors.items()
        ]

    def value(self) -> tuple[Any, ...]:
        """What the rows say, as a plan holds it."""
        raise NotImplementedError

    @classmethod
    def initial_of(cls, plan: AnyPlan) -> list[Mapping[str, Any]]:
        """The rows of a plan as the form shows them."""
        raise NotImplementedError


class GroupRows(Rows):
    """The groups of an experiment."""

    form, name = GroupRow, "groups"
    word, label = gettext_lazy("Group"), gettext_lazy("Groups")
    one_more = gettext_lazy("Add a group")
    hint = gettext_lazy(
        "The first is control: what people see today. Weights share the subjects out; 1 and 1 "
        "is half and half."
    )
    columns = (("name", "w8"), ("description", ""), ("weight", "w4"))
    free: ClassVar = frozenset({"description"})
    blank: ClassVar = {"weight": "1"}

    def value(self) -> tuple[GroupPlan, ...]:
        """The groups in their order; a weight left empty is 1."""
        return tuple(
            GroupPlan(
                name=row["name"], description=row["description"], weight=row.get("weight") or 1
            )
            for row in self.found()
        )

    @classmethod
    def initial_of(cls, plan: AnyPlan) -> list[Mapping[str, Any]]:
        """A row for each group."""
        groups = plan.groups if isinstance(plan, ExperimentPlan) else ()
        return [{"name": g.name, "description": g.description, "weight": g.weight} for g in groups]


class SiteRows(Rows):
    """The sites with a share of their own."""

    form, name = SiteRow, "sites"
    word, label = gettext_lazy("Site"), gettext_lazy("Traffic")
    one_more = gettext_lazy("Add a site")
    hint = gettext_lazy(
        "The share of each site's subjects. For a whole family write family:wikipedia."
    )
    columns = (("site", ""), ("rate", "w8"))
    units: ClassVar = {"rate": "%"}

    def value(self) -> tuple[tuple[str, Decimal], ...]:
        """Sites and families with their shares, from 0 to 1."""
        return tuple((row["site"], row["rate"] / 100) for row in self.found())

    def found(self) -> list[dict[str, Any]]:
        """The rows that name a site; a share of 0 counts too."""
        if not self.is_bound:
            return []
        return [row for row in (form.cleaned_data for form in self.forms) if row.get("site")]

    @classmethod
    def initial_of(cls, plan: AnyPlan) -> list[Mapping[str, Any]]:
        """A row for each site, or an empty one to begin with."""
        rows: list[Mapping[str, Any]] = [
            {"site": site, "rate": rate_text(rate * 100)} for site, rate in plan.sites
        ]
        return rows or [{}]


class ConditionRows(Rows):
    """Who it is for."""

    form, name = ConditionRow, "targeting"
    word, label = gettext_lazy("Condition"), gettext_lazy("Only for")
    one_more = gettext_lazy("Add a condition")
    hint = gettext_lazy(
        "Leave it empty for everybody. All conditions must hold. Several values: separate them by "
        "commas. A question takes yes or no."
    )
    columns = (("attribute", ""), ("operator", "w8"), ("value", ""))
    none = gettext_lazy("everybody")

    def value(self) -> tuple[Condition, ...]:
        """The conditions, their values read as the attribute asks for."""
        return tuple(
            Condition(
                row["attribute"],
                row["operator"],
                read_operand(row["attribute"], row["operator"], row["value"]),
            )
            for row in self.found()
        )

    @classmethod
    def initial_of(cls, plan: AnyPlan) -> list[Mapping[str, Any]]:
        """A row for each condition."""
        return [
            {"attribute": c.attribute, "operator": c.operator, "value": operand_text(c.operand)}
            for c in plan.targeting
        ]


class GuardrailRows(Rows):
    """Numbers that must not get worse."""

    form, name = GuardrailRow, "guardrails"
    word, label = gettext_lazy("Guardrail"), gettext_lazy("Guardrails")
    one_more = gettext_lazy("Add a guardrail")
    hint = gettext_lazy("Numbers that must not get worse by more than the margin.")
    columns = (("metric", ""), ("margin", "w8"))
    units: ClassVar = {"margin": "%"}

    def value(self) -> tuple[Guardrail, ...]:
        """The guardrails in their order."""
        return tuple(Guardrail(metric=row["metric"], margin=row["margin"]) for row in self.found())

    @classmethod
    def initial_of(cls, plan: AnyPlan) -> list[Mapping[str, Any]]:
        """A row for each guardrail."""
        guardrails = plan.guardrails if isinstance(plan, ExperimentPlan) else ()
        return [{"metric": g.metric, "margin": rate_text(g.margin)} for g in guardrails]


class LinkRows(Rows):
    """Where more is written."""

    form, name = LinkRow, "links"
    word, label = gettext_lazy("Link"), gettext_lazy("Links")
    one_more = gettext_lazy("Add a link")
    hint = gettext_lazy("Design, code, earlier results: whatever a reader may want to open.")
    columns = (("label", "w8"), ("url", ""))

    def value(self) -> tuple[Link, ...]:
        """The links in their order."""
        return tuple(Link(label=row["label"], url=row["url"]) for row in self.found())

    @classmethod
    def initial_of(cls, plan: AnyPlan) -> list[Mapping[str, Any]]:
        """A row for each link."""
        return [{"label": link.label, "url": link.url} for link in plan.links]
