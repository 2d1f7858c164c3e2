"""Every page of the registry, by the name of its address: what tests and pictures go through.

An address that is in neither list fails `test_every_page.py`, so that a new page is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from tests.registry import lived_in
from tests.registry.lived_in import Lab

NO_PAGES = frozenset(
    {
        # They only take what a form sends, and lead to a page.
        "login-local",
        "logout",
        "theme",
        "language",
        "account-sessions",
        "token-revoke",
        "person-switch",
        "person-password",
        "person-sessions",
        "team-remove",
        "view-save",
        "view-remove",
        "experiment-publish",
        "exception-withdraw",
        "site-remove",
        # They lead to the provider of single sign-on and back.
        "sso-begin",
        "sso-return",
        # They answer programs.
        "audit-export",
        "api-instruments",
        "api-experiments",
        "api-streams",
        "healthz",
        *(
            f"{kind}-{verb}"
            for kind in ("experiment", "instrument")
            for verb in (
                "ask",
                "withdraw",
                "approve",
                "activate",
                "start",
                "archive",
                "restore",
                "revert",
            )
        ),
        "experiment-relaunch",
        "stream-revert",
    }
)


@dataclass(frozen=True)
class Shown:
    """One page in one state: `name` is that of its address, `state` tells it from others.

    `press` is the button that brings the state about, where the address alone does not.
    """

    name: str
    address: str
    state: str = ""
    anonymous: bool = False
    press: str = ""

    @property
    def pictured(self) -> bool:
        """Whether the docs have pictures of it."""
        return not self.state or self.state in {"uneven", "better", "refused", "from", "holdout"}

    def __str__(self) -> str:
        return f"{self.name}-{self.state}" if self.state else self.name


def of(lab: Lab) -> Iterator[Shown]:
    """The pages as the lab's admin meets them, and those for nobody in particular."""
    yield Shown("login", "/login", anonymous=True)
    yield Shown("login", "/login?ended", "ended", anonymous=True)
    public = reverse("public-experiment", args=[lived_in.RUNNING])
    yield Shown("public-experiment", public, anonymous=True)
    for name in (
        "home",
        "lab-health",
        "directory",
        "calendar",
        "kill",
        "streams",
        "stream-new",
        "sites",
        "site-new",
        "exception-new",
        "layer-new",
        "account",
        "token-new",
        "password",
        "people",
        "person-new",
        "tokens",
        "teams",
        "team-new",
        "audit",
        "experiment-new",
        "instrument-new",
    ):
        yield Shown(name, reverse(name))
    yield Shown("home", "/?whose=all", "all")
    yield Shown("directory", "/directory?q=nothing-has-this-name", "nothing")
    yield Shown("directory", "/directory?kind=experiment&status=running&sort=start", "filtered")
    yield Shown("calendar", "/calendar?site=frwiki", "site")
    yield Shown("experiment-new", "/experiments/new?from=template-a-b-test", "from")
    for name, argument in (
        ("person", "jonas"),
        ("team", lab.team),
        ("site", "frwiki"),
        ("layer", "desktop-chrome"),
        ("stream", lived_in.STREAM),
        ("stream-history", lived_in.STREAM),
    ):
        yield Shown(name, reverse(name, args=[argument]))
    yield from _items()
    yield Shown("experiment-new", "/experiments/new", "refused", press="Save draft")
    yield Shown("site-new", "/sites/new", "refused", press="Save site")
    yield Shown("kill", "/kill", "refused", press="Stop what is ticked")
    decide = reverse("experiment-decide", args=[lived_in.STOPPED])
    yield Shown("experiment-decide", decide, "refused", press="Write it down")
    draft = reverse("experiment", args=[lived_in.DRAFT])
    yield Shown("experiment", draft, "refused", press="Switch on")
    yield Shown("not-found", "/experiments/no-such-thing")


def _items() -> Iterator[Shown]:
    for name in (
        "experiment",
        "experiment-configuration",
        "experiment-results",
        "experiment-health",
        "experiment-history",
        "experiment-install",
        "experiment-edit",
        "experiment-stop",
    ):
        yield Shown(name, reverse(name, args=[lived_in.RUNNING]))
    for state, item in (
        ("uneven", lived_in.UNEVEN),
        ("scheduled", lived_in.SCHEDULED),
        ("draft", lived_in.DRAFT),
        ("ready", lived_in.READY),
        ("stopped", lived_in.STOPPED),
        ("again", lived_in.AGAIN),
        ("holdout", lived_in.HOLDOUT),
    ):
        yield Shown("experiment", reverse("experiment", args=[item]), state)
    for state, item in (
        ("uneven", lived_in.UNEVEN),
        ("better", lived_in.STOPPED),
        ("none", lived_in.DRAFT),
        ("held", lived_in.HOLDOUT),
    ):
        yield Shown("experiment-results", reverse("experiment-results", args=[item]), state)
    results = reverse("experiment-results", args=[lived_in.AGAIN])
    yield Shown("experiment-results", f"{results}?phase=2", "phase")
    for state, item in (("draft", lived_in.DRAFT), ("held", lived_in.HOLDOUT)):
        yield Shown("experiment-edit", reverse("experiment-edit", args=[item]), state)
    yield Shown("experiment-health", reverse("experiment-health", args=[lived_in.DRAFT]), "draft")
    yield Shown("experiment-decide", reverse("experiment-decide", args=[lived_in.STOPPED]))
    for name in (
        "instrument",
        "instrument-health",
        "instrument-history",
        "instrument-install",
        "instrument-edit",
        "instrument-stop",
    ):
        yield Shown(name, reverse(name, args=[lived_in.INSTRUMENT]))


def names() -> set[str]:
    """The names of all addresses but the management API's."""
    found = set()
    for entry in get_resolver().url_patterns:
        if isinstance(entry, URLPattern):
            found.add(entry.name or str(entry.pattern))
        else:
            assert isinstance(entry, URLResolver)
            assert str(entry.pattern) == "api/v1/manage/", "another part of the site to look at"
    return found
