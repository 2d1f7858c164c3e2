"""The form of an instrument and the form of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from allotment.registry import metric_catalog, schema_catalog
from allotment.registry.forms.item import ItemForm, names_in
from allotment.registry.layers import free_share
from allotment.registry.models import Experiment, Instrument, Layer
from allotment.registry.plan import AnyPlan, ExperimentPlan, InstrumentPlan, rate_text
from allotment.registry.rules import percent
from allotment.registry.surroundings import Neighborhood


class InstrumentForm(ItemForm):
    """What a person wants an instrument to be."""

    KIND = "instrument"

    sample_unit = forms.ChoiceField(
        label=gettext_lazy("By whose id is the sample drawn?"),
        help_text=gettext_lazy("One draw decides for all events of that unit."),
        choices=Instrument.SampleUnit.choices,
        widget=forms.RadioSelect,
        initial="session",
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
        locked: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(data, initial=initial, locked=locked)
        rate = self.fields["default_rate"]
        rate.label = gettext("Share at all other sites")
        rate.help_text = gettext("How many of the sessions or page views send events, in percent.")

    def plan(self, rows: Mapping[str, tuple[Any, ...]], before: AnyPlan | None) -> AnyPlan:
        """The plan of a valid form."""
        return InstrumentPlan(
            **self.shared(rows, before), sample_unit=self.cleaned_data["sample_unit"]
        )


class ExperimentForm(ItemForm):
    """What a person wants an experiment to be."""

    KIND = "experiment"

    hypothesis = forms.CharField(
        required=False,
        label=gettext_lazy("What do you expect, and why?"),
        help_text=gettext_lazy("One sentence: if we do this, then that number moves, because…"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    primary_metric = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Primary metric"),
        help_text=gettext_lazy("The one number that decides."),
    )
    minimum_effect = forms.DecimalField(
        required=False,
        max_digits=9,
        decimal_places=4,
        label=gettext_lazy("Smallest change worth having"),
        help_text=gettext_lazy("How much better than control it must get to be worth the work."),
    )
    secondary_metrics = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("Secondary metrics"),
        help_text=gettext_lazy("Numbers that explain the result. They never decide."),
        widget=forms.CheckboxSelectMultiple,
    )
    decision_rule = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Decision rule"),
        help_text=gettext_lazy("What ends in which verdict. Fixed from the first start."),
        choices=Experiment.DecisionRule.choices,
    )
    planned_size = forms.IntegerField(
        required=False,
        max_value=10**12,
        label=gettext_lazy("Planned size"),
        help_text=gettext_lazy("How many subjects each group needs to find the smallest change."),
    )
    planned_days = forms.IntegerField(
        required=False,
        max_value=3650,
        label=gettext_lazy("Planned run time"),
        help_text=gettext_lazy("Whole weeks count every day of the week equally often."),
    )
    identifier_type = forms.ChoiceField(
        label=gettext_lazy("Who is put into a group?"),
        help_text=gettext_lazy("Decides what the experiment can see. Fixed from the first start."),
        choices=Experiment.IdentifierType.choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose who is put into a group: there is no usual answer.")
        },
    )
    layer = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Layer"),
        help_text=gettext_lazy("Experiments in one layer never share a subject."),
    )
    layer_share = forms.DecimalField(
        required=False,
        max_digits=9,
        decimal_places=6,
        label=gettext_lazy("Part of the layer"),
        help_text=gettext_lazy(
            "Only people in this part can take part; no other experiment of the layer "
            "has them. It is reserved when it is switched on."
        ),
    )
    holds_out = forms.CharField(
        required=False,
        max_length=5000,
        label=gettext_lazy("A holdout of"),
        help_text=gettext_lazy(
            "Leave empty for an ordinary experiment. Its first group is kept out of what is named "
            "here and switched on while it runs: all, layer:name, or machine names, with commas "
            "between."
        ),
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "none"}),
    )
    schema_id = forms.CharField(
        required=False,
        max_length=255,
        label=gettext_lazy("Schema"),
        help_text=gettext_lazy(
            "The form of its events. Leave empty for the newest that the stream takes."
        ),
        widget=forms.TextInput(attrs={"class": "mono"}),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
        locked: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(data, initial=initial, locked=locked)
        rate = self.fields["default_rate"]
        rate.label = gettext("Share at all other sites")
        rate.help_text = gettext(
            "0 means: only the sites above. With 0 here and no site above nobody takes part."
        )
        given = initial or {}
        primary = str(given.get("primary_metric") or "")
        self.offer(
            "primary_metric", [("", gettext("Not chosen yet")), *metric_catalog.choices(primary)]
        )
        stored = [str(name) for name in given.get("secondary_metrics") or ()]
        self.offer("secondary_metrics", metric_catalog.choices(*stored))
        self.offer("layer", [("", gettext("No layer")), *_layers()])

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
                    gettext(
                        "“%(given)s” is no version of %(title)s, which the stream takes. Give "
                        "%(newest)s, or leave it empty."
                    )
                    % {"given": given, "title": title, "newest": newest}
                ),
            )
        return found

    def plan(self, rows: Mapping[str, tuple[Any, ...]], before: AnyPlan | None) -> AnyPlan:
        """The plan of a valid form."""
        found = self.cleaned_data
        share: Decimal | None = found["layer_share"]
        return ExperimentPlan(
            **self.shared(rows, before),
            groups=rows["groups"],
            guardrails=rows["guardrails"],
            hypothesis=found["hypothesis"],
            primary_metric=found["primary_metric"],
            secondary_metrics=tuple(found["secondary_metrics"]),
            minimum_effect=found["minimum_effect"],
            planned_size=found["planned_size"],
            planned_days=found["planned_days"],
            decision_rule=found["decision_rule"] or Experiment.DecisionRule.SHIP_IF_BETTER,
            identifier_type=found["identifier_type"],
            schema_id=found["schema_id"],
            layer=found["layer"],
            layer_share=share / 100 if share is not None and found["layer"] else None,
            holds_out=tuple(names_in(found["holds_out"])),
        )

    @classmethod
    def initial_for(cls, plan: AnyPlan | None) -> dict[str, Any]:
        """What the fields hold at first."""
        found = super().initial_for(plan)
        if isinstance(plan, ExperimentPlan):
            for name in ("minimum_effect", "layer_share"):
                number: Decimal | None = getattr(plan, name)
                times = 100 if name == "layer_share" else 1
                found[name] = None if number is None else rate_text(number * times)
            found["holds_out"] = ", ".join(plan.holds_out)
        return found


def _layers() -> list[tuple[str, str]]:
    """Each layer with the largest part of it that one more experiment can have."""
    names = list(Layer.objects.values_list("name", flat=True))
    if not names:
        return []
    taken = Neighborhood(timezone.now()).taken_ranges
    return [
        (
            name,
            gettext("%(name)s, %(share)s free in one piece")
            % {"name": name, "share": percent(free_share(taken.get(name, ())))},
        )
        for name in names
    ]


IDENTIFIER_HINTS: Mapping[str, str | Promise] = {
    "edge-unique": gettext_lazy(
        "Readers, logged in or not. The same person on a phone and a laptop counts twice."
    ),
    "mw-user": gettext_lazy("Logged-in people only, the same group on every device."),
    "session": gettext_lazy("A new draw at each visit. Only for changes that nobody notices."),
}

SAMPLE_UNIT_HINTS: Mapping[str, str | Promise] = {
    Instrument.SampleUnit.SESSION: gettext_lazy("All page views of a visit are in, or none."),
    Instrument.SampleUnit.PAGEVIEW: gettext_lazy("Each page view is drawn for itself."),
}
