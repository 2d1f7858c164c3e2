"""The form of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from allotment.contract.check import Severity
from allotment.registry import (
    attributes,
    checking,
    lifecycle,
    rules,
    schema_catalog,
    stream_documents,
)
from allotment.registry.environments import ENVIRONMENTS, LABELS
from allotment.registry.models import Experiment, Instrument, Stream
from allotment.registry.states import LIVE, Stage
from allotment.registry.translated import told

_OWN_FIELDS = ("stream", "schema_title", "destination_event_service")
STORED: Final = (
    "name",
    "description",
    "schema_title",
    "destination_event_service",
    "attributes",
    "environments",
    "settings",
)
"""What a version of a stream keeps."""
_LOSES = frozenset({"block-not-lost"})
_OF_THE_NAME = frozenset({"name-is-free", "stream-name-has-form"})
"""Rules that the name's own field holds."""


class StreamForm(forms.Form):
    """A stream's name, what may travel in it, and settings beyond that."""

    name = forms.CharField(
        max_length=63,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy(
            "What instruments and experiments choose. Cannot be changed later. A pattern "
            "such as /^wiki\\.[a-z]+/ stands for every stream that fits it."
        ),
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "none"}),
    )
    description = forms.CharField(
        required=False,
        label=gettext_lazy("Description"),
        help_text=gettext_lazy("What travels in it, and for whom."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    schema_title = forms.ChoiceField(
        label=gettext_lazy("Schema title"),
        help_text=gettext_lazy("Every event in the stream follows a version of it."),
    )
    destination_event_service = forms.CharField(
        max_length=100,
        label=gettext_lazy("Intake"),
        help_text=gettext_lazy("The service that takes the events. One machine has one."),
        initial="allotment-intake",
    )
    attributes = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("Sent with every event"),
        help_text=gettext_lazy("Besides these, each experiment on the stream may ask for its own."),
        choices=attributes.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    environments = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("Environments"),
        help_text=gettext_lazy("Where its events can come from. Nothing ticked means everywhere."),
        choices=list(LABELS.items()),
        widget=forms.CheckboxSelectMultiple,
        initial=list(ENVIRONMENTS),
    )
    settings = forms.JSONField(
        required=False,
        label=gettext_lazy("Further settings"),
        help_text=gettext_lazy(
            "A JSON object that is passed on as it is, for clients and intakes that read it."
        ),
        initial=dict,
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}),
    )

    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)
    meant = forms.BooleanField(
        required=False,
        label=gettext_lazy("It is meant: take it away"),
        help_text=gettext_lazy("What the settings did stops for everything that uses the stream."),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        stream: Stream | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}), use_required_attribute=False)
        self.stream = stream
        self.asks_whether_meant = False
        titles = schema_catalog.titles()
        if stream is not None:
            self.fields["name"].disabled = True
            titles = sorted({*titles, stream.schema_title})
        self.fields["schema_title"].choices = [(t, t) for t in titles]  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        """A free name of the usual form."""
        name = str(self.cleaned_data["name"])
        if self.stream is not None:
            return name
        if name.startswith("/"):
            pass  # a pattern for many streams; the check says whether it can be used
        elif not rules.MACHINE_NAME.fullmatch(name):
            raise ValidationError(
                gettext(
                    "“%(name)s” is not 8 to 63 letters, digits, dots, dashes or underscores. "
                    "Choose a name such as product_metrics.web_search."
                )
                % {"name": name},
                code="name-has-form",
            )
        if name.casefold() in {taken.casefold() for taken in lifecycle.taken_names()}:
            raise ValidationError(
                gettext(
                    "“%(name)s” is the name of another instrument, experiment or stream. Choose "
                    "another."
                )
                % {"name": name},
                code="name-is-free",
            )
        return name

    def clean_schema_title(self) -> str:
        """A title that does not break what was ever switched on with another one."""
        title = str(self.cleaned_data["schema_title"])
        if self.stream is None or title == self.stream.schema_title:
            return title
        users = [
            item.machine_name
            for model in (Experiment, Instrument)
            for item in model.objects.filter(stream=self.stream, activated__isnull=False)
        ]
        if users:
            raise ValidationError(
                gettext(
                    "%(users)s sends events of %(title)s here; with another title every one of "
                    "them would be refused. Make a new stream for the other schema."
                )
                % {"users": ", ".join(users), "title": self.stream.schema_title},
                code="stream-keeps-its-schema",
            )
        return title

    def clean_environments(self) -> list[str]:
        """Environments that do not leave out what is on: its events would be refused there."""
        chosen = list(self.cleaned_data["environments"]) or list(ENVIRONMENTS)
        if self.stream is None:
            return chosen
        now = timezone.now()
        for model in (Experiment, Instrument):
            for item in model.objects.filter(stream=self.stream, stage=Stage.ACTIVE):
                left = [name for name in item.environments if name not in chosen]
                if left and item.state(now) in LIVE:
                    raise ValidationError(
                        gettext(
                            "%(name)s is on in %(environments)s and sends its events here; every "
                            "one of them would be refused. Tick it, or stop that first."
                        )
                        % {"name": item.machine_name, "environments": ", ".join(left)},
                        code="environment-has-stream",
                    )
        return chosen

    def clean_settings(self) -> dict[str, Any]:
        """An object that does not speak for the other fields."""
        found = self.cleaned_data["settings"]
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise ValidationError(
                gettext('Give a JSON object, such as {"canary_events_enabled": true}.')
            )
        own = [name for name in _OWN_FIELDS if name in found]
        if own:
            raise ValidationError(
                gettext("“%(field)s” has a field of its own. Leave it out here.")
                % {"field": own[0]}
            )
        try:
            stream_documents.check_lists(found)
        except TypeError as error:
            raise ValidationError(f"{told(error.args[0])}.") from error
        producers = found.get("producers", {})
        client = producers.get("metrics_platform_client", {}) if isinstance(producers, dict) else 0
        if not isinstance(client, dict) or {"provide_values", "stream_name"} & set(client):
            raise ValidationError(
                gettext(
                    "“producers” is an object of objects, and what is sent with every event is "
                    "chosen above. Take provide_values and stream_name out."
                )
            )
        return found

    def clean(self) -> dict[str, Any]:
        """Nothing that the check finds refuses the stream.

        What would take a whole block away is refused until somebody says that it is meant.
        """
        found = self.cleaned_data
        said = set(self.errors) - {"schema_title"}
        for finding in checking.of_stream(self._typed(), timezone.now()):
            if finding.severity is not Severity.ERROR:
                continue
            field = checking.field_of(finding)
            field = field if field in self.fields else "settings"
            if finding.rule in _LOSES:
                self.asks_whether_meant = True
                if found.get("meant"):
                    continue
            if field not in said and finding.rule not in _OF_THE_NAME:
                self.add_error(field, ValidationError(told(finding.sentence), code=finding.rule))
        return found

    def _typed(self) -> Stream:
        """The stream as it was typed, also where a field is wrong."""
        row = Stream(pk=self.stream.pk if self.stream else None)
        for name in STORED:
            setattr(row, name, self.cleaned_data.get(name, self[name].value()))
        if self.stream is not None:
            row.name, row.environments = self.stream.name, self.stream.environments
        if row.settings is None or isinstance(row.settings, str):
            row.settings = {}
        return row

    def save(self, *, reason: str = "") -> Stream:
        """Store what the valid form says; `reason` is for the history."""
        stream = self.stream or Stream()
        for name in STORED:
            setattr(stream, name, self.cleaned_data[name])
        return lifecycle.save_stream(stream, expected=self.cleaned_data["revision"], reason=reason)
