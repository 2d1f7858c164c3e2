"""What pages call things: reasons that nobody wrote are in the reader's language."""

from __future__ import annotations

import pytest
from django.utils import translation

from allotment.registry import words


@pytest.mark.parametrize(
    ("given", "german"),
    [
        ("Switched on", "Eingeschaltet"),
        ("First log-in", "Erste Anmeldung"),
        ("Back to version 12", "Zurück zu Version 12"),
        ("Like search-suggestions", "Wie search-suggestions"),
        ("Search is now called Finding", "Search heißt jetzt Finding"),
        ("Back to version two, as agreed", "Back to version two, as agreed"),
        ("Like it was before", "Like it was before"),
        ("100% of them", "100% of them"),
    ],
)
def test_reason__nobody_wrote_it__translated_and_a_persons_kept(given: str, german: str) -> None:
    assert words.reason(given) == given
    with translation.override("de"):
        assert words.reason(given) == german
