"""Names of topics and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from allotment.contract.schemas import SchemaRepository
from allotment.contract.tables import event_tables, table_name, tables_and_conflicts, why_no_table

DT = "dt: {type: string, format: date-time}"


def write(root: Path, title: str, meta: str = DT, version: str = "1.0.0", more: str = "") -> None:
    folder = root / title
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{version}.yaml").write_text(
        f"title: {title}\n$id: /{title}/{version}\ntype: object\nproperties:\n"
        f"  meta: {{type: object, properties: {{stream: {{type: string}}, {meta}}}}}\n{more}"
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("analytics/product_metrics/web/base", "product_metrics_web_base"),
        ("analytics/product_metrics/app/base", "product_metrics_app_base"),
        ("mediawiki/page-view", "mediawiki_page_view"),
    ],
)
def test_table_name__title__without_prefix_and_slashes(title: str, name: str) -> None:
    assert table_name(title) == name


def test_event_tables__shipped__base_schemas_and_no_fragment() -> None:
    assert event_tables(SchemaRepository([])) == {
        "product_metrics_app_base": "analytics/product_metrics/app/base",
        "product_metrics_web_base": "analytics/product_metrics/web/base",
    }


def test_event_tables__any_title__has_a_table(tmp_path: Path) -> None:
    write(tmp_path, "mediawiki/page-view")
    write(tmp_path, "fragment/part")
    write(tmp_path, "timeless", "x: {type: string}")
    assert event_tables(SchemaRepository([tmp_path])) == {
        "mediawiki_page_view": "mediawiki/page-view"
    }


@pytest.mark.parametrize(
    ("one", "other", "table"),
    [("a/b", "analytics/a-b", "a_b"), ("a/B", "a/b", "a_b"), ("a-b/c", "a/b-c", "a_b_c")],
)
def test_tables__two_titles_of_one__neither_gets_it_and_no_other_loses_its_own(
    tmp_path: Path, one: str, other: str, table: str
) -> None:
    for title in (one, other, "sound"):
        write(tmp_path, title)
    found, refused = tables_and_conflicts(SchemaRepository([tmp_path]))
    assert found == {"sound": "sound"}
    assert set(refused) == {one, other}
    (why,) = set(refused.values())
    for name in (one, other, table):
        assert repr(name) in why


@pytest.mark.parametrize("gone", [False, True])
def test_tables__one_title_has_it__keeps_it_though_its_files_go(tmp_path: Path, gone: bool) -> None:
    if not gone:
        write(tmp_path, "a/b")
    write(tmp_path, "a-b")
    repository = SchemaRepository([tmp_path])
    found, refused = tables_and_conflicts(repository, {"a_b": "a/b"})
    assert found == {"a_b": "a/b"}
    assert refused == {
        "a-b": "schema titles 'a/b' and 'a-b' would share the table 'a_b'; rename one of them"
    }


@pytest.mark.parametrize("name", ["rejected", "sealed", "ledger", "duplicates", "replays"])
def test_tables__title_of_a_table_of_ours__refused(tmp_path: Path, name: str) -> None:
    title = f"analytics/{name}"
    write(tmp_path, title)
    found, refused = tables_and_conflicts(SchemaRepository([tmp_path]))
    assert found == {}
    assert f"'{title}' would have the table" in refused[title]


def test_event_tables__newest_version_decides(tmp_path: Path) -> None:
    write(tmp_path, "gained", "x: {type: string}")
    write(tmp_path, "gained", version="1.1.0")
    write(tmp_path, "lost")
    write(tmp_path, "lost", "x: {type: string}", version="1.1.0")
    assert list(event_tables(SchemaRepository([tmp_path]))) == ["gained"]


@pytest.mark.parametrize(
    ("title", "meta", "more", "words"),
    [
        ("fragment/x", DT, "", "it is a fragment"),
        ("t", "dt: {type: string}", "", "no meta.dt"),
        ("t", "dt: {type: integer, format: date-time}", "", "no meta.dt"),
        ("t", DT, "  x: {$ref: /y/1.0.0}\n", "not materialised"),
        ("t", DT, "  x: {allOf: [{}]}\n", "not materialised"),
        ("t", DT, "  x: {", "cannot be read"),
        ("-t", DT, "", "makes no table name"),
        ("t" * 201, DT, "", "makes no table name"),
    ],
)
def test_why_no_table__cannot_have_one__says_why(
    tmp_path: Path, title: str, meta: str, more: str, words: str
) -> None:
    write(tmp_path, title, meta, more=more)
    write(tmp_path, "sound")
    repository = SchemaRepository([tmp_path])
    assert words in str(why_no_table(repository, title))
    assert list(event_tables(repository)) == ["sound"], "one bad title hides no other"


def test_why_no_table__time_that_may_be_null__has_one(tmp_path: Path) -> None:
    write(tmp_path, "t", 'dt: {type: [string, "null"], format: date-time}')
    assert why_no_table(SchemaRepository([tmp_path]), "t") is None
