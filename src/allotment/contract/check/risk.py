"""How much is at stake for people, worked out from what is sent about them. Pure.

The combinations are the published ones of the platform's risk tiers; besides the chosen attributes
they see the stream's own, the user agent that a stream keeps, and the fields of a custom schema.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from allotment.contract.check.platforms import ATTRIBUTES
from allotment.contract.texts import NOTHING, Text, enumerated, said

LOW, MEDIUM, HIGH = "low", "medium", "high"
TIERS = (LOW, MEDIUM, HIGH)

BROWSER, ACCOUNT = said("browser text"), said("account")
INSTALL, PAGE = said("app install"), said("page")
TIER_WORDS = {LOW: said("low"), MEDIUM: said("medium"), HIGH: said("high")}
"""What the tiers are called inside a sentence."""
_OF_ATTRIBUTE = {
    "agent_ua_string": BROWSER,
    "agent_app_install_id": INSTALL,
    "performer_id": ACCOUNT,
    "performer_name": ACCOUNT,
    "page_id": PAGE,
    "page_title": PAGE,
}
_OF_FIELD = (
    (BROWSER, re.compile(r"user[_-]?agent|(^|[._])ua(_string)?$")),
    (ACCOUNT, re.compile(r"(^|[._])((user|performer|actor|account)[._]?(id|name|text)|username)$")),
    (INSTALL, re.compile(r"(app_)?install(ation)?_id$")),
    (PAGE, re.compile(r"(^|[._])page[._]?(id|title)$")),
)
# Filled by the intake, not by whoever writes the schema; `keeps_user_agent` speaks for them.
_OURS = ("http.", "meta.", "experiment.", "experiments.")
_COMBINATIONS = (
    (HIGH, frozenset({BROWSER, ACCOUNT, PAGE})),
    (MEDIUM, frozenset({BROWSER, ACCOUNT})),
    (MEDIUM, frozenset({BROWSER, INSTALL})),
    (MEDIUM, frozenset({PAGE, ACCOUNT})),
    (MEDIUM, frozenset({PAGE, INSTALL})),
)


@dataclass(frozen=True)
class Risk:
    """The tier, and what made it: the names that were found, by what they tell."""

    tier: str
    because: tuple[tuple[Text, tuple[str, ...]], ...] = ()

    @property
    def sentence(self) -> Text:
        """What together makes the tier; empty for low."""
        told = NOTHING
        for kind, names in self.because:
            part = said("%(what)s (%(names)s)", what=kind, names=enumerated(names))
            told = said("%(one)s together with %(other)s", one=told, other=part) if told else part
        return told


def assess(
    attributes: Collection[str],
    *,
    fields: Collection[str] = (),
    keeps_user_agent: bool = False,
) -> Risk:
    """The tier of what is sent.

    Args:
        attributes: contextual attributes that are asked for, by the item or its stream.
        fields: paths such as `page.id` that the stream's schema has; those that a contextual
            attribute fills count only where it is asked for.
        keeps_user_agent: whether the stream keeps the request's user agent.
    """
    found: dict[Text, list[str]] = {}
    for name in attributes:
        if name in _OF_ATTRIBUTE:
            found.setdefault(_OF_ATTRIBUTE[name], []).append(name)
    if keeps_user_agent:
        found.setdefault(BROWSER, []).append(said("the stream's user agent"))
    filled = {".".join(attribute.path) for attribute in ATTRIBUTES.values()}
    for path in fields:
        for kind, pattern in _OF_FIELD:
            if path not in filled and not path.startswith(_OURS) and pattern.search(path):
                found.setdefault(kind, []).append(path)
    for tier, needed in _COMBINATIONS:
        if needed <= found.keys():
            because = tuple((kind, tuple(found[kind])) for kind in sorted(needed))
            return Risk(tier, because)
    return Risk(LOW)


def is_lower(tier: str, than: str) -> bool:
    """Whether a tier is lower than another; one that is not assessed is not."""
    return tier in TIERS and TIERS.index(tier) < TIERS.index(than)
