"""What pages call kinds, states and subjects, in the reader's language."""

from __future__ import annotations

import re

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from allotment.registry.states import State, Verb

STATES: dict[str, str | Promise] = {
    State.DRAFT: _("Draft"),
    State.READY: _("Ready"),
    State.SCHEDULED: _("Scheduled"),
    State.RUNNING: _("Running"),
    State.STOPPED: _("Stopped"),
    State.DECIDED: _("Decided"),
    State.ARCHIVED: _("Archived"),
}
# Nouns keep their capital in some languages, and a predicate may be another word than a heading.
_INSIDE: dict[str, str | Promise] = {
    State.DRAFT: pgettext_lazy("what an item is", "draft"),
    State.READY: pgettext_lazy("what an item is", "ready"),
    State.SCHEDULED: pgettext_lazy("what an item is", "scheduled"),
    State.RUNNING: pgettext_lazy("what an item is", "running"),
    State.STOPPED: pgettext_lazy("what an item is", "stopped"),
    State.DECIDED: pgettext_lazy("what an item is", "decided"),
    State.ARCHIVED: pgettext_lazy("what an item is", "archived"),
    "active": pgettext_lazy("what an item is", "switched on"),
    "experiment": pgettext_lazy("inside a sentence", "experiment"),
    "instrument": pgettext_lazy("inside a sentence", "instrument"),
    "stream": pgettext_lazy("inside a sentence", "stream"),
    "site": pgettext_lazy("inside a sentence", "site"),
    "layer": pgettext_lazy("inside a sentence", "layer"),
    "exception": pgettext_lazy("inside a sentence", "exception"),
    "low": pgettext_lazy("risk", "low"),
    "medium": pgettext_lazy("risk", "medium"),
    "high": pgettext_lazy("risk", "high"),
    "pending": pgettext_lazy("risk", "not assessed yet"),
}
# Why something was done, where nobody gave a reason: the history keeps it in English.
_REASONS = frozenset(
    {
        gettext_noop("Ready"),
        gettext_noop("Taken back to draft"),
        gettext_noop("Approved"),
        gettext_noop("Switched on"),
        gettext_noop("Started now"),
        gettext_noop("Stopped"),
        gettext_noop("Decided"),
        gettext_noop("Relaunched"),
        gettext_noop("Archived"),
        gettext_noop("Brought back"),
        gettext_noop("First log-in"),
        gettext_noop("Groups at the provider"),
        gettext_noop("Revoked by an admin"),
    }
)
_NAMED_REASONS = {
    gettext_noop("Back to version %(number)s"): r"Back to version (?P<number>\d+)",
    gettext_noop("Like %(name)s"): r"Like (?P<name>[-_.A-Za-z0-9]{8,63})",
    gettext_noop("%(old)s is now called %(new)s"): r"(?P<old>.+) is now called (?P<new>.+)",
}
"""The same with names in them."""
KINDS: dict[str, str | Promise] = {
    "experiment": _("Experiment"),
    "instrument": _("Instrument"),
    "stream": pgettext_lazy("channel of events", "Stream"),
}
VERBS: dict[str, str | Promise] = {
    Verb.ASK: _("Ask for approval"),
    Verb.WITHDRAW: _("Take back to draft"),
    Verb.APPROVE: _("Approve"),
    Verb.ACTIVATE: _("Switch on"),
    Verb.START: _("Start now"),
    Verb.STOP: _("Stop"),
    Verb.KILL: _("Kill switch"),
    Verb.DECIDE: _("Decide"),
    Verb.RELAUNCH: _("Relaunch"),
    Verb.ARCHIVE: _("Archive"),
    Verb.RESTORE: _("Bring back"),
}
SUBJECTS: dict[str, str | Promise] = {
    "edge-unique": pgettext_lazy("subjects", "readers"),
    "mw-user": pgettext_lazy("subjects", "users"),
    "session": pgettext_lazy("subjects", "sessions"),
}


def state(name: str) -> str:
    """A state's word, as a badge shows it."""
    return str(STATES.get(name, name.capitalize()))


def inside(name: str) -> str:
    """The word of a state, a kind or a risk inside a sentence: `an experiment that is running`."""
    return str(_INSIDE.get(name, name))


def reason(given: str) -> str:
    """A reason as a person wrote it; one that nobody wrote in the reader's language."""
    if given in _REASONS:
        return gettext(given)
    for form, pattern in _NAMED_REASONS.items():
        if found := re.fullmatch(pattern, given):
            return gettext(form) % found.groupdict()
    return given


def kind(name: str) -> str:
    """A kind's word, as it begins a sentence."""
    return str(KINDS.get(name, name.capitalize()))


def subjects(identifier_type: str) -> str:
    """What pages call an experiment's subjects, in the plural."""
    return str(SUBJECTS.get(identifier_type, pgettext_lazy("subjects", "subjects")))


def verb(name: str) -> str:
    """What a verb's button reads."""
    return str(VERBS.get(name, name.capitalize()))
