"""Files of `allotment export` as the check reads them: the shape, and the line of every value."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.check.scenes import NOW, SCHEMAS

from allotment.contract.check import Configuration, Kind, Limits, Origin, Scene, check_scene
from allotment.contract.check.files import read_lab
from allotment.contract.check.plan_files import entry

EXPERIMENT = """\
kind: experiment
machine_name: search-suggestions
name: Search suggestions
end: '2026-12-15T09:00:00Z'
stream: product_metrics.web_base
attributes:
  - page_secret
default_rate: 0
sites:
  - site: frwiki
    rate: 0.1
  - site: enwiki
    rate: 0.2
  - site: frwiki
    rate: 0.1
identifier_type: shoe-size
primary_metric: happiness
guardrails:
  - metric: latency
    margin: 1
groups:
  - name: control
  - name: other
    weight: 0
hypothesys: It helps.
"""
STREAM = """\
kind: stream
name: product_metrics.web_base
schema_title: /analytics/product_metrics/web/base
attributes: [page_id]
environments: [production]
settings:
  eventgate:
    use_edge_uniques: true
"""


def test_read_lab__exported_files__public_shape(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(EXPERIMENT)
    (tmp_path / "b.yaml").write_text(STREAM)
    (tmp_path / "c.yaml").write_text("kind: site\nname: frwiki\n")
    (tmp_path / "d.yaml").write_text("kind: team\nname: Search team\n")
    found = read_lab([tmp_path]).configuration
    (experiment,) = found.experiments
    assert experiment.name == "search-suggestions"
    assert experiment.body["sample_rate"] == {
        "default": 0,
        "0.1": ["frwiki", "frwiki"],
        "0.2": ["enwiki"],
    }
    assert experiment.body["groups"] == ["control", "other"]
    assert experiment.body["weights"] == [1, 0]
    assert experiment.stream == "product_metrics.web_base"
    (stream,) = found.streams or ()
    assert stream.attributes == ("page_id",)
    assert stream.at("eventgate", "use_edge_uniques") is True


def test_check__exported_files__each_finding_has_its_line(tmp_path: Path) -> None:
    experiment, stream = tmp_path / "a.yaml", tmp_path / "b.yaml"
    experiment.write_text(EXPERIMENT)
    stream.write_text(STREAM)
    scene = Scene(read_lab([tmp_path]).configuration, SCHEMAS, NOW, metrics=())
    places = {(f.rule, f.place.file, f.place.line) for f in check_scene(scene)}
    for rule, path, text in (
        ("identifier-type-is-known", experiment, "identifier_type: shoe-size"),
        ("weights-are-positive", experiment, "groups:"),
        ("metric-is-known", experiment, "primary_metric: happiness"),
        ("metric-is-known", experiment, "  - metric: latency"),
        ("field-is-known", experiment, "hypothesys: It helps."),
        ("schema-title-is-plain", stream, "schema_title: /analytics/product_metrics/web/base"),
        ("setting-in-its-place", stream, "  eventgate:"),
    ):
        line = path.read_text().splitlines().index(text) + 1
        assert (rule, path.as_posix(), line) in places, (rule, places)
    twice = [place for place in places if place[0] == "site-listed-once"]
    assert [line for _, _, line in twice] == [14]


def test_check__family_of_exported_sites__is_known_and_another_is_not(tmp_path: Path) -> None:
    text = EXPERIMENT.replace("site: enwiki", "site: family:wikipedia")
    (tmp_path / "a.yaml").write_text(text)
    lab = read_lab([tmp_path])
    scene = Scene(lab.configuration, SCHEMAS, NOW, limits=lab.limits or Limits())
    assert "site-has-form" in {f.rule for f in check_scene(scene)}
    (tmp_path / "site.yaml").write_text("kind: site\nname: frwiki\nfamily: wikipedia\n")
    lab = read_lab([tmp_path])
    scene = Scene(lab.configuration, SCHEMAS, NOW, limits=lab.limits or Limits())
    assert "site-has-form" not in {f.rule for f in check_scene(scene)}


def test_read_lab__template__never_taken_for_something_that_runs(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{EXPERIMENT}is_template: true\n")
    (template,) = read_lab([tmp_path]).configuration.experiments
    assert template.is_off


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        *("kind", "machine_name", "name", "stream", "attributes", "sites", "groups", "settings"),
        *("guardrails", "secondary_metrics", "default_rate", "targeting", "environments"),
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    document=st.dictionaries(KEYS, ANYTHING, max_size=6),
    kind=st.sampled_from(["stream", "experiment", "instrument", None]),
)
def test_entry__any_value_at_any_place__checked_without_a_fault(
    document: dict[str, object], kind: str | None
) -> None:
    found = entry({**document, "kind": kind}, Origin("a.yaml", {"": 1}))
    parts = {
        Kind.STREAM: Configuration((found,)),
        Kind.EXPERIMENT: Configuration((), (), (found,)),
        Kind.INSTRUMENT: Configuration((), (found,)),
    }
    check_scene(Scene(parts[found.kind], SCHEMAS, NOW))


def test_check__exported_holdout__is_judged_with_its_line(tmp_path: Path) -> None:
    holds_out = "holds_out:\n  - all\n  - Search experiments\n"
    (tmp_path / "a.yaml").write_text(EXPERIMENT.replace("hypothesys: It helps.\n", holds_out))
    (tmp_path / "b.yaml").write_text(STREAM)
    scene = Scene(read_lab([tmp_path]).configuration, SCHEMAS, NOW, metrics=())
    found = {(f.rule, f.place.line) for f in check_scene(scene) if "holdout" in f.rule}
    assert found == {
        ("holdout-covers-known", 27),
        ("holdout-is-small", 21),
        ("holdout-measures-all", 8),
    }
