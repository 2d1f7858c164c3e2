"""What the check says, in the reader's language.

The room `contract` knows no languages: its texts are English and tell of what words and values they
are made. The words are in the registry's catalogs beside those of pages.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.utils.translation import get_language, gettext, ngettext

from allotment.contract.texts import Text
from allotment.registry import moments, numbers


class _Readers:
    """The language of the request that is being answered."""

    def words(self, english: str) -> str:
        return gettext(english)

    def count(self, one: str, many: str, number: int) -> str:
        return ngettext(one, many, number)

    def number(self, many: int) -> str:
        return numbers.whole(many)

    def share(self, rate: float) -> str:
        return numbers.percent(Decimal(f"{rate:.12g}"))

    def moment(self, when: datetime) -> str:
        return moments.spoken(when)


_READERS = _Readers()


def told(text: Text) -> str:
    """A text in the reader's language; in English as programs get it."""
    if (get_language() or "en").partition("-")[0] == "en":
        return str(text)
    return text.in_language(_READERS)
