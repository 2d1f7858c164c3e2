"""Every text that pages say is in every language's catalog, translated, and compiled."""

from __future__ import annotations

import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation
from tests.registry.catalogs import CATALOGS, messages, said

# A name's place, a sign of percent that is written twice, an element.
_PLACES = re.compile(r"%\(\w+\)s|%%|</?\w+")


@pytest.fixture(params=CATALOGS, ids=lambda path: path.parts[-3])
def path(request: pytest.FixtureRequest) -> Path:
    """Each language's catalog."""
    found: Path = request.param
    return found


def test_languages__offered__have_each_a_catalog() -> None:
    assert {path.parts[-3] for path in CATALOGS} | {"en"} == {
        code for code, _ in settings.LANGUAGES
    }


def test_catalog__against_code_and_templates__says_exactly_what_they_say(path: Path) -> None:
    known = messages.read(path).entries
    assert len(said()) > 1000
    assert [key.text for key in said() if key not in known] == [], (
        "run tools/messages.py, translate"
    )
    assert [key.text for key in known if key not in said()] == [], "run tools/messages.py"


def test_catalog__each_text__is_translated(path: Path) -> None:
    entries = messages.read(path).entries
    assert [key.text for key, entry in entries.items() if not entry.done] == []


def test_catalog__each_translation__has_the_places_of_its_text(path: Path) -> None:
    wrong = []
    for key, entry in messages.read(path).entries.items():
        places = [set(_PLACES.findall(text)) for text in (key.text, key.plural, *entry.forms)]
        one, many, *forms = places
        # A language may leave the number out where it means one alone.
        fits = all(found <= one | many for found in forms) if key.plural else forms == [one]
        if not fits or (key.plural and forms[-1] != many):
            wrong.append((key.text, entry.forms))
    assert wrong == []


def test_catalog__as_written__is_as_the_tool_writes_it(path: Path) -> None:
    catalog = messages.read(path)
    assert messages.written(messages.in_step(catalog, said())) == path.read_text()


def test_compiled__against_its_catalog__the_same(path: Path) -> None:
    catalog = messages.read(path)
    compiled = path.with_suffix(".mo")
    assert compiled.read_bytes() == messages.compiled(catalog), "run tools/messages.py"
    with compiled.open("rb") as file:
        found = gettext.GNUTranslations(file)
    for key, entry in catalog.entries.items():
        if key.plural and key.context:
            asked = [found.npgettext(key.context, key.text, key.plural, n) for n in (1, 2)]
        elif key.plural:
            asked = [found.ngettext(key.text, key.plural, n) for n in (1, 2)]
        elif key.context:
            asked = [found.pgettext(key.context, key.text)]
        else:
            asked = [found.gettext(key.text)]
        assert asked == list(entry.forms[:2])


def test_catalog__beside_those_of_other_packages__is_what_pages_read(path: Path) -> None:
    with translation.override(path.parts[-3]):
        for key, entry in messages.read(path).entries.items():
            if key.context:
                assert translation.pgettext(key.context, key.text) == entry.forms[0]
            elif not key.plural:
                assert translation.gettext(key.text) == entry.forms[0]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("{% translate \"A 'b'\" %}", [("A 'b'", "", "")]),
        ('{% translate "100% of it" context "share" %}', [("100%% of it", "share", "")]),
        (
            '{% column _("Name") num=True %}{{ a|default:_("none") }}',
            [("Name", "", ""), ("none", "", "")],
        ),
        (
            "{% blocktranslate count n=m %}one ({% plural %}{{ n }} of){% endblocktranslate %}",
            [("one (", "", "%(n)s of)")],
        ),
    ],
)
def test_in_template__each_way_of_marking__found(
    source: str, found: list[tuple[str, str, str]]
) -> None:
    assert [(key.text, key.context, key.plural) for key in messages.in_template(source)] == found


def test_in_python__each_way_of_marking__found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "from django.utils.translation import gettext_lazy as _, npgettext, gettext_noop, gettext\n"
        "a = [_('one ' 'text'), npgettext('c', 'a', 'b', n), gettext_noop('d')]\n"
        "b = [gettext(a), other('e')]\n"
    )
    found = sorted((key.text, key.context, key.plural) for key in messages.in_python(module))
    assert found == [("a", "c", "b"), ("d", "", ""), ("one text", "", "")]


def test_in_python__text_put_together_where_it_is_marked__refused(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("from django.utils.translation import gettext\na = gettext(f'so {many}')\n")
    with pytest.raises(messages.MessageError, match=r"module\.py, line 2"):
        list(messages.in_python(module))


def test_in_python__text_of_the_check__found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "from allotment.contract.texts import counted as many, percent, said\n"
        "a = [said('%(b)s of it', b=percent(0.5)), many('one', 'some', n, c=said('c'))]\n"
    )
    found = sorted((key.text, key.plural) for key in messages.in_python(module))
    assert found == [("%(b)s of it", ""), ("c", ""), ("one", "some")]


@pytest.mark.parametrize("given", ["name", "f'so {many}'", "words['a']", "'a' if b else 'c'"])
def test_in_python__text_of_the_check_that_stands_elsewhere__refused(
    tmp_path: Path, given: str
) -> None:
    module = tmp_path / "module.py"
    module.write_text(f"from allotment.contract.texts import said\na = said({given})\n")
    with pytest.raises(messages.MessageError, match=r"module\.py, line 2"):
        list(messages.in_python(module))


def test_catalog__written_and_read__the_same(tmp_path: Path) -> None:
    key = messages.Key('a "b"\n\\c', "context", "more %(n)s")
    entry = messages.Entry(("ä", "ö"), ("a.py", "b.html"), fuzzy=True)
    catalog = messages.Catalog("Language: de\nPlural-Forms: nplurals=2;\n", {key: entry})
    path = tmp_path / "django.po"
    path.write_text(messages.written(catalog))
    assert messages.read(path) == catalog


def test_in_step__text_that_is_new_or_gone__empty_or_away() -> None:
    old, new, gone = (messages.Key(text) for text in ("old", "new", "gone"))
    kept = messages.Entry(("alt",))
    catalog = messages.Catalog("", {old: kept, gone: kept})
    found = messages.in_step(catalog, {old: ("a.py",), new: ("b.py",)}).entries
    assert found == {
        old: messages.Entry(("alt",), ("a.py",)),
        new: messages.Entry(("",), ("b.py",)),
    }
