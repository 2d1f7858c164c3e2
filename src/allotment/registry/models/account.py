"""People who may log in."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Account(AbstractUser):
    """A person's account. One with a password that another person set must change it first."""

    must_change_password = models.BooleanField(default=False)
