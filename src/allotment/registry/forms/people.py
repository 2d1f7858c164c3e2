"""The forms for people, teams and tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from allotment.registry.models import Account, Team
from allotment.registry.permissions import SCOPE_MEANINGS, Scope
from allotment.registry.roles import MEANINGS, Role

ROLE_CHOICES = [(role.value, role.label) for role in Role]
ROLE_HINTS = {role.value: gettext_lazy(MEANINGS[role]) for role in Role}
SCOPE_CHOICES = [
    (Scope.READ.value, pgettext_lazy("what a token is for", "Read")),
    (Scope.WRITE.value, pgettext_lazy("what a token is for", "Write")),
    (Scope.OPERATE.value, pgettext_lazy("what a token is for", "Operate")),
    (Scope.PEOPLE.value, pgettext_lazy("what a token is for", "People")),
]
SCOPE_HINTS = {scope.value: gettext_lazy(SCOPE_MEANINGS[scope]) for scope in Scope}
LIVES = {
    "7": gettext_lazy("7 days"),
    "30": gettext_lazy("30 days"),
    "90": gettext_lazy("90 days"),
    "365": gettext_lazy("365 days"),
}


class NewAccountForm(forms.Form):
    """A new local account."""

    username = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=150,
        help_text=gettext_lazy("What the person logs in with: letters, digits and . + - _"),
        validators=[UnicodeUsernameValidator()],
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"), choices=ROLE_CHOICES, widget=forms.RadioSelect
    )

    def clean_username(self) -> str:
        """A name that no account has, in any case of letters."""
        name = str(self.cleaned_data["username"])
        if "@" in name:
            raise ValidationError(gettext("Leave out “@”: items name an account as @name."))
        if Account.objects.filter(username__iexact=name).exists():
            raise ValidationError(gettext("An account has this name already. Choose another."))
        return name


class RoleForm(forms.Form):
    """Another role for an account."""

    role = forms.ChoiceField(
        label=gettext_lazy("What may the person do?"),
        choices=ROLE_CHOICES,
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=gettext_lazy("Why?"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("One sentence for the audit log."),
    )


class TeamForm(forms.Form):
    """A team and who is in it."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy(
            "As instruments and experiments name their owner. If you change it, they follow."
        ),
    )
    description = forms.CharField(
        label=gettext_lazy("What it does"), required=False, max_length=255
    )
    members = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Members"),
        queryset=Account.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "They may edit, start and stop what the team owns, if their role is author or more."
        ),
    )

    def __init__(self, *given: Any, team: Team | None = None, **more: Any) -> None:  # noqa: ANN401
        super().__init__(*given, **more)
        self.team = team
        field = self.fields["members"]
        if isinstance(field, forms.ModelMultipleChoiceField):
            field.queryset = Account.objects.order_by("username")

    def clean_name(self) -> str:
        """A name that no other team has, and that cannot be mistaken for an account's."""
        name = str(self.cleaned_data["name"]).strip()
        if name.startswith("@") or "," in name:
            raise ValidationError(
                gettext("A team's name does not begin with “@” and holds no comma.")
            )
        others = Team.objects.filter(name__iexact=name)
        if self.team is not None:
            others = others.exclude(pk=self.team.pk)
        if others.exists():
            raise ValidationError(gettext("A team has this name already. Choose another."))
        return name


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(
        label=gettext_lazy("What is it for?"),
        max_length=120,
        help_text=gettext_lazy("So that you know it again: “nightly export”."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What may it be used for?"),
        choices=SCOPE_CHOICES,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one.")},
        help_text=gettext_lazy("Never more than your own role allows."),
    )
    life = forms.ChoiceField(
        label=gettext_lazy("How long does it last?"), choices=list(LIVES.items()), initial="90"
    )

    def expires(self) -> Any:  # noqa: ANN401 - a datetime; the stubs of Django know no better
        """The moment at which the token ends."""
        return timezone.now() + timedelta(days=int(self.cleaned_data["life"]))
