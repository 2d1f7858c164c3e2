"""How values look on the pages: icons, badges, times, shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django import template
from django.forms import BoundField, Form
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, pgettext

from allotment.analysis.lab_ledger import StreamAccount
from allotment.registry import audit, metric_catalog, moments, rules, words
from allotment.registry.environments import LABELS
from allotment.registry.forms.rows import Rows
from allotment.registry.lifecycle import AnyItem
from allotment.registry.plan import GroupPlan, rate_text

register = template.Library()

_SHAPES = {
    "good": '<circle cx="8" cy="8" r="6"/><path d="M5.2 8.2l2 2 3.6-4.2"/>',
    "warn": '<path d="M8 2.2L14.4 13.5H1.6z"/><path d="M8 6.6v3M8 11.6v.1"/>',
    "bad": '<path d="M5.3 2h5.4L14 5.3v5.4L10.7 14H5.3L2 10.7V5.3z"/>'
    '<path d="M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4"/>',
    "wait": '<path d="M4 2.2h8M4 13.8h8M5 2.2c0 3.4 6 5.6 6 11.6M11 2.2c0 3.4-6 5.6-6 11.6"/>',
    "draft": '<path d="M3 13l.6-3L10.6 3a1.4 1.4 0 0 1 2 2L5.9 12.2z"/>',
    "scheduled": '<circle cx="8" cy="8" r="5.6"/><path d="M8 4.8V8l2.2 1.6"/>',
    "running": '<path class="f" d="M4.5 2.8v10.4L13 8z"/>',
    "stopped": '<rect class="f" x="3.5" y="3.5" width="9" height="9" rx="1"/>',
    "ready": '<circle cx="8" cy="8" r="5.6"/>',
    "decided": '<path d="M4 14V2.5h8l-2 3 2 3H4"/>',
    "archived": '<path d="M2.5 3h11v3h-11zM3.5 6v7h9V6M6.5 8.5h3"/>',
    "open": '<circle cx="8" cy="8" r="5.8" stroke-dasharray="2.4 2.4"/>',
    "lock": '<rect x="3.5" y="7" width="9" height="6.5" rx="1"/>'
    '<path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2"/>',
}
_BADGES = {
    "draft": "draft",
    "ready": "ready",
    "scheduled": "sched",
    "running": "run",
    "stopped": "stop",
    "decided": "decided",
    "archived": "archived",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """A small drawing; the word beside it carries the meaning."""
    shape = mark_safe(_SHAPES[name])  # noqa: S308 - a constant of this module
    return format_html('<svg class="i" viewBox="0 0 16 16" aria-hidden="true">{}</svg>', shape)


@register.simple_tag
def badge(state: str) -> SafeString:
    """The state as shape, word and color."""
    return format_html(
        '<span class="badge {}">{}{}</span>', _BADGES[state], icon(state), words.state(state)
    )


@register.simple_tag
def frozen(what: str = "") -> SafeString:
    """The mark of what cannot change any more."""
    word = what or gettext("frozen")
    return format_html('<span class="frozen">{} {}</span>', icon("lock"), word)


@register.simple_tag
def column(heading: str, *, num: bool = False) -> SafeString:
    """The head of a table's column.

    The roles stand because a phone shows the table as blocks, which would take them away.
    """
    return format_html(
        '<th role="columnheader" scope="col"{}>{}</th>',
        mark_safe(' class="num"') if num else "",
        heading,
    )


@register.simple_tag
def moment(when: datetime | None, *, empty: str = "") -> SafeString | str:
    """A time in the reader's zone with UTC beside it; once where the zone is UTC."""
    if when is None:
        return empty or gettext("not set")
    found = moments.shown(when)
    there = format_html('<time datetime="{}">{}</time>', found.stamp, found.local)
    if not found.universal:
        return there
    return format_html('{} <span class="utc">({})</span>', there, found.universal)


@register.simple_tag
def day(when: datetime | None, *, empty: str = "") -> SafeString | str:
    """A day in the reader's zone."""
    if when is None:
        return empty or gettext("not set")
    stamp = moments.shown(when).stamp
    return format_html('<time datetime="{}">{}</time>', stamp, moments.day(when))


@register.filter
def accounted(
    account: StreamAccount, heads: Sequence[tuple[str, str]]
) -> list[tuple[str, int, bool]]:
    """The cells of a row of the ledger: the column's word, the number, whether it should be 0."""
    bad = {"lost", "missing"}
    cells = [(key, word, int(getattr(account, key))) for key, word in heads]
    return [(word, number, bool(number) and key in bad) for key, word, number in cells]


@register.filter
def share(rate: Decimal) -> str:
    """A share from 0 to 1 in percent."""
    return rules.percent(rate)


@register.filter
def part_of(group: GroupPlan, groups: Sequence[GroupPlan]) -> str:
    """A group's part of those who take part, in percent to one hundredth."""
    total = sum(one.weight for one in groups)
    return rules.percent((Decimal(group.weight) / (total or 1)).quantize(Decimal("0.0001")))


@register.filter
def plain(number: Decimal) -> str:
    """A number without the zeros that storing it added."""
    return rate_text(number)


@register.filter
def metric(name: str) -> str:
    """A metric's title, or its name where the catalogue has it no more."""
    return metric_catalog.titles().get(name, name)


@register.filter
def traffic(item: AnyItem) -> str:
    """Where an item runs, in one line."""
    return traffic_in_words([(row.site, row.rate) for row in item.sites.all()], item.default_rate)


def traffic_in_words(sites: Sequence[tuple[str, Decimal]], default: Decimal) -> str:
    """Sites with their shares, and the share of all others, in one line."""
    listed = [f"{site} {rules.percent(rate)}" for site, rate in sites]
    if default:
        rate = rules.percent(default)
        every = gettext("all other sites %(rate)s") if listed else gettext("all sites %(rate)s")
        listed.append(every % {"rate": rate})
    return ", ".join(listed) or pgettext("traffic", "none yet")


@register.filter
def who(name: str) -> str:
    """Who acted, as the audit log has it: an account's name, or the system in words."""
    return gettext("the system") if name == audit.SYSTEM else name


@register.filter
def joined(texts: Sequence[str]) -> str:
    """A list in words; a word where it is empty."""
    return ", ".join(texts) or gettext("none")


@register.filter
def environment_words(names: Sequence[str]) -> list[str]:
    """What forms call environments."""
    return [str(LABELS.get(name, name)) for name in names]


@register.filter
def quoted(text: str) -> str:
    """A person's words in the quotation marks of the reader's language."""
    return gettext("“%(text)s”") % {"text": text}


@register.filter
def codes(names: Sequence[str]) -> SafeString:
    """Names as the code has them, with commas between."""
    return format_html_join(", ", "<code>{}</code>", ((name,) for name in names))


@register.filter
def count(number: int) -> str:
    """A count with its thousands apart."""
    return number_format(number, force_grouping=True)


@register.filter
def get(found: Mapping[str, str], key: str) -> str | None:
    """A value of a map by a key that is itself a value."""
    return found.get(key)


@register.filter
def beside(numbers: Sequence[int], names: Sequence[str]) -> list[tuple[str, int]]:
    """Each number with its name."""
    return list(zip(names, numbers, strict=True))


@register.filter
def state_word(state: str) -> str:
    """A state inside a sentence."""
    return words.inside(state)


@register.filter
def inside(name: str) -> str:
    """The word of a kind inside a sentence."""
    return words.inside(name)


@register.filter
def reason(given: str) -> str:
    """Why something was done."""
    return words.reason(given)


@register.filter
def kind_word(name: str) -> str:
    """The word of a kind that begins a sentence or stands alone."""
    return words.kind(name)


@register.filter
def with_class(field: BoundField, name: str) -> SafeString:
    """The field's control with a class."""
    return field.as_widget(attrs={"class": name})


@register.filter
def is_locked(field: BoundField) -> bool:
    """Whether the form says that a field is fixed by now."""
    return field.name in getattr(field.form, "locked", ())


@register.filter
def locked(field: BoundField) -> SafeString:
    """The field's control as one that can be read and not changed.

    What is chosen from a list cannot be read-only in a browser: its word is shown, its value sent.
    """
    choices = getattr(field.field, "choices", None)
    if choices is None:
        return field.as_widget(attrs={"readonly": True})
    value = field.value()
    word = next((label for key, label in choices if str(key) == str(value or "")), value)
    return format_html(
        '<span class="worked">{}</span>{}', word or gettext("not chosen"), field.as_hidden()
    )


@register.filter
def cells(row: Form, rows: Rows) -> list[tuple[BoundField, str]]:
    """A row's cells, each with the class that says how wide its column is."""
    return [(row[name], width) for name, width in rows.columns]


@register.filter
def plural(number: int, word: str) -> str:
    """A number with its noun: `1 group`, `2 groups`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
