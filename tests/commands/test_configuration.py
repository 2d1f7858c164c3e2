"""`allotment export`, `plan` and `apply` against a registry that runs, as CI would use them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.commands.registry_process import RunningRegistry, running_registry

ROOT = Path(__file__).resolve().parents[2]
NEW = """\
kind: experiment
machine_name: from-a-file-1
name: From a file
owners: [Demo team]
end: '2035-01-31T09:00:00Z'
stream: product_metrics.from_a_file
sites:
  - {site: frwiki, rate: 0.1}
risk_level: low
acknowledged: true
identifier_type: mw-user
groups:
  - name: control
  - name: other
"""
STREAM = """\
kind: stream
name: product_metrics.from_a_file
schema_title: analytics/product_metrics/web/base
"""


EVERYTHING = {
    "team": "kind: team\nname: Chrome team\ndescription: Around the text\nmembers: [admin]\n",
    "layer": "kind: layer\nname: chrome\ndescription: Nobody is in two of these\n",
    "site": "kind: site\nname: frwiki\nfamily: wikipedia\ndomain: fr.wikipedia.example\ncap: 0.5\n",
    "stream": """\
kind: stream
name: /^chrome\\.[a-z]+/
schema_title: analytics/product_metrics/web/base
description: Every stream of the chrome
attributes: [page_id]
settings:
  sample: {unit: session, rate: 0.5}
  producers: {eventgate: {enrich_fields_from_http_headers: {}}}
""",
    "instrument": """\
kind: instrument
machine_name: chrome-clicks
name: Clicks around the text
owners: [Chrome team]
end: '2028-01-31T09:00:00Z'
stream: product_metrics.web_base
default_rate: 0.25
sites:
  - {site: 'family:wikipedia', rate: 0.1}
risk_level: low
acknowledged: true
sample_unit: session
""",
    "exception": """\
kind: exception
item: nothing-new-in-the-chrome
site: frwiki
cap: 1
reason: A holdout counts only if it is whole.
""",
    "holdout": """\
kind: experiment
machine_name: nothing-new-in-the-chrome
name: Nothing new around the text
owners: [Chrome team, '@admin']
end: '2028-01-31T09:00:00Z'
stream: product_metrics.web_base
default_rate: 1
holds_out: ['layer:chrome', related-articles-card]
risk_level: low
acknowledged: true
identifier_type: edge-unique
groups:
  - {name: held-out, weight: 5}
  - {name: open, weight: 95}
""",
    "experiment": NEW.replace("from-a-file-1", "chrome-of-articles")
    .replace("product_metrics.from_a_file", "product_metrics.web_base")
    .replace("mw-user", "edge-unique")
    + """\
layer: chrome
layer_share: 0.125
hypothesis: "Fewer things around the text: more reading\\nand no yes, no 1e3 lost"
links:
  - {label: Design, url: 'https://wiki.example/design'}
guardrails:
  - {metric: click_through_rate, margin: 2.5}
minimum_effect: 1.25
planned_size: 12000
planned_days: 21
attributes: [page_namespace_id]
targeting:
  page_namespace_id: {in: [0, 4]}
""",
}
"""One file of each kind, with the fields that few use."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def files(registry: RunningRegistry, tmp_path: Path) -> Path:
    """An export."""
    folder = tmp_path / "lab"
    done = registry.run("export", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text, text
    path.write_text(text.replace(before, after))


def test_export__then_plan_and_apply__no_change(registry: RunningRegistry, files: Path) -> None:
    names = {path.relative_to(files).as_posix() for path in files.rglob("*.yaml")}
    assert {
        "experiments/related-articles-card.yaml",
        "instruments/demo-article-clicks.yaml",
        "streams/product_metrics.web_base.yaml",
    } <= names
    before = {path: path.read_text() for path in files.rglob("*.yaml")}
    planned = registry.run("plan", str(files), token=registry.reader)
    assert (planned.returncode, planned.stderr) == (0, "")
    assert planned.stdout == "Nothing to change: the registry holds what the files say.\n"
    applied = registry.run("apply", str(files))
    assert (applied.returncode, applied.stdout) == (0, planned.stdout)
    again = registry.run("export", str(files))
    assert again.stdout == f"0 files written, {len(before)} said the same.\n"
    assert {path: path.read_text() for path in files.rglob("*.yaml")} == before


def test_check__exported_files__read_with_file_and_line(
    registry: RunningRegistry, files: Path
) -> None:
    sound = registry.run("check", "--files", str(files))
    assert sound.returncode == 0, sound.stdout + sound.stderr
    path = files / "experiments" / "related-articles-card.yaml"
    edit(path, "identifier_type: edge-unique", "identifier_type: shoe-size")
    found = registry.run("check", "--files", str(files), "--format", "sarif")
    assert found.returncode == 1
    line = path.read_text().splitlines().index("identifier_type: shoe-size") + 1
    places = {
        (r["ruleId"], p["artifactLocation"]["uri"], p["region"]["startLine"])
        for r in json.loads(found.stdout)["runs"][0]["results"]
        for p in [r["locations"][0]["physicalLocation"]]
    }
    assert ("identifier-type-is-known", path.as_posix(), line) in places


def test_plan__new_experiment_on_a_new_stream__exit_2_then_applied_in_order(
    registry: RunningRegistry, files: Path
) -> None:
    (files / "new.yaml").write_text(NEW)
    (files / "stream.yaml").write_text(STREAM)
    planned = registry.run("plan", str(files), token=registry.reader)
    assert planned.returncode == 2, planned.stdout + planned.stderr
    assert "+ stream product_metrics.from_a_file\n" in planned.stdout
    assert "+ experiment from-a-file-1\n" in planned.stdout
    assert planned.stdout.endswith("2 new. Nothing is stored yet.\n")
    assert "your token may not do this" in planned.stdout
    refused = registry.run("apply", str(files), token=registry.reader)
    assert refused.returncode == 1
    applied = registry.run("apply", str(files), "--reason", "As reviewed")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert applied.stdout.endswith("2 new.\n")
    assert registry.run("plan", str(files)).returncode == 0
    kept = registry.run("export", str(files))
    assert (files / "new.yaml").read_text() != NEW
    assert "wrote" in kept.stdout
    # A file that is gone: told, and archived only with consent.
    (files / "new.yaml").unlink()
    told = registry.run("plan", str(files))
    assert told.returncode == 0
    assert "experiment from-a-file-1 (draft); it stays, as --prune is not given" in told.stdout
    asks = registry.run("apply", str(files), "--prune")
    assert asks.returncode == 1
    assert "say --yes" in asks.stderr
    gone = registry.run("apply", str(files), "--prune", "--yes")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert "- experiment from-a-file-1: archived" in gone.stdout


def test_plan__prune_of_what_runs__never_touched(registry: RunningRegistry, files: Path) -> None:
    (files / "experiments" / "related-articles-card.yaml").unlink()
    planned = registry.run("plan", str(files), "--prune")
    assert planned.returncode == 0, planned.stdout
    assert "experiment related-articles-card (running); it stays as it is" in planned.stdout
    applied = registry.run("apply", str(files), "--prune", "--yes")
    assert applied.returncode == 0


def test_plan__live_experiment__semantic_diff_and_refusals_with_file_and_line(
    registry: RunningRegistry, files: Path
) -> None:
    path = files / "experiments" / "related-articles-card.yaml"
    edit(path, "name: Related articles card", "name: Related articles")
    planned = registry.run("plan", str(files))
    assert planned.returncode == 2
    assert "~ Name: Related articles card → Related articles" in planned.stdout
    machine = json.loads(registry.run("plan", str(files), "--format", "json").stdout)
    (entry,) = machine["entries"]
    assert (entry["done"], entry["changes"][0]["label"]) == ("changed", "Name")
    assert machine["absent"] == []
    edit(path, "weight: 1", "weight: 3")
    edit(path, "acknowledged: true", "acknowledged: true\nsmaple_rate: 1")
    refused = registry.run("plan", str(files))
    assert refused.returncode == 1
    assert re.search(rf"{path}:\d+: refused key-is-known: smaple_rate", refused.stdout)
    edit(path, "smaple_rate: 1\n", "")
    refused = registry.run("plan", str(files))
    line = path.read_text().splitlines().index("groups:") + 1
    assert f"{path}:{line}: refused live-is-frozen" in refused.stdout, refused.stdout
    assert "Nothing is applied while anything is refused." in refused.stdout
    unchanged = registry.run("export", str(files))
    assert f"wrote {path}" in unchanged.stdout


def test_apply__kept_plan_and_a_change_in_between__refused(
    registry: RunningRegistry, files: Path, tmp_path: Path
) -> None:
    path = files / "instruments" / "demo-article-clicks.yaml"
    kept = tmp_path / "plan.json"
    original = path.read_text()
    edit(path, "\nname: ", "\nname: A ")
    assert registry.run("plan", str(files), "--out", str(kept)).returncode == 2
    edit(path, "\nname: A ", "\nname: B ")
    assert registry.run("apply", str(files)).returncode == 0
    refused = registry.run("apply", "--plan", str(kept))
    assert refused.returncode == 1
    assert "refused nobody-wrote-meanwhile" in refused.stdout
    path.write_text(original)
    assert registry.run("plan", str(files), "--out", str(kept)).returncode == 2
    assert registry.run("apply", "--plan", str(kept)).returncode == 0
    assert registry.run("plan", str(files)).returncode == 0


def test_commands__no_token_wrong_token_no_registry__one_sentence_and_exit_1(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    folder = str(tmp_path)
    file = tmp_path / "token"
    file.write_text("alt_wrong_token\n")
    for arguments, told in (
        (("export", folder), "no token is given"),
        (("export", folder, "--token-file", str(file)), "Bearer"),
        (("export", folder, "--token-file", folder), "holds no token"),
        (("plan", str(tmp_path / "nowhere")), "is no folder"),
        (("plan", folder, "--registry", "http://127.0.0.1:9"), "does not answer"),
        (("apply", "--plan", str(file)), "is no plan"),
    ):
        token = "" if "no token" in told else registry.admin
        found = registry.run(*arguments, token=token)
        assert found.returncode == 1, arguments
        assert told in found.stderr, (arguments, found.stderr)
        assert "Traceback" not in found.stderr
        assert registry.admin not in found.stderr


def test_guide__each_command__prints_what_the_page_shows(tmp_path: Path) -> None:
    """The page of the documentation, from top to bottom, against a registry of its own."""
    page = (ROOT / "docs" / "how-to" / "keep-configuration-in-git.md").read_text()
    blocks = re.findall(r"^```console registry\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    with running_registry(tmp_path / "registry") as registry:
        for block in blocks:
            for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, expected = step.partition("\n")
                printed = registry.shell(command, cwd=tmp_path)
                pattern = re.escape(expected.strip()).replace("…", r"[\s\S]*")
                assert re.fullmatch(pattern, printed.strip()), f"{command}\n{printed}"


def test_export__applied_to_a_registry_that_lacks_it__exported_again_byte_for_byte(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    written = tmp_path / "written"
    written.mkdir()
    for name, text in EVERYTHING.items():
        (written / f"{name}.yaml").write_text(text)
    made = registry.run("apply", str(written))
    assert made.returncode == 0, made.stdout + made.stderr
    first, second = tmp_path / "first", tmp_path / "second"
    assert registry.run("export", str(first)).returncode == 0
    for running in ("experiments/related-articles-card", "instruments/demo-article-clicks"):
        (first / f"{running}.yaml").unlink()  # in the other registry they began at another minute
    with running_registry(tmp_path / "other") as other:
        moved = other.run("apply", str(first))
        assert moved.returncode == 0, moved.stdout + moved.stderr
        assert "+ experiment nothing-new-in-the-chrome" in moved.stdout
        assert other.run("export", str(second)).returncode == 0
        assert other.run("plan", str(first)).returncode == 0
    files = [
        {path.relative_to(one): path.read_text() for path in one.rglob("*.yaml")}
        for one in (first, second)
    ]
    assert files[0] == {path: files[1].get(path) for path in files[0]}
    exported = [yaml.safe_load(text) for text in files[0].values()]
    for text in EVERYTHING.values():
        asked = yaml.safe_load(text)
        asked.pop("groups", None)  # which an export gives descriptions and weights
        assert any(asked == {key: found.get(key) for key in asked} for found in exported), text
