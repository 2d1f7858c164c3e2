"""The schema repository: what it finds, and what it never touches."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from allotment.contract.schema_files import read_yaml
from allotment.contract.schemas import (
    SchemaNotFoundError,
    SchemaRepository,
    SchemaUnusableError,
    shipped_repository,
)

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


def release(root: Path, title: str, version: str, text: str | None = None, age: float = 60) -> Path:
    """Write a version whose file was last changed so many seconds ago."""
    write(root, title, version, text)
    file = root / title / f"{version}.yaml"
    os.utime(file, (time.time() - age,) * 2)
    return file


def looked(root: Path, *paths: Path) -> SchemaRepository:
    """A repository that has looked at its folders."""
    found = SchemaRepository([root, *paths])
    assert not found.refresh()
    return found


def test_refresh__new_version__known_from_then_on(tmp_path: Path) -> None:
    release(tmp_path, "a", "1.0.0")
    repository = looked(tmp_path)
    release(tmp_path, "a", "1.1.0")
    release(tmp_path, "b", "1.0.0")
    assert repository.titles() == ["a"]
    with pytest.raises(SchemaNotFoundError, match=r"a has versions 1\.0\.0"):
        repository.load("/a/1.1.0")
    assert repository.refresh()
    assert repository.titles() == ["a", "b"]
    assert repository.latest("a") is repository.load("/a/1.1.0")
    assert not repository.refresh()


def test_refresh__file_still_being_written__waits_until_it_settles(tmp_path: Path) -> None:
    release(tmp_path, "a", "1.0.0")
    repository = looked(tmp_path)
    file = release(tmp_path, "a", "1.1.0", "title: a\n", age=0)
    assert not repository.refresh()
    assert repository.versions("a") == ["1.0.0"]
    release(tmp_path, "a", "1.1.0", age=5)
    assert repository.refresh()
    assert repository.load("/a/1.1.0").body["$id"] == "/a/1.1.0"
    assert repository.problems == []
    assert file.exists()


def test_refresh__released_version_changed__served_as_it_was_and_told(tmp_path: Path) -> None:
    before = release(tmp_path, "a", "1.0.0").read_text()
    repository = looked(tmp_path)
    held = repository.load("/a/1.0.0")
    release(tmp_path, "a", "1.0.0", before + "description: other\n", age=50)
    assert repository.refresh()
    assert repository.load("/a/1.0.0") is held
    assert "was changed after it was released" in repository.problems[0]
    release(tmp_path, "a", "1.0.0", before, age=40)
    assert repository.refresh()
    assert repository.problems == []


def test_refresh__touched_only__no_problem(tmp_path: Path) -> None:
    release(tmp_path, "a", "1.0.0")
    repository = looked(tmp_path)
    repository.load("/a/1.0.0")
    release(tmp_path, "a", "1.0.0", age=30)
    repository.refresh()
    assert repository.problems == []


def test_refresh__loaded_version_taken_away__served_on_and_told(tmp_path: Path) -> None:
    file = release(tmp_path, "a", "1.0.0")
    unread = release(tmp_path, "a", "1.1.0")
    repository = looked(tmp_path)
    held = repository.load("/a/1.0.0")
    text = file.read_text()
    file.unlink()
    unread.unlink()
    assert repository.refresh()
    assert repository.versions("a") == ["1.0.0"]
    assert repository.latest("a") is held
    assert "was taken away" in repository.problems[0]
    assert not repository.refresh()
    release(tmp_path, "a", "1.0.0", text)
    assert repository.refresh()
    assert repository.problems == []


def test_refresh__folder_gone_for_a_while__nothing_lost(tmp_path: Path) -> None:
    release(tmp_path / "one", "a", "1.0.0")
    repository = looked(tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")
    assert repository.refresh()
    assert repository.versions("a") == ["1.0.0"]
    assert "cannot be looked at" in repository.problems[0]
    (tmp_path / "two").rename(tmp_path / "one")
    assert repository.refresh()
    assert repository.problems == []


def test_latest__newest_cannot_be_used__the_one_before(tmp_path: Path) -> None:
    release(tmp_path, "a", "1.0.0")
    release(tmp_path, "a", "1.1.0", "title: a\n$id: /a/1.1.0\nproperties: []\n")
    repository = SchemaRepository([tmp_path])
    assert repository.latest("a").version == "1.0.0"
    assert "/properties: is not as JSON Schema demands it" in repository.problems[0]


def test_load__mended_file__read_again_after_refresh(tmp_path: Path) -> None:
    release(tmp_path, "a", "1.0.0", "{")
    repository = looked(tmp_path)
    for _ in range(2):
        with pytest.raises(SchemaUnusableError, match="not YAML"):
            repository.load("/a/1.0.0")
    release(tmp_path, "a", "1.0.0", age=30)
    assert repository.refresh()
    assert repository.load("/a/1.0.0").version == "1.0.0"


def test_load__many_unknown_uris__no_look_at_the_disk_and_nothing_kept(tmp_path: Path) -> None:
    release(tmp_path, "a", "1.0.0")
    repository = looked(tmp_path)
    shutil.rmtree(tmp_path / "a")
    for number in range(1000):
        with pytest.raises(SchemaNotFoundError):
            repository.load(f"/a/2.0.{number}")
    assert repository.problems == []
    assert not repository._unusable


def test_load__several_threads__one_reading(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    release(tmp_path, "a", "1.0.0")
    text = (tmp_path / "a/1.0.0.yaml").read_bytes()
    repository = looked(tmp_path)
    # In place of the file a pipe, which gives its text to one reader only.
    (tmp_path / "pipe").rename(tmp_path / "a/1.0.0.yaml")
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(repository.load("/a/1.0.0"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    (tmp_path / "a/1.0.0.yaml").write_bytes(text)
    for thread in threads:
        thread.join(10)
    assert len(found) == 8
    assert all(one is found[0] for one in found)


def test_load__symlink__only_inside_the_repository(tmp_path: Path) -> None:
    outside = release(tmp_path / "outside", "a", "1.0.0")
    root = tmp_path / "inside"
    release(root, "b", "1.0.0")
    (root / "a").mkdir()
    (root / "a/1.0.0.yaml").symlink_to(outside)
    (root / "b/1.0.1.yaml").symlink_to("1.0.0.yaml")
    (root / "b/1.0.2.yaml").symlink_to("nothing.yaml")
    (root / "c").symlink_to(tmp_path / "outside/a")
    repository = SchemaRepository([root])
    assert repository.titles() == ["b"]
    assert repository.versions("b") == ["1.0.0", "1.0.1"]
    with pytest.raises(SchemaUnusableError, match=r"\$id '/b/1\.0\.0'"):
        repository.load("/b/1.0.1")


def test_layout__sub_folder_and_json_copies__found(tmp_path: Path) -> None:
    release(tmp_path / "jsonschema", "a", "1.0.0")
    for version, said in (("1.0.0", "json"), ("1.1.0", "json only")):
        (tmp_path / f"jsonschema/a/{version}.json").write_text(
            json.dumps({"title": "a", "$id": f"/a/{version}", "description": said})
        )
    repository = SchemaRepository([tmp_path])
    assert repository.versions("a") == ["1.0.0", "1.1.0"]
    assert "description" not in repository.load("/a/1.0.0").body
    assert repository.load("/a/1.1.0").body["description"] == "json only"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2", "the key 'a' comes twice"),
        ("1: 2", "the key 1 is no text"),
        ("a: !!binary aGk=", "a bytes is no value of JSON"),
        ("a: !!float .inf", "inf is no number of JSON"),
        ("a: &a [*a]", "has more than 64 levels"),
        ("a: !!python/object:os.system x", "not YAML"),
        ("[]", "a schema is a map"),
        ("\xff", "a schema is a map"),
    ],
)
def test_read_yaml__what_json_does_not_know__refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ValueError, match=words):
        read_yaml(tmp_path / "x.yaml")


def test_read_yaml__words_of_old_yaml__are_texts(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: [yes, on, 2021-01-01, 12:30:45, 1e3, true, ~, 7]")
    assert read_yaml(tmp_path / "x.yaml") == {
        "a": ["yes", "on", "2021-01-01", "12:30:45", 1000.0, True, None, 7]
    }
