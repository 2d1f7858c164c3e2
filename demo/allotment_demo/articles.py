"""The wiki's articles: text files in a small Markdown, read once, rendered to safe HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("articles")
_LINK = re.compile(r"\[([^\]]+)\]\(([a-z0-9-]+)\)")
_STRONG = re.compile(r"\*\*(.+?)\*\*")
_EMPHASIS = re.compile(r"\*(.+?)\*")
_WORD = re.compile(r"\w+")


class ArticleError(ValueError):
    """An article's file cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Article:
    """One article. `number` is its page id; `links` are the slugs that its text links to."""

    slug: str
    number: int
    title: str
    short: str
    related: tuple[str, ...]
    body: str

    @property
    def links(self) -> tuple[str, ...]:
        """Slugs that the text links to, each once, in order."""
        return tuple(dict.fromkeys(slug for _, slug in _LINK.findall(self.body)))

    @property
    def words(self) -> int:
        """Words of the text."""
        return len(_WORD.findall(self.body))

    @property
    def html(self) -> str:
        """The text as paragraphs."""
        return "\n".join(f"<p>{_inline(block)}</p>" for block in self.body.split("\n\n"))


@lru_cache(maxsize=1)
def library() -> Mapping[str, Article]:
    """All articles by slug, in the order of their titles.

    Raises:
        ArticleError: a file lacks a heading, or links to an article that is not there.
    """
    found = [_parse(path) for path in sorted(_FOLDER.glob("*.md"))]
    ordered = sorted(found, key=lambda fields: fields["title"].lower())
    articles = {
        fields["slug"]: Article(
            slug=fields["slug"],
            number=number,
            title=fields["title"],
            short=fields["short"],
            related=tuple(slug.strip() for slug in fields["related"].split(",")),
            body=fields["body"],
        )
        for number, fields in enumerate(ordered, start=1)
    }
    for article in articles.values():
        for slug in (*article.links, *article.related):
            if slug not in articles:
                raise ArticleError(f"{article.slug}.md names {slug!r}, which is no article")
    return articles


def search(text: str) -> list[Article]:
    """Articles that hold every word of the text, those with it in the title first."""
    wanted = [word.lower() for word in _WORD.findall(text)]
    if not wanted:
        return []
    scored = []
    for article in library().values():
        title, body = article.title.lower(), f"{article.short} {article.body}".lower()
        if all(word in title or word in body for word in wanted):
            score = sum(100 * (word in title) + body.count(word) for word in wanted)
            scored.append((score, article))
    return [article for _, article in sorted(scored, key=lambda pair: -pair[0])]


def linked_from(slug: str) -> list[Article]:
    """Articles whose text links to this one."""
    return [article for article in library().values() if slug in article.links]


def _parse(path: Path) -> dict[str, str]:
    head, separator, body = path.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    missing = {"title", "short", "related"} - fields.keys()
    if missing or not separator:
        raise ArticleError(f"{path.name} lacks {', '.join(sorted(missing)) or 'a text'}")
    return {**fields, "slug": path.stem, "body": body.strip()}


def _inline(text: str) -> str:
    """Links, strong and emphasis; everything else is text."""
    safe = html.escape(" ".join(text.split()), quote=False)
    safe = _STRONG.sub(r"<strong>\1</strong>", safe)
    safe = _EMPHASIS.sub(r"<em>\1</em>", safe)
    return _LINK.sub(r'<a href="/wiki/\2">\1</a>', safe)
