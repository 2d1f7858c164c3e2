"""Who may do what: one table of actions, roles and ownership, and the reasons in words.

Pages, templates, the management API and the reference all read `ACTIONS`. `decide` is pure; `may`
asks the database once an account for the teams that it is in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext, gettext_noop

from allotment.registry.models import Account
from allotment.registry.roles import Role


class Scope(StrEnum):
    """What an API token may be used for, whatever its account may do."""

    READ = "read"
    WRITE = "write"
    OPERATE = "operate"
    PEOPLE = "people"


SCOPE_MEANINGS: dict[Scope, str] = {
    Scope.READ: gettext_noop("Read everything that its owner can read."),
    Scope.WRITE: gettext_noop(
        "Make and edit items and streams, and take them through approval and decision."
    ),
    Scope.OPERATE: gettext_noop("Start, stop and kill."),
    Scope.PEOPLE: gettext_noop("Manage people, teams and tokens, and read the audit log."),
}
_SOMEBODY = {
    Role.VIEWER: gettext_noop("a viewer"),
    Role.AUTHOR: gettext_noop("an author"),
    Role.APPROVER: gettext_noop("an approver"),
    Role.OPERATOR: gettext_noop("an operator"),
    Role.ADMIN: gettext_noop("an admin"),
}
_ALL = frozenset(Role)
_AUTHORS = _ALL - {Role.VIEWER}
_ADMIN = frozenset({Role.ADMIN})
_OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
_APPROVERS = frozenset({Role.APPROVER, Role.ADMIN})
_NOBODY: frozenset[Role] = frozenset()


@dataclass(frozen=True)
class Action:
    """One row of the table: in words, the scope that a token needs, and the roles that may.

    `own` holds for an item of one's own, `others` for any other; both hold for an action that
    concerns no item.
    """

    words: str
    scope: Scope
    own: frozenset[Role]
    others: frozenset[Role]


def _any(words: str, scope: Scope, roles: frozenset[Role]) -> Action:
    return Action(words, scope, roles, roles)


ACTIONS: dict[str, Action] = {
    "see": _any(gettext_noop("read pages, results and history"), Scope.READ, _ALL),
    "own": _any(
        gettext_noop("look after one's own account, sessions and tokens"), Scope.PEOPLE, _ALL
    ),
    "views": _any(
        gettext_noop("keep views of the directory, and offer them to all"), Scope.WRITE, _ALL
    ),
    "create": _any(gettext_noop("make an instrument or experiment"), Scope.WRITE, _AUTHORS),
    "edit": Action(gettext_noop("edit it"), Scope.WRITE, _AUTHORS, _ADMIN),
    "publish": Action(
        gettext_noop("give it a public page, or take that away"), Scope.WRITE, _AUTHORS, _ADMIN
    ),
    "ask": Action(gettext_noop("ask for approval"), Scope.WRITE, _AUTHORS, _ADMIN),
    "withdraw": Action(gettext_noop("take it back to draft"), Scope.WRITE, _AUTHORS, _ADMIN),
    "approve": Action(gettext_noop("approve it"), Scope.WRITE, _NOBODY, _APPROVERS),
    "activate": Action(gettext_noop("switch it on"), Scope.OPERATE, _AUTHORS, _OPERATORS),
    "start": Action(gettext_noop("start it now"), Scope.OPERATE, _AUTHORS, _OPERATORS),
    "stop": Action(gettext_noop("stop it"), Scope.OPERATE, _AUTHORS, _OPERATORS),
    "kill": _any(
        gettext_noop("use the kill switch, for one, several or all"), Scope.OPERATE, _OPERATORS
    ),
    "decide": Action(gettext_noop("write down the decision"), Scope.WRITE, _AUTHORS, _ADMIN),
    "relaunch": Action(gettext_noop("relaunch it"), Scope.WRITE, _AUTHORS, _ADMIN),
    "archive": Action(gettext_noop("archive it"), Scope.WRITE, _AUTHORS, _ADMIN),
    "restore": Action(
        gettext_noop("bring it back from the archive"), Scope.WRITE, _AUTHORS, _ADMIN
    ),
    "streams": _any(gettext_noop("make and edit streams"), Scope.WRITE, _OPERATORS),
    "places": _any(
        gettext_noop("tend sites, layers and exceptions to caps"), Scope.WRITE, _OPERATORS
    ),
    "health": _any(gettext_noop("see the health of the whole lab"), Scope.READ, _ALL),
    "people": _any(gettext_noop("manage people and their roles"), Scope.PEOPLE, _ADMIN),
    "teams": _any(gettext_noop("manage teams"), Scope.PEOPLE, _ADMIN),
    "tokens": _any(gettext_noop("see and revoke everybody's tokens"), Scope.PEOPLE, _ADMIN),
    "audit": _any(gettext_noop("read and export the audit log"), Scope.PEOPLE, _ADMIN),
}


@dataclass(frozen=True)
class Decision:
    """Yes, or no with the reason and how to get the right; true in a condition when yes."""

    allowed: bool
    reason: str = ""
    remedy: str = ""

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def sentence(self) -> str:
        """What stands beside a button that cannot be used."""
        return f"{self.reason} {self.remedy}".strip()


class Owned(Protocol):
    """What `may` needs to know of an item."""

    @property
    def owners(self) -> Sequence[str]:
        """Names of teams, and accounts as `@name`."""


YES = Decision(allowed=True)


def decide(
    role: Role,
    action: str,
    *,
    owns: bool | None = None,
    owners: Sequence[str] = (),
    scopes: Collection[str] | None = None,
) -> Decision:
    """What the table says. Pure.

    Args:
        role: the account's.
        action: a key of `ACTIONS`.
        owns: whether the item is the account's own; None where no item is concerned, which asks
            whether the role may at all.
        owners: the item's, for the reason.
        scopes: those of the token that is shown; None for a person at a page.

    Raises:
        KeyError: there is no such action.
    """
    row = ACTIONS[action]
    words = gettext(row.words)
    if scopes is not None and row.scope not in scopes:
        return Decision(
            allowed=False,
            reason=gettext("The token lacks the scope “%(scope)s”, which it needs to %(words)s.")
            % {"scope": row.scope, "words": words},
            remedy=gettext("Make a token that has the scope."),
        )
    fitting = {None: row.own | row.others, True: row.own, False: row.others}[owns]
    if role in fitting:
        return YES
    if owns and not row.own:
        return Decision(
            allowed=False,
            reason=gettext("It is your own, and nobody may %(words)s who owns it.")
            % {"words": words},
            remedy=gettext("Ask %(roles)s who does not own it.") % {"roles": _roles(row.others)},
        )
    if owns is False and role in row.own:
        text = (
            gettext("It belongs to %(owners)s; only its owners may %(words)s, or %(roles)s.")
            if owners
            else gettext("It has no owner; only its owners may %(words)s, or %(roles)s.")
        )
        told = {"owners": ", ".join(owners), "words": words, "roles": _roles(row.others)}
        return Decision(
            allowed=False,
            reason=text % told,
            remedy=gettext("Ask one of them to do it, or to make you an owner."),
        )
    needed = row.own | row.others
    return Decision(
        allowed=False,
        reason=gettext("Your role is %(role)s; to %(words)s takes %(roles)s.")
        % {"role": role.inside, "words": words, "roles": _roles(needed)},
        remedy=gettext("Ask an admin for the role."),
    )


def may(
    account: Account | AnonymousUser,
    action: str,
    item: Owned | None = None,
    *,
    scopes: Collection[str] | None = None,
) -> Decision:
    """Whether an account may do an action, to an item where one is concerned.

    Raises:
        KeyError: there is no such action.
    """
    if not isinstance(account, Account) or not account.is_active:
        return Decision(
            allowed=False,
            reason=gettext("You are not logged in."),
            remedy=gettext("Log in and try again."),
        )
    role = Role(account.role)
    if item is None:
        return decide(role, action, scopes=scopes)
    return decide(role, action, owns=owns(account, item.owners), owners=item.owners, scopes=scopes)


def owns(account: Account, owners: Sequence[str]) -> bool:
    """Whether the owners of an item name the account, as `@name`, or a team that it is in."""
    named = {owner.casefold() for owner in owners if isinstance(owner, str)}
    return f"@{account.username}".casefold() in named or any(
        team.casefold() in named for team in account.team_names
    )


def with_owner(account: Account, owners: Sequence[str]) -> tuple[str, ...]:
    """The owners of a new item: its maker too, where nobody named would let them edit it again."""
    mine = owns(account, owners) or account.role == Role.ADMIN
    return tuple(owners) if mine and owners else (*owners, f"@{account.username}")


def table() -> list[tuple[str, str, str, str, str]]:
    """The table for the reference: action, in words, who with one's own, who otherwise, scope."""
    return [
        (name, row.words, _listed(row.own), _listed(row.others), str(row.scope))
        for name, row in ACTIONS.items()
    ]


def _listed(roles: frozenset[Role]) -> str:
    return "nobody" if not roles else ", ".join(role.value for role in Role if role in roles)


def _roles(roles: frozenset[Role]) -> str:
    """A set of roles in a sentence: `an author, an operator or an admin`."""
    if roles == _AUTHORS:
        return gettext("at least an author")
    named = [gettext(words) for role, words in _SOMEBODY.items() if role in roles]
    if len(named) == 1:
        return named[0]
    return gettext("%(first)s or %(last)s") % {"first": ", ".join(named[:-1]), "last": named[-1]}
