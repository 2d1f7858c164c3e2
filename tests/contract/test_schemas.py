"""The schema repository: what it finds, and what it never touches."""

from __future__ import annotations

from pathlib import Path

import pytest

from allotment.contract.schemas import SchemaNotFoundError, SchemaRepository, shipped_repository

WEB = "/analytics/product_metrics/web/base/1.3.0"


def write(root: Path, title: str, version: str, text: str | None = None) -> None:
    folder = root / title
    folder.mkdir(parents=True, exist_ok=True)
    body = text if text is not None else f"title: {title}\n$id: /{title}/{version}\ntype: object\n"
    (folder / f"{version}.yaml").write_text(body)


def test_load__shipped_web_base__has_title_version_and_uri() -> None:
    schema = SchemaRepository([]).load(WEB)
    assert (schema.title, schema.version, schema.uri) == (
        "analytics/product_metrics/web/base",
        "1.3.0",
        WEB,
    )
    assert SchemaRepository([shipped_repository()]).load(WEB).body == schema.body


def test_load__twice__is_the_same_object() -> None:
    repository = SchemaRepository([])
    assert repository.load(WEB) is repository.load(WEB)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/",
        WEB + ".yaml",
        WEB + "#",
        WEB + "/",
        WEB + "?x=1",
        WEB + "\n",
        WEB[1:],
        "/" + WEB,
        "/analytics/product_metrics/web/base/latest",
        "/analytics/product_metrics/web/base/current",
        "/analytics/product_metrics/web/base/01.3.0",
        "/analytics/product_metrics/web/base/1.3",
        "/analytics//product_metrics/web/base/1.3.0",
        "/analytics/./product_metrics/web/base/1.3.0",
        "/fragment/../analytics/product_metrics/web/base/1.3.0",
        "/../../secret/1.0.0",
        "/..%2f..%2fsecret/1.0.0",
        "/..\\secret/1.0.0",
        "/a\0b/1.0.0",
        "http://127.0.0.1:1/x/1.0.0",
        "file:///etc/1.0.0",
        "//host/x/1.0.0",
        "/x/1.0.0" + "9" * 5000,
        "/\uff46ragment/common/2.0.0",
        "/fragment/common/\uff12.0.0",
    ],
)
def test_load__any_other_form__not_found(uri: str) -> None:
    with pytest.raises(SchemaNotFoundError, match="is not known"):
        SchemaRepository([]).load(uri)


def test_load__file_outside_the_folder__not_reachable(tmp_path: Path) -> None:
    write(tmp_path / "outside", "secret", "1.0.0")
    repository = SchemaRepository([tmp_path / "inside"])
    with pytest.raises(SchemaNotFoundError):
        repository.load("/../outside/secret/1.0.0")


def test_load__unknown_version__names_the_known_ones() -> None:
    with pytest.raises(SchemaNotFoundError, match=r"web/base has versions 1\.3\.0"):
        SchemaRepository([]).load("/analytics/product_metrics/web/base/9.9.9")


def test_load__id_is_not_the_uri__refused(tmp_path: Path) -> None:
    write(tmp_path, "a/b", "1.0.0", "title: a/b\n$id: /a/b/2.0.0\ntype: object\n")
    with pytest.raises(SchemaNotFoundError, match=r"\$id '/a/b/2\.0\.0'"):
        SchemaRepository([tmp_path]).load("/a/b/1.0.0")


def test_two_folders__one_namespace__first_wins(tmp_path: Path) -> None:
    write(tmp_path / "one", "a", "1.0.0", "title: a\n$id: /a/1.0.0\ndescription: first\n")
    write(tmp_path / "two", "a", "1.0.0", "title: a\n$id: /a/1.0.0\ndescription: second\n")
    write(tmp_path / "two", "a", "1.10.0")
    write(tmp_path / "two", "a", "1.9.0")
    write(tmp_path / "two", "b", "1.0.0")
    repository = SchemaRepository([tmp_path / "one", tmp_path / "two"])

    assert repository.titles() == ["a", "b"]
    assert repository.versions("a") == ["1.0.0", "1.9.0", "1.10.0"]
    assert repository.latest("a").version == "1.10.0"
    assert repository.load("/a/1.0.0").body["description"] == "first"
    assert repository.versions("../one/a") == []
    with pytest.raises(SchemaNotFoundError, match="'nothing'"):
        repository.latest("nothing")


def test_load__time_in_yaml__stays_text(tmp_path: Path) -> None:
    text = "title: a\n$id: /a/1.0.0\nexamples:\n- dt: 2026-01-15T09:30:00Z\n"
    write(tmp_path, "a", "1.0.0", text)
    assert SchemaRepository([tmp_path]).load("/a/1.0.0").body["examples"] == [
        {"dt": "2026-01-15T09:30:00Z"}
    ]
