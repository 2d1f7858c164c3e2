"""Every text of the templates is marked for translation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from allotment import registry

TEMPLATES = sorted((Path(registry.__file__).parent / "templates").rglob("*.html"))
# Names that are the same in every language.
NAMES = {"Allotment", "JavaScript", "Python", "PHP", "UTC"}
# Shown when nothing works any more, without the machinery of translations.
WITHOUT = {"broken.html"}
_NOT_READ = re.compile(
    r"\{%\s*blocktrans(?:late)?\b.*?\{%\s*endblocktrans(?:late)?\s*%\}"
    r"|<(script|style|pre|code)\b.*?</\1>|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|&\w+;",
    re.DOTALL,
)
_TAG = re.compile(r"<[^>]*>")
_SPOKEN = re.compile(r"\b(?:aria-label|title|data-(?:h|copy|copied)|placeholder|alt)=\"([^\"]*)\"")
_WORD = re.compile(r"[^\W\d_]{2,}")
_FILE = re.compile(r"[\w-]+\.(?:js|py|json|php)\b")


def unmarked(source: str) -> list[str]:
    """Words that a reader sees or hears and that no translation can reach."""
    text = _NOT_READ.sub(" ", source)
    spoken = [_FILE.sub("", value) for value in _SPOKEN.findall(text)]
    seen = _FILE.sub("", _TAG.sub(" ", text))
    return [word for part in (seen, *spoken) for word in _WORD.findall(part) if word not in NAMES]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template__each__has_no_text_that_is_not_marked(path: Path) -> None:
    if path.name not in WITHOUT:
        assert unmarked(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Not marked</p>", ["Not", "marked"]),
        ('<p aria-label="Said aloud">{{ a }}</p>', ["Said", "aloud"]),
        ('<p title="{% translate "Marked" %}">{% translate "Marked" %}: {{ a }}</p>', []),
        ("{% blocktranslate %}All of <b>it</b>{% endblocktranslate %} 1 x", []),
        ("<span>feature.js</span> {% if a > b %}PHP{% endif %}", []),
    ],
)
def test_unmarked__each_way__found(source: str, found: list[str]) -> None:
    assert unmarked(source) == found
