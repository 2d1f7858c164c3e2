"""The forms of sites, layers and exceptions to caps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext, gettext_lazy

from allotment.registry.environments import DEFAULT, LABELS
from allotment.registry.models import CapException, Experiment, Instrument, Layer, Site
from allotment.registry.plan import rate_text

_PERCENT: dict[str, Any] = {
    "min_value": Decimal(0),
    "max_value": Decimal(100),
    "max_digits": 9,
    "decimal_places": 6,
}


class PlaceForm(forms.Form):
    """What the forms of places share; `locked` are the fields that are fixed by now."""

    locked: frozenset[str] = frozenset()

    reason = forms.CharField(
        required=False,
        max_length=500,
        label=gettext_lazy("Why this change?"),
        help_text=gettext_lazy("One sentence for the history."),
    )

    def __init__(self, data: QueryDict | None = None, **given: Any) -> None:  # noqa: ANN401
        super().__init__(data, use_required_attribute=False, **given)


class SiteForm(PlaceForm):
    """A site with what only a registered one can have."""

    name = forms.CharField(
        max_length=63,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("The site's database name, as its clients send it."),
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "none"}),
    )
    label = forms.CharField(
        required=False,
        max_length=120,
        label=gettext_lazy("Label"),
        help_text=gettext_lazy("What people call it."),
    )
    family = forms.CharField(
        required=False,
        max_length=60,
        label=gettext_lazy("Family"),
        help_text=gettext_lazy(
            "An experiment can name all sites of a family at once, such as family:wikipedia."
        ),
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "none"}),
    )
    domain = forms.RegexField(
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$",
        required=False,
        max_length=253,
        label=gettext_lazy("Host name"),
        help_text=gettext_lazy(
            "What a content delivery network calls it, such as fr.wikipedia.org."
        ),
        error_messages={
            "invalid": gettext_lazy("Give a host name in small letters, such as fr.wikipedia.org.")
        },
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "none"}),
    )
    environments = forms.MultipleChoiceField(
        label=gettext_lazy("Environments"),
        help_text=gettext_lazy("It gets what is meant for one of these."),
        choices=list(LABELS.items()),
        widget=forms.CheckboxSelectMultiple,
        initial=[DEFAULT],
    )
    cap = forms.DecimalField(
        required=False,
        label=gettext_lazy("Cap"),
        help_text=gettext_lazy(
            "The largest share of its subjects that one experiment or instrument may have. "
            "Empty: no cap."
        ),
        **_PERCENT,
    )
    field_order = ("name", "label", "family", "domain", "environments", "cap", "reason")

    def apply(self, site: Site) -> Site:
        """The site as the valid form describes it; not stored yet."""
        found = self.cleaned_data
        site.name, site.label, site.family = found["name"], found["label"], found["family"]
        site.domain = found["domain"]
        site.environments = list(found["environments"])
        site.cap = None if found["cap"] is None else found["cap"] / 100
        return site

    @staticmethod
    def initial_of(site: Site) -> dict[str, Any]:
        """What the fields hold at first."""
        return {
            "name": site.name,
            "label": site.label,
            "family": site.family,
            "domain": site.domain,
            "environments": site.environments,
            "cap": None if site.cap is None else rate_text(site.cap * 100),
        }


class LayerForm(PlaceForm):
    """A layer of experiments."""

    name = forms.CharField(
        max_length=63,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy(
            "Decides who is in which part, so it stays once an experiment has used it."
        ),
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "none"}),
    )
    description = forms.CharField(
        required=False,
        label=gettext_lazy("Description"),
        help_text=gettext_lazy(
            "Which experiments belong in it: those that would disturb each other."
        ),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    field_order = ("name", "description", "reason")

    def apply(self, layer: Layer) -> Layer:
        """The layer as the valid form describes it; not stored yet."""
        layer.name = self.cleaned_data["name"]
        layer.description = self.cleaned_data["description"]
        return layer

    @staticmethod
    def initial_of(layer: Layer) -> dict[str, Any]:
        """What the fields hold at first."""
        return {"name": layer.name, "description": layer.description}


class ExceptionForm(PlaceForm):
    """More than a site's cap, for one item."""

    item = forms.ChoiceField(
        label=gettext_lazy("Item"),
        help_text=gettext_lazy("The instrument or experiment that may have more. Save it first."),
        error_messages={"required": gettext_lazy("Choose the item that may have more.")},
    )
    site = forms.ChoiceField(
        label=gettext_lazy("Site"),
        help_text=gettext_lazy("Where it may have more; only sites with a cap need it."),
        error_messages={"required": gettext_lazy("Choose the site with the cap.")},
    )
    cap = forms.DecimalField(
        label=gettext_lazy("Share"),
        help_text=gettext_lazy("At most this much of the site's subjects."),
        **_PERCENT,
    )
    reason = forms.CharField(
        max_length=500,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Why this item needs more than others."),
    )
    field_order = ("item", "site", "cap", "reason")

    def __init__(self, data: QueryDict | None = None, **given: Any) -> None:  # noqa: ANN401
        super().__init__(data, **given)
        names = [
            name
            for model in (Experiment, Instrument)
            for name in model.objects.order_by("machine_name").values_list(
                "machine_name", flat=True
            )
        ]
        capped = Site.objects.filter(cap__isnull=False).values_list("name", flat=True)
        for field, values in (("item", names), ("site", list(capped))):
            choices = self.fields[field]
            assert isinstance(choices, forms.ChoiceField)  # noqa: S101 - tells the type
            choices.choices = [("", gettext("Not chosen yet")), *((name, name) for name in values)]


def exceptions() -> list[CapException]:
    """All exceptions, with who granted them."""
    return list(CapException.objects.select_related("granted_by"))
