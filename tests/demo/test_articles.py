import pytest

from allotment_demo.articles import Article, library, linked_from, search


def test_library__twenty_articles__of_the_wanted_length() -> None:
    assert len(library()) == 20
    assert [a.number for a in library().values()] == list(range(1, 21))


@pytest.mark.parametrize("article", library().values(), ids=lambda article: article.slug)
def test_article__each__is_whole(article: Article) -> None:
    assert 120 <= article.words <= 250
    assert len(article.links) >= 1
    assert article.slug not in (*article.links, *article.related)
    assert len(set(article.related)) == len(article.related) >= 3
    assert article.html.count("<p>") == article.html.count("</p>") >= 3
    assert not {"**", "](", "&amp;amp;"} & set(article.html.split())
    assert linked_from(article.slug), "no other article links here"


def test_html__markup_in_the_text__is_escaped() -> None:
    article = Article("x", 1, "X", "x", (), "a <b> & **c** *d* [e](leek)\nf")
    assert article.html == (
        '<p>a &lt;b&gt; &amp; <strong>c</strong> <em>d</em> <a href="/wiki/leek">e</a> f</p>'
    )


@pytest.mark.parametrize(
    ("text", "first"),
    [("leek", "leek"), ("FISHER rothamsted", "rothamsted"), ("vitamin C", "james-lind")],
)
def test_search__words__best_first(text: str, first: str) -> None:
    assert search(text)[0].slug == first


@pytest.mark.parametrize("text", ["", "  ", "?!", "zucchini", "leek zucchini"])
def test_search__nothing_matches__is_empty(text: str) -> None:
    assert search(text) == []
