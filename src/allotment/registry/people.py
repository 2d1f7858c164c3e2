"""What admins do to accounts and teams, and what everybody does to their own sessions.

Every function is one transaction with its entry in the audit log. Who may call it is decided
before, by `permissions.may`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from allotment.registry import audit, tokens
from allotment.registry.models import Account, AccountSession, Team
from allotment.registry.roles import Role

STARTED, SEEN, BROWSER = "started", "seen", "browser"
_SOME_BROWSER = gettext_noop("A browser")
_NAMED = 3
"""How many items a refusal names."""


class PeopleRefusedError(Exception):
    """A change that would leave the registry in a bad way; the message says what to do."""


def make_account(name: str, role: str) -> tuple[Account, str]:
    """A new local account and its one-time password."""
    password = secrets.token_urlsafe(12)
    with transaction.atomic():
        account = Account.objects.create_user(
            username=name, password=password, role=role, must_change_password=True
        )
        audit.record("make-account", kind="account", name=name, after=role)
    return account, password


def change_role(account: Account, role: str, *, reason: str = "") -> None:
    """Give an account another role; it counts from the next request on.

    Raises:
        PeopleRefusedError: it is the last admin's, or the provider's groups decide it.
    """
    with transaction.atomic():
        account = Account.objects.select_for_update().get(pk=account.pk)
        if account.role == role:
            return
        _refuse_last_admin(account)
        before, account.role = account.role, role
        account.save(update_fields=["role"])
        audit.record(
            "change-role",
            kind="account",
            name=account.username,
            before=before,
            after=role,
            reason=reason,
        )


def switch(account: Account, *, on: bool, reason: str = "") -> None:
    """Switch an account off, which ends its sessions and stops its tokens at once; or on again.

    Raises:
        PeopleRefusedError: it is the last admin's.
    """
    with transaction.atomic():
        account = Account.objects.select_for_update().get(pk=account.pk)
        if account.is_active == on:
            return
        if not on:
            _refuse_last_admin(account)
            sessions_of(account).delete()
        account.is_active = on
        account.save(update_fields=["is_active"])
        action = "switch-account-on" if on else "switch-account-off"
        audit.record(action, kind="account", name=account.username, reason=reason)


def reset_password(account: Account) -> str:
    """A new one-time password, which must be changed at the next log-in; sessions end.

    Raises:
        PeopleRefusedError: single sign-on vouches for the account, which has no password.
    """
    if account.is_from_provider:
        raise PeopleRefusedError(
            gettext("%(username)s logs in by single sign-on and has no password here.")
            % {"username": account.username}
        )
    made = secrets.token_urlsafe(12)
    with transaction.atomic():
        account.set_password(made)
        account.must_change_password = True
        account.save()
        sessions_of(account).delete()
        audit.record("reset-password", kind="account", name=account.username)
    return made


def _refuse_last_admin(account: Account) -> None:
    if account.role != Role.ADMIN or not account.is_active:
        return
    others = Account.objects.select_for_update().filter(role=Role.ADMIN, is_active=True)
    if not others.exclude(pk=account.pk).exists():
        raise PeopleRefusedError(
            gettext(
                "%(username)s is the only admin: nobody could manage people any more. Make "
                "somebody else an admin first."
            )
            % {"username": account.username}
        )


def save_team(
    team: Team | None, *, name: str, description: str, members: Sequence[Account], reason: str = ""
) -> Team:
    """Make a team, or change one. Items of a team that gets another name go along with it."""
    with transaction.atomic():
        made = team is None
        stored = Team() if team is None else Team.objects.select_for_update().get(pk=team.pk)
        was = "" if made else stored.name
        before = set() if made else set(stored.members.values_list("username", flat=True))
        stored.name, stored.description = name, description
        stored.save()
        stored.members.set(members)
        now = {account.username for account in members}
        if made or was != name or before != now:
            audit.record(
                "make-team" if made else "change-team",
                kind="team",
                name=name,
                before=was if was != name else "",
                after=name if was != name else "",
                reason=reason,
                joined=sorted(now - before),
                left=sorted(before - now),
            )
        if was and was != name:
            from allotment.registry import ownership  # noqa: PLC0415 - it imports the life cycle

            ownership.rename(was, name)
    return stored


def remove_team(team: Team) -> None:
    """Take a team away that owns nothing.

    Raises:
        PeopleRefusedError: it owns something, which nobody could edit any more but an admin.
    """
    from allotment.registry import ownership  # noqa: PLC0415 - it imports the life cycle

    with transaction.atomic():
        owned = ownership.owned_by(team.name)
        if owned:
            raise PeopleRefusedError(
                (
                    gettext("%(team)s owns %(items)s and more. Give these another owner first.")
                    if len(owned) > _NAMED
                    else gettext("%(team)s owns %(items)s. Give these another owner first.")
                )
                % {"team": team.name, "items": ", ".join(item.name for item in owned[:_NAMED])}
            )
        audit.record("remove-team", kind="team", name=team.name)
        team.delete()


@dataclass(frozen=True)
class SessionRow:
    """One browser that is logged in. `handle` names it on the page without opening it."""

    handle: str
    browser: str
    started: datetime | None
    seen: datetime | None
    current: bool


def sessions_of(account: Account) -> QuerySet[AccountSession]:
    """Every session of an account."""
    return AccountSession.objects.filter(account_id=account.pk)


def session_rows(account: Account, current: str | None) -> list[SessionRow]:
    """The sessions that are open, the present one first."""
    found = []
    for row in sessions_of(account).filter(expire_date__gt=timezone.now()):
        data = row.get_decoded()
        found.append(
            SessionRow(
                handle=handle(row.session_key),
                browser=browser_shown(str(data.get(BROWSER) or _SOME_BROWSER)),
                started=_moment(data.get(STARTED)),
                seen=_moment(data.get(SEEN)),
                current=row.session_key == current,
            )
        )
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda row: (not row.current, -(row.seen or oldest).timestamp()))


def end_sessions(account: Account, *, keep: str | None, only: str = "") -> int:
    """End the sessions of an account but the one to keep, or only the one with a handle."""
    with transaction.atomic():
        rows = [row for row in sessions_of(account) if row.session_key != keep]
        rows = [row for row in rows if only in {"", handle(row.session_key)}]
        for row in rows:
            row.delete()
        if rows:
            audit.record("end-sessions", kind="account", name=account.username, count=len(rows))
    return len(rows)


def handle(session_key: str) -> str:
    """What names a session on a page; the key itself would open it."""
    return hashlib.sha256(f"session {session_key}".encode()).hexdigest()[:16]


def _moment(stamp: object) -> datetime | None:
    return datetime.fromtimestamp(stamp, UTC) if isinstance(stamp, int | float) else None


def browser_shown(words: str) -> str:
    """What `browser_words` wrote into a session, in the reader's language."""
    name, _, system = words.partition(" on ")
    name = gettext(name) if name == _SOME_BROWSER else name
    if not system:
        return name
    return gettext("%(browser)s on %(system)s") % {"browser": name, "system": gettext(system)}


def browser_words(agent: str) -> str:
    """A user agent in words: `Firefox on Linux`. What it is not is not kept."""
    names = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"))
    systems = (
        ("Android", "Android"),
        ("iPhone", gettext_noop("an iPhone")),
        ("iPad", gettext_noop("an iPad")),
        ("Windows", "Windows"),
        ("Mac OS X", gettext_noop("a Mac")),
        ("Linux", "Linux"),
    )
    other = "Safari" if "Safari/" in agent else _SOME_BROWSER
    name = next((word for sign, word in names if sign in agent), other)
    system = next((f" on {word}" for sign, word in systems if sign in agent), "")
    return f"{name}{system}"


def revoke_all(account: Account, *, reason: str) -> int:
    """Revoke every token of an account that still opens something."""
    with transaction.atomic():
        open_tokens = list(account.tokens.filter(revoked=None, expires__gt=timezone.now()))
        for token in open_tokens:
            tokens.revoke(token, reason=reason)
    return len(open_tokens)
