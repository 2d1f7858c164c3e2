"""People who may log in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.functional import cached_property

from allotment.registry.roles import Role


class AccountManager(UserManager["Account"]):
    """Makes accounts. A superuser, as Django calls it, has the role admin."""

    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **more: Any,  # noqa: ANN401 - any field
    ) -> Account:
        """An account that may do everything."""
        return super().create_superuser(
            username, email, password, **{"role": Role.ADMIN.value, **more}
        )


class Account(AbstractUser):
    """A person's account.

    `role` alone says what the account may do; nothing reads Django's own permissions. One with a
    password that another person set must change it first. `issuer` and `subject` are set where a
    provider of single sign-on vouches for the person: by them, never by name or address, the
    account is found again.
    """

    # The token by which the account came in, where it did; kept nowhere.
    token_identifier: str = ""

    must_change_password = models.BooleanField(default=False)
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    issuer = models.CharField(max_length=500, blank=True)
    subject = models.CharField(max_length=255, blank=True)

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "subject"],
                condition=~models.Q(subject=""),
                name="account_vouched_for_once",
            )
        ]

    @cached_property
    def team_names(self) -> frozenset[str]:
        """The names of the teams that the person is in; asked once for each request."""
        return frozenset(self.teams.values_list("name", flat=True))

    @property
    def is_from_provider(self) -> bool:
        """Whether single sign-on vouches for the person."""
        return bool(self.subject)
