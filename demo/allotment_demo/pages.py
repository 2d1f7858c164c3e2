"""The wiki's pages as HTML. Pure: everything shown is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, urlencode

from allotment_demo.articles import Article, library, linked_from
from allotment_demo.drawings import plot_drawing
from allotment_demo.readers import READERS, Reader

EXPERIMENT = "related-articles-card"
CARD_GROUP = "card"
SEARCH_EXPERIMENT = "search-prompt"
"""Made by whoever follows the tutorial; without it every reader has the plain search box."""
PROMPT_GROUP = "prompt"
_RELATED = 3
SITE_NAME = "Plot & Measure"


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment as the footer shows it to the person who tries the demo."""

    name: str
    group: str | None
    forced: bool
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds every page: who reads, in which experiments, from how fresh a configuration.

    `head` are the script elements of the client library; `nonce` is the page's CSP nonce.
    """

    head: str
    path: str
    reader: Reader | None
    trials: Sequence[Trial]
    age_seconds: float | None
    query: str = ""
    search_group: str | None = None


def page(frame: Frame, title: str, main: str) -> str:
    """A whole page around the HTML of its main part."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} | {escape(SITE_NAME)}</title>
<link rel="icon" href="/static/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/demo.css">
{frame.head}<script src="/static/demo.js" type="module"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
{_header(frame)}
<main id="main" class="wrap">
{main}
</main>
{_footer(frame)}
</body>
</html>
"""


def home(articles: Iterable[Article]) -> str:
    """The list of all articles."""
    entries = "\n".join(
        f'<li><a href="/wiki/{a.slug}">{escape(a.title)}</a><span>{escape(a.short)}</span></li>'
        for a in articles
    )
    return f"""<div class="lead">
<h1>A small wiki of plots and measures</h1>
<p>Twenty short articles on growing vegetables, and on how people learned to measure and compare.
At the end of each stand related articles; which form they take is
<a href="#experiments">decided by an experiment</a>.</p>
</div>
<ul class="index">
{entries}
</ul>"""


def article_page(article: Article, group: str | None) -> str:
    """An article, its links, and the related articles in the form of the reader's group."""
    backward = linked_from(article.slug)
    return f"""<div class="columns">
<article>
<h1>{escape(article.title)}</h1>
<p class="short">{escape(article.short)}</p>
{article.html}
{_related(article, group)}
</article>
<aside>
<nav id="article-links" aria-labelledby="links-title">
<h2 id="links-title">Links in this article</h2>
{_titles(library()[slug] for slug in article.links)}
</nav>
<nav aria-labelledby="back-title">
<h2 id="back-title">What links here</h2>
{_titles(backward) if backward else "<p>Nothing yet.</p>"}
</nav>
</aside>
</div>"""


def results_page(query: str, found: Sequence[Article]) -> str:
    """What a search found."""
    if not query.strip():
        return "<h1>Search</h1><p>Type a word into the box above, such as <em>frost</em>.</p>"
    count = f"{len(found)} article{'' if len(found) == 1 else 's'}"
    entries = "\n".join(
        f'<li><a href="/wiki/{a.slug}">{escape(a.title)}</a><span>{escape(a.short)}</span></li>'
        for a in found
    )
    hint = "" if found else "<p>Every word must occur. Try fewer words, or a shorter one.</p>"
    return f"""<h1>Search</h1>
<p class="short">{count} with “{escape(query)}”.</p>{hint}
<ul class="index one">{entries}</ul>"""


def login_page(reader: Reader | None, problem: str = "", back: str = "/") -> str:
    """Choose a reader."""
    buttons = "\n".join(
        f'<button name="reader" value="{r.user_id}"{_pressed(r, reader)}>'
        f'<span class="face" aria-hidden="true">{escape(_initials(r.name))}</span>'
        f"<span>{escape(r.name)}<small>user {r.user_id}</small></span></button>"
        for r in READERS
    )
    note = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    target = f'<input type="hidden" name="back" value="{escape(back)}">'
    return f"""<div class="lead">
<h1>Log in</h1>
<p>These readers are made up and need no password. An experiment on accounts puts each of them into
the same group every time, in every browser.</p>
</div>
{note}<form method="post" action="/login" class="people">{target}
{buttons}
</form>
<form method="post" action="/login" class="number">{target}
<label for="reader">Or as reader number</label>
<input id="reader" name="reader" inputmode="numeric" pattern="[1-9][0-9]{{0,8}}" required
 placeholder="1234">
<button>Log in</button>
</form>"""


def not_found(path: str) -> str:
    """No such page."""
    return f"""<h1>There is no such page</h1>
<p class="short">Nothing is at <code>{escape(path)}</code>.</p>
<p><a href="/">All articles</a></p>"""


def _header(frame: Frame) -> str:
    if frame.reader is None:
        who = f'<a href="/login?{urlencode({"back": frame.path})}">Log in</a>'
    else:
        who = (
            f'<span class="who">{escape(frame.reader.name)}</span>'
            '<form method="post" action="/logout">'
            f'<input type="hidden" name="back" value="{escape(frame.path)}">'
            '<button class="link">Log out</button></form>'
        )
    prompted = frame.search_group == PROMPT_GROUP
    hint = "Try “frost” or “surveyor”" if prompted else "Search the articles"
    return f"""<header class="top"><div class="wrap">
<a class="brand" href="/"><img src="/static/mark.svg" alt="" width="28" height="28">
{escape(SITE_NAME)}</a>
<form class="search{" prompt" if prompted else ""}" action="/search" role="search">
<input type="search" name="q" value="{escape(frame.query)}" aria-label="Search the articles"
 placeholder="{hint}" maxlength="200">
<button>Search</button>
</form>
<div class="account">{who}</div>
</div></header>"""


def _related(article: Article, group: str | None) -> str:
    others = [library()[slug] for slug in article.related[:_RELATED]]
    if group == CARD_GROUP:
        inner = "\n".join(
            f'<a class="card" href="/wiki/{a.slug}">{plot_drawing(a.slug)}'
            f"<strong>{escape(a.title)}</strong><span>{escape(a.short)}</span></a>"
            for a in others
        )
        inner = f'<div class="cards">{inner}</div>'
    else:
        inner = _titles(others)
    return f"""<section id="related" class="related" aria-labelledby="related-title">
<h2 id="related-title">Related articles</h2>
{inner}
</section>"""


def _titles(articles: Iterable[Article]) -> str:
    entries = "".join(f'<li><a href="/wiki/{a.slug}">{escape(a.title)}</a></li>' for a in articles)
    return f"<ul>{entries}</ul>"


def _footer(frame: Frame) -> str:
    trials = "\n".join(_trial(frame, trial) for trial in frame.trials)
    if not trials:
        trials = "<p>No experiment is running here now.</p>"
    return f"""<footer><div class="wrap" id="experiments">
<h2>For whoever tries this demo</h2>
{trials}
<p class="quiet">{_age(frame.age_seconds)} The articles were written for this demo.</p>
</div></footer>"""


def _trial(frame: Frame, trial: Trial) -> str:
    if trial.group is None:
        state = "this reader is <strong>not enrolled</strong>"
    elif trial.forced:
        state = f"group <strong>{escape(trial.group)}</strong>, forced by the address; not analysed"
    else:
        state = f"this reader is in group <strong>{escape(trial.group)}</strong>"
    links = " ".join(
        f'<a href="{_forced_url(frame.path, trial.name, group)}"{_current(trial, group)}>'
        f"{escape(group)}</a>"
        for group in trial.groups
    )
    back = f' <a href="{escape(frame.path)}">as assigned</a>' if trial.forced else ""
    return (
        f'<div class="trial"><p><code>{escape(trial.name)}</code>: {state}</p>'
        f'<p class="force">See it as {links}{back}</p></div>'
    )


def _current(trial: Trial, group: str) -> str:
    return ' aria-current="true"' if group == trial.group else ""


def _forced_url(path: str, experiment: str, group: str) -> str:
    return escape(f"{path}?{urlencode({'mpo': f'{experiment}:{group}'}, quote_via=quote)}")


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "The registry has not been reached yet, so no experiment is known."
    if seconds < 90:  # noqa: PLR2004  reads better than "1 minutes"
        return f"The configuration was confirmed {seconds:.0f} s ago."
    return f"The configuration is {seconds / 60:.0f} minutes old: the registry does not answer."


def _pressed(reader: Reader, current: Reader | None) -> str:
    return ' aria-pressed="true"' if reader == current else ""


def _initials(name: str) -> str:
    return "".join(part[0] for part in name.split()[:2])


def trials_of(
    configured: Mapping[str, tuple[str, ...]],
    assigned: Mapping[str, str],
    forced: Iterable[str],
) -> list[Trial]:
    """The footer's rows: every configured experiment, and what was forced beside them."""
    names = dict.fromkeys([*configured, *assigned])
    given = set(forced)
    return [
        Trial(
            name=name,
            group=assigned.get(name),
            forced=name in given,
            groups=configured.get(name, ()),
        )
        for name in names
    ]
