"""The forms of instruments and experiments: fields, hints, and the plan that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from allotment.registry import schema_catalog
from allotment.registry.attributes import ATTRIBUTES
from allotment.registry.models import Experiment, Instrument, Stream
from allotment.registry.models.item import Item
from allotment.registry.plan import AnyPlan, ExperimentPlan, InstrumentPlan, rate_text

ENVIRONMENTS = [
    ("development", "Development"),
    ("staging", "Staging"),
    ("production", "Production"),
    ("external", "External"),
]
DEFAULT_STREAM = "product_metrics.web_base"
_DEFAULT_DAYS = {"experiment": 28, "instrument": 182}


class MomentInput(forms.DateTimeInput):
    """The browser's own picker of day and time, to the minute."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class ItemForm(forms.Form):
    """What an instrument and an experiment have in common."""

    KIND = ""

    name = forms.CharField(
        max_length=120, label="Name", help_text="For people. Can be changed later."
    )
    machine_name = forms.CharField(
        max_length=63,
        label="Machine name",
        help_text="What the code asks for, letter by letter. Fixed from the first start. "
        "8 to 63 letters, digits, dots, dashes or underscores.",
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "none"}),
    )
    description = forms.CharField(
        required=False,
        label="Description",
        help_text="What it is, for somebody who has never heard of it.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    owners = forms.CharField(
        max_length=255,
        label="Owner",
        help_text="The team that looks after it. Several: separate them by commas.",
    )
    purpose = forms.CharField(
        required=False,
        max_length=255,
        label="Purpose",
        help_text="The goal or key result that it serves.",
    )
    task = forms.CharField(
        required=False,
        max_length=1000,
        label="Task or notes",
        help_text="Where the work is discussed.",
    )
    stream = forms.ChoiceField(
        label="Stream",
        help_text="The channel that the events travel in. "
        "Most things on web pages use product_metrics.web_base.",
        widget=forms.Select(attrs={"class": "mono"}),
    )
    attributes = forms.MultipleChoiceField(
        required=False,
        label="Also send with each event",
        help_text="Only what a metric or a comparison reads.",
        choices=[(a.name, a.label) for a in ATTRIBUTES],
        widget=forms.CheckboxSelectMultiple,
    )
    default_rate = forms.DecimalField(
        min_value=Decimal(0), max_value=Decimal(100), max_digits=9, decimal_places=6
    )
    environments = forms.MultipleChoiceField(
        required=False,
        label="Environments",
        help_text="Where it is meant to be used.",
        choices=ENVIRONMENTS,
        widget=forms.CheckboxSelectMultiple,
        initial=["production"],
    )
    risk_level = forms.ChoiceField(
        label="Risk",
        help_text="How much is at stake for the people whose events are kept. "
        "Low needs no review; not assessed cannot be switched on.",
        choices=Item.Risk.choices,
    )
    review_link = forms.CharField(
        required=False,
        max_length=1000,
        label="Review",
        help_text="Link to the security and legal review. Needed from medium on.",
    )
    acknowledged = forms.BooleanField(
        label="This follows the data collection guidelines",
        help_text="Nothing is sent that the plan does not need, and nothing that names a person.",
        error_messages={"required": "Read the guidelines and tick the box."},
    )
    start = forms.DateTimeField(
        required=False,
        label="Start",
        widget=MomentInput(),
    )
    end = forms.DateTimeField(label="End", widget=MomentInput())
    reason = forms.CharField(
        required=False,
        max_length=100,
        label="Why this change?",
        help_text="One sentence for the history.",
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}), use_required_attribute=False)
        names = list(Stream.objects.order_by("name").values_list("name", flat=True))
        self.fields["stream"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        zone = timezone.get_current_timezone_name()
        of_zone = "In UTC." if zone == "UTC" else f"In your zone, {zone}."
        self.fields["start"].help_text = f"{of_zone} Leave empty to start when it is switched on."
        self.fields["end"].help_text = f"{of_zone} It stops by itself then."

    def clean_owners(self) -> tuple[str, ...]:
        """The teams' names."""
        listed = [team.strip() for team in self.cleaned_data["owners"].split(",")]
        return tuple(dict.fromkeys(team for team in listed if team))

    def shared(self, sites: tuple[tuple[str, Decimal], ...]) -> dict[str, Any]:
        """The fields of a plan that both kinds have. Call it when the form is valid."""
        found = self.cleaned_data
        names = (
            "machine_name",
            "name",
            "description",
            "owners",
            "purpose",
            "task",
            "start",
            "end",
            "stream",
            "risk_level",
            "review_link",
            "acknowledged",
        )
        return {name: found[name] for name in names} | {
            "schema_title": self.schema_title(),
            "attributes": tuple(found["attributes"]),
            "environments": tuple(found["environments"]),
            "default_rate": found["default_rate"] / 100,
            "sites": sites,
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
            end = timezone.localtime() + timedelta(days=_DEFAULT_DAYS[cls.KIND])
            return {
                "stream": DEFAULT_STREAM,
                "environments": ["production"],
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


class InstrumentForm(ItemForm):
    """What a person wants an instrument to be."""

    KIND = "instrument"

    sample_unit = forms.ChoiceField(
        label="By whose id is the sample drawn?",
        help_text="One draw decides for all events of that unit.",
        choices=[("session", "Each session"), ("pageview", "Each page view")],
        widget=forms.RadioSelect,
        initial="session",
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        rate = self.fields["default_rate"]
        rate.label = "Share at all other sites"
        rate.help_text = "How many of the sessions or page views send events, in percent."

    def plan(self, sites: tuple[tuple[str, Decimal], ...], before: AnyPlan | None) -> AnyPlan:
        """The plan of a valid form."""
        return InstrumentPlan(
            **self.shared(sites),
            sample_unit=self.cleaned_data["sample_unit"],
            synthetic_note=before.synthetic_note if before else "",
        )


class ExperimentForm(ItemForm):
    """What a person wants an experiment to be."""

    KIND = "experiment"

    hypothesis = forms.CharField(
        required=False,
        label="What do you expect, and why?",
        help_text="One sentence: if we do this, then that number moves, because…",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    identifier_type = forms.ChoiceField(
        label="Who is put into a group?",
        help_text="Decides what the experiment can see. Fixed from the first start.",
        choices=Experiment.IdentifierType.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose who is put into a group: there is no usual answer."},
    )
    schema_id = forms.CharField(
        required=False,
        max_length=255,
        label="Schema",
        help_text="The form of its events. Leave empty for the newest that the stream takes.",
        widget=forms.TextInput(attrs={"class": "mono"}),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        rate = self.fields["default_rate"]
        rate.label = "Share at all other sites"
        rate.help_text = (
            "0 means: only the sites above. With 0 here and no site above nobody takes part."
        )

    def clean(self) -> dict[str, Any]:
        """Fill in the newest schema of the stream, and refuse one that events cannot follow."""
        found = self.cleaned_data
        title = self.schema_title()
        given = found.get("schema_id", "")
        if title and not given:
            found["schema_id"] = schema_catalog.latest_uri(title)
        elif title and (
            given.strip("/").rpartition("/")[0] != title or not schema_catalog.is_known(given)
        ):
            newest = schema_catalog.latest_uri(title)
            self.add_error(
                "schema_id",
                ValidationError(
                    f"“{given}” is no version of {title}, which the stream takes. "
                    f"Give {newest}, or leave it empty."
                ),
            )
        return found

    def plan(
        self,
        sites: tuple[tuple[str, Decimal], ...],
        groups: tuple[Any, ...],
        before: AnyPlan | None,
    ) -> AnyPlan:
        """The plan of a valid form."""
        return ExperimentPlan(
            **self.shared(sites),
            groups=groups,
            hypothesis=self.cleaned_data["hypothesis"],
            identifier_type=self.cleaned_data["identifier_type"],
            schema_id=self.cleaned_data["schema_id"],
            synthetic_note=before.synthetic_note if before else "",
        )


IDENTIFIER_HINTS: Mapping[str, str] = {
    "edge-unique": "Readers, logged in or not. The same person on a phone and a laptop counts "
    "twice.",
    "mw-user": "Logged-in people only, the same group on every device.",
    "session": "A new draw at each visit. Only for changes that nobody notices.",
}


SAMPLE_UNIT_HINTS: Mapping[str, str] = {
    Instrument.SampleUnit.SESSION: "All page views of a visit are in, or none.",
    Instrument.SampleUnit.PAGEVIEW: "Each page view is drawn for itself.",
}
