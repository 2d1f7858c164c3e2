"""Configuration in files: shapes, lines, and files that cannot be checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.contract.check.scenes import NOW, SCHEMAS, demo

from allotment.contract.check import Kind, Limits, Scene, check_scene
from allotment.contract.check.files import FilesError, read_lab

LAB = """\
streams:
  product_metrics.web_base:
    schema_title: /analytics/product_metrics/web/base
experiments:
  search-suggestions:
    end: 2026-12-15T09:00:00Z
    groups: [control, no]
    sample_rate:
      default: 0
      0.1: [frwiki]
      0.1: [dewiki]
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_read_lab__yaml__texts_stay_texts_and_lines_are_known(tmp_path: Path) -> None:
    path = write(tmp_path, "lab.yaml", LAB)
    (experiment,) = read_lab([path]).configuration.experiments
    assert experiment.name == "search-suggestions"
    assert experiment.body["end"] == "2026-12-15T09:00:00Z"
    assert experiment.body["groups"] == ["control", "no"]
    assert experiment.line(("groups", 1)) == 7
    assert experiment.line(("groups", 1, "further in")) == 7
    assert experiment.origin is not None
    assert experiment.origin.repeated == (("sample_rate", "0.1"),)


def test_check__file__finding_has_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, "lab.yaml", LAB)
    scene = Scene(read_lab([path]).configuration, SCHEMAS, NOW)
    lines = {f.rule: (f.place.file, f.place.line) for f in check_scene(scene)}
    assert lines["schema-title-is-plain"] == (path.as_posix(), 3)
    assert lines["key-given-once"] == (path.as_posix(), 11)


def test_read_lab__json_of_the_public_api__same_as_the_documents(tmp_path: Path) -> None:
    document = demo()
    write(tmp_path, "a/streams.json", json.dumps({"streams": document["streams"]}, indent=1))
    write(tmp_path, "a/experiments.json", json.dumps(document["experiments"]))
    write(tmp_path, "a/instruments.json", "\n" + json.dumps(document["instruments"], indent="\t"))
    write(tmp_path, "a/notes.txt", "not read")
    found = read_lab([tmp_path / "a"]).configuration
    assert [e.kind for e in found.entries] == [
        Kind.STREAM,
        Kind.STREAM,
        Kind.INSTRUMENT,
        Kind.EXPERIMENT,
    ]
    assert found.experiments[0].body == document["experiments"][0]
    assert check_scene(Scene(found, SCHEMAS, NOW)) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("name: a\ngroups: [a, b]\n", Kind.EXPERIMENT),
        ("name: a\nsample_unit: session\n", Kind.INSTRUMENT),
        ("stream: a\nschema_title: b\n", Kind.STREAM),
        ("kind: experiment\nname: a\n", Kind.EXPERIMENT),
        ("- {name: a, stream_name: b}\n", Kind.INSTRUMENT),
    ],
)
def test_read_lab__one_item__kind_by_what_it_has(tmp_path: Path, text: str, kind: Kind) -> None:
    (entry,) = read_lab([write(tmp_path, "one.yaml", text)]).configuration.entries
    assert (entry.kind, entry.name) == (kind, "a")
    assert "kind" not in entry.body


def test_read_lab__experiments_alone__streams_are_not_known(tmp_path: Path) -> None:
    path = write(tmp_path, "one.yaml", "experiments: []\n")
    assert read_lab([path]).configuration.streams is None
    path = write(tmp_path, "two.yaml", "streams: {}\n")
    assert read_lab([path]).configuration.streams == ()


def test_read_lab__all_around__limits_lists_and_what_was_seen(tmp_path: Path) -> None:
    text = """\
limits: {kept_days: null, sites: [frwiki], caps: {"*": {frwiki: 0.5}}}
metrics: [{name: clicks, fields: [action], actions: [click]}]
allow_lists: {wiki: [a.stream]}
constraints: {intake: "producers[eventgate][use_edge_uniques]=1"}
observations:
  asked: {a-test: 3}
  groups: {a-test: {control: {subjects: 1, events: 9}}}
edge_enrolls: true
"""
    lab = read_lab([write(tmp_path, "around.yaml", text)])
    assert lab.limits is not None
    assert (lab.limits.kept_days, lab.limits.cap("mw-user", "frwiki")) == (None, 0.5)
    assert lab.limits.years_ahead == Limits().years_ahead
    assert lab.metrics is not None
    assert lab.metrics[0].actions == ("click",)
    assert lab.allow_lists == {"wiki": {"a.stream"}}
    assert lab.constraints["intake"] == {"producers": {"eventgate": {"use_edge_uniques": "1"}}}
    assert lab.observations is not None
    assert lab.observations.groups["a-test"]["control"].events == 9
    assert lab.edge_enrolls


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "a: [", "cannot be read"),
        ("a.json", "{,}", "cannot be read"),
        ("a.yaml", "just a text", "no object and no list"),
        ("a.yaml", "{}", "holds nothing"),
        ("a.yaml", "a: 1\n", "is no stream, instrument or experiment"),
        ("a.yaml", "- 1\n", "/0 is no stream"),
        ("a.yaml", "limits: {caps: 3}\n", "another form"),
        ("a.yaml", "a: &a [*a]\n", "cannot be read"),
    ],
)
def test_read_lab__other_file__said_what_is_wrong(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(FilesError, match=said) as told:
        read_lab([write(tmp_path, name, text)])
    assert name in str(told.value)


def test_read_lab__no_such_file_or_empty_folder__said(tmp_path: Path) -> None:
    with pytest.raises(FilesError, match="No such file"):
        read_lab([tmp_path / "missing.yaml"])
    with pytest.raises(FilesError, match="holds no"):
        read_lab([tmp_path])


def test_read_lab__aliases_that_multiply__refused(tmp_path: Path) -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for n in range(1, 8):
        text += f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n"
    with pytest.raises(FilesError, match="more than"):
        read_lab([write(tmp_path, "many.yaml", text)])
