"""What the forms of instruments and experiments have in common: fields, hints, and the plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from allotment.registry import attributes
from allotment.registry.environments import DEFAULT, LABELS
from allotment.registry.models import Stream
from allotment.registry.models.item import Item
from allotment.registry.plan import AnyPlan, rate_text

DEFAULT_STREAM = "product_metrics.web_base"
DEFAULT_DAYS = {"experiment": 28, "instrument": 182}


def names_in(text: str) -> list[str]:
    """The names in a text that has commas between them, each once."""
    return list(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


class MomentInput(forms.DateTimeInput):
    """The browser's own picker of day and time, to the minute."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class ItemForm(forms.Form):
    """What an instrument and an experiment have in common.

    `locked` are the names of fields that are fixed by now: shown, not to be changed.
    """

    KIND = ""

    name = forms.CharField(
        max_length=120,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("For people. Can be changed later."),
        error_messages={"required": gettext_lazy("Write what people call it.")},
    )
    machine_name = forms.CharField(
        max_length=63,
        label=gettext_lazy("Machine name"),
        help_text=gettext_lazy(
            "What the code asks for, letter by letter. Fixed from the first start. "
            "8 to 63 letters, digits, dots, dashes or underscores."
        ),
        error_messages={
            "required": gettext_lazy("Write what the code asks for, such as search-suggestions.")
        },
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "none"}),
    )
    description = forms.CharField(
        required=False,
        label=gettext_lazy("Description"),
        help_text=gettext_lazy("What it is, for somebody who has never heard of it."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    owners = forms.CharField(
        max_length=255,
        label=gettext_lazy("Owner"),
        help_text=gettext_lazy(
            "Who may change it: a team's name, or @account for one person. "
            "Several: separate them by commas."
        ),
        error_messages={"required": gettext_lazy("Name a team, or @account for one person.")},
        widget=forms.TextInput(attrs={"list": "known-teams"}),
    )
    contact = forms.EmailField(
        required=False,
        label=gettext_lazy("Contact"),
        help_text=gettext_lazy("The email address to write to when something is wrong with it."),
        widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "email"}),
    )
    purpose = forms.CharField(
        required=False,
        max_length=255,
        label=gettext_lazy("Purpose"),
        help_text=gettext_lazy("The goals or key results that it serves, with commas between."),
    )
    task = forms.CharField(
        required=False,
        max_length=1000,
        label=gettext_lazy("Task or notes"),
        help_text=gettext_lazy("Where the work is discussed."),
    )
    is_template = forms.BooleanField(
        required=False,
        label=gettext_lazy("This is a template"),
        help_text=gettext_lazy("Others begin from it; it is never switched on itself."),
    )
    stream = forms.ChoiceField(
        label=gettext_lazy("Stream"),
        help_text=gettext_lazy(
            "The channel that the events travel in. "
            "Most things on web pages use product_metrics.web_base."
        ),
        widget=forms.Select(attrs={"class": "mono"}),
    )
    attributes = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("Also send with each event"),
        help_text=gettext_lazy("Only what a metric or a comparison reads."),
        choices=attributes.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    default_rate = forms.DecimalField(
        min_value=Decimal(0), max_value=Decimal(100), max_digits=9, decimal_places=6
    )
    environments = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("Environments"),
        help_text=gettext_lazy("Which sites get it. Readers are in production."),
        choices=list(LABELS.items()),
        widget=forms.CheckboxSelectMultiple,
        initial=[DEFAULT],
    )
    risk_level = forms.ChoiceField(
        label=gettext_lazy("Risk"),
        help_text=gettext_lazy(
            "How much is at stake for the people whose events are kept. "
            "Low needs no review; not assessed cannot be switched on."
        ),
        choices=Item.Risk.choices,
    )
    review_link = forms.CharField(
        required=False,
        max_length=1000,
        label=gettext_lazy("Review"),
        help_text=gettext_lazy("Link to the security and legal review. Needed from medium on."),
    )
    acknowledged = forms.BooleanField(
        label=gettext_lazy("This follows the data collection guidelines"),
        help_text=gettext_lazy(
            "Nothing is sent that the plan does not need, and nothing that names a person."
        ),
        error_messages={
            "required": gettext_lazy("Tick the box if it does; if not, change what is sent.")
        },
    )
    start = forms.DateTimeField(required=False, label=gettext_lazy("Start"), widget=MomentInput())
    end = forms.DateTimeField(
        label=gettext_lazy("End"),
        widget=MomentInput(),
        error_messages={"required": gettext_lazy("Choose the day and the time when it ends.")},
    )
    reason = forms.CharField(
        required=False,
        max_length=500,
        label=gettext_lazy("Why this change?"),
        help_text=gettext_lazy("One sentence for the history."),
    )
    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
        locked: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(data, initial=dict(initial or {}), use_required_attribute=False)
        self.locked = locked
        known = Stream.objects.order_by("name").exclude(name__startswith="/")
        names = list(known.values_list("name", flat=True))
        self.offer("stream", [(name, name) for name in names])
        zone = timezone.get_current_timezone_name()
        of_zone = gettext("In UTC.")
        if zone != "UTC":
            of_zone = gettext("In your zone, %(zone)s.") % {"zone": zone}
        open_start = gettext("Leave empty to start when it is switched on.")
        self.fields["start"].help_text = f"{of_zone} {open_start}"
        self.fields["end"].help_text = f"{of_zone} {gettext('It stops by itself then.')}"

    def offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        """Let a field of choices offer these."""
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - tells the type
        field.choices = choices

    def clean_owners(self) -> tuple[str, ...]:
        """The owners' names."""
        return tuple(names_in(self.cleaned_data["owners"]))

    def plan(self, rows: Mapping[str, tuple[Any, ...]], before: AnyPlan | None) -> AnyPlan:
        """The plan of a valid form, with what its rows say."""
        raise NotImplementedError

    def shared(self, rows: Mapping[str, tuple[Any, ...]], before: AnyPlan | None) -> dict[str, Any]:
        """The fields of a plan that both kinds have. Call it when the form is valid."""
        found = self.cleaned_data
        names = (
            "machine_name",
            "name",
            "description",
            "owners",
            "contact",
            "purpose",
            "task",
            "start",
            "end",
            "stream",
            "risk_level",
            "review_link",
            "acknowledged",
            "is_template",
        )
        return {name: found[name] for name in names} | {
            "schema_title": self.schema_title(),
            "attributes": tuple(found["attributes"]),
            "environments": tuple(found["environments"]),
            "default_rate": found["default_rate"] / 100,
            "sites": rows["sites"],
            "targeting": rows["targeting"],
            "links": rows["links"],
            "synthetic_note": before.synthetic_note if before else "",
        }

    def schema_title(self) -> str:
        """The schema title of the chosen stream; empty where none is chosen."""
        chosen = Stream.objects.filter(name=self.cleaned_data.get("stream")).first()
        return chosen.schema_title if chosen else ""

    def typed(self) -> dict[str, Any]:
        """What a person typed, valid or not: to show it again without judging it."""
        return {name: self[name].value() for name in self.fields}

    @classmethod
    def initial_for(cls, plan: AnyPlan | None) -> dict[str, Any]:
        """What the fields hold at first."""
        if plan is None:
            end = timezone.localtime() + timedelta(days=DEFAULT_DAYS[cls.KIND])
            return {
                "stream": DEFAULT_STREAM,
                "environments": [DEFAULT],
                "end": end.replace(second=0, microsecond=0),
                "default_rate": "100" if cls.KIND == "instrument" else "0",
            }
        found: dict[str, Any] = {
            name: getattr(plan, name) for name in cls.base_fields if hasattr(plan, name)
        }
        return found | {
            "owners": ", ".join(plan.owners),
            "default_rate": rate_text(plan.default_rate * 100),
        }
