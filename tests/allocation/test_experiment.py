"""Experiments as the public API shows them: what is read, what is refused, what is decided."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from tests.vector_files import read_vectors

from allotment.allocation import (
    ConfigError,
    Reason,
    SampleRate,
    allocate,
    first_group_end,
    group_index,
    parse_experiment,
    parse_rate,
    parse_sample_rate,
    parse_time,
)

READING = read_vectors("reading.json")
TIMES = read_vectors("times.json")["cases"]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ITEM: dict[str, object] = {
    "name": "bar",
    "start": "2026-11-22T00:00:00Z",
    "end": "2026-11-23T00:00:00Z",
    "user_identifier_type": "mw-user",
    "sample_rate": {"default": "0.5", "0.1": ["frwiki"], "0": ["dewiki", "frwiki"], "1": ["xwiki"]},
    "groups": ["control", "treatment"],
    "stream_name": "product_metrics.web_base",
    "schema_id": "/analytics/product_metrics/web/base/1.3.0",
    "contextual_attributes": ["page_id"],
    "version": 7,
    "phase_index": 2,
}


def test_parse_experiment__full_item__keeps_every_field() -> None:
    experiment = parse_experiment(ITEM)
    assert (experiment.name, experiment.groups, experiment.weights) == (
        "bar",
        ("control", "treatment"),
        (1, 1),
    )
    assert (experiment.identifier_type, experiment.version, experiment.phase_index) == (
        "mw-user",
        "7",
        2,
    )
    assert experiment.stream_name == "product_metrics.web_base"
    assert experiment.contextual_attributes == ("page_id",)
    assert experiment.start == datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("site", "rate"), [(None, 0.5), ("enwiki", 0.5), ("frwiki", 0), ("dewiki", 0), ("xwiki", 1)]
)
def test_sample_rate__site__lowest_rate_that_names_it_counts(site: str | None, rate: float) -> None:
    assert parse_experiment(ITEM).sample_rate.at(site) == rate


def test_parse_experiment__only_name_and_groups__takes_nobody() -> None:
    experiment = parse_experiment({"name": "a", "groups": ["x"]})
    assert experiment.sample_rate == SampleRate(0.0, {})
    assert allocate(experiment, "1").reason is Reason.NOT_SAMPLED


def test_parse_experiment__whole_numbers_written_as_fractions__are_whole() -> None:
    item = {**ITEM, "weights": [1.0, 2], "phase_index": 3.0}
    experiment = parse_experiment(item)
    assert (experiment.weights, experiment.phase_index) == ((1, 2), 3)
    assert all(type(weight) is int for weight in experiment.weights)


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("name", None, "not empty"),
        ("name", "", "not empty"),
        ("name", 3, "not empty"),
        ("groups", None, "1 to 10"),
        ("groups", [], "1 to 10"),
        ("groups", "control", "list of texts"),
        ("groups", ["a", ""], "must be a text"),
        ("groups", ["a", 1], "must be a text"),
        ("groups", ["a", "a"], "listed twice"),
        ("groups", [str(n) for n in range(11)], "1 to 10"),
        ("weights", [1], "one whole number a group"),
        ("weights", 2, "one whole number a group"),
        ("weights", "12", "one whole number a group"),
        ("weights", [1, 1.5], "whole numbers"),
        ("weights", [1, -1], "whole numbers"),
        ("weights", [1, True], "whole numbers"),
        ("weights", [1, "1"], "whole numbers"),
        ("weights", [0, 0], "sum must be 1 to 1048576"),
        ("weights", [1 << 20, 1], "sum must be 1 to 1048576"),
        ("sample_rate", 0.5, "JSON object"),
        ("start", "soon", "2026-11-22T09:00:00Z"),
        ("end", 20261122, "2026-11-22T09:00:00Z"),
        ("user_identifier_type", ["mw-user"], "give a text"),
        ("stream_name", 5, "give a text"),
        ("schema_id", {}, "give a text"),
        ("contextual_attributes", "page_id", "list of texts"),
        ("version", [1], "text or a whole number"),
        ("phase_index", "two", "whole number"),
        ("phase_index", -1, "whole number"),
    ],
)
def test_parse_experiment__bad_field__names_field_value_and_remedy(
    field: str, value: object, remedy: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_experiment({**ITEM, field: value})
    message = str(caught.value)
    assert f"'{field}'" in message
    assert remedy in message
    assert repr(value) in message


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"default": "half"}, "'half'"),
        ({"default": True}, "True"),
        ({"default": None}, "None"),
        ({"default": 10**400}, "10000"),
        ({"default": float("nan")}, "nan"),
        ({"default": 1, "2": ["x"]}, "'2'"),
        ({"default": 1, "0.5": "frwiki"}, "'frwiki'"),
    ],
)
def test_parse_experiment__bad_rate__names_it(value: object, shown: str) -> None:
    with pytest.raises(ConfigError, match=f"^bar: .*'sample_rate' is {shown}"):
        parse_experiment({**ITEM, "sample_rate": value})


@pytest.mark.parametrize(("version", "text"), [(2.0, "2"), (-0.0, "0"), ("2.0", "2.0"), (-1, "-1")])
def test_parse_experiment__version__is_a_text_and_a_whole_number_has_no_point(
    version: object, text: str
) -> None:
    assert parse_experiment({**ITEM, "version": version}).version == text


def test_parse_experiment__no_object__says_so() -> None:
    with pytest.raises(ConfigError, match="'bar'; it must be a JSON object"):
        parse_experiment("bar")


@pytest.mark.parametrize("case", READING["rates"], ids=lambda case: ascii(case["text"]))
def test_parse_rate__text__only_plain_decimals(case: dict[str, object]) -> None:
    assert parse_rate(case["text"]) == case["rate"]


def test_parse_sample_rate__number__as_it_is() -> None:
    assert parse_sample_rate("a", {"default": 1}).default == 1.0
    assert parse_rate(float("nan")) is None


def test_parse_time__no_zone__is_utc() -> None:
    assert parse_experiment({**ITEM, "start": "2026-11-22T00:00:00"}).start == datetime(
        2026, 11, 22, tzinfo=UTC
    )


def test_parse_time__all_vectors__name_the_moment_or_are_refused() -> None:
    assert len(TIMES) == 1_500
    for case in TIMES:
        found: int | None = None
        with suppress(ConfigError):
            time = parse_time("case", "start", case["text"])
            assert time is not None
            found = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
            assert time.microsecond % 1000 == 0
        assert found == case["ms"], case


@pytest.mark.parametrize("found", [None, ""])
def test_parse_time__nothing__is_none(found: object) -> None:
    assert parse_time("case", "start", found) is None


@pytest.mark.parametrize(
    ("subject", "site", "now", "overrides", "group", "reason"),
    [
        ("2", None, NOON, {}, "treatment", Reason.ASSIGNED),
        ("2", "frwiki", NOON, {}, None, Reason.NOT_SAMPLED),
        ("2", "xwiki", NOON, {}, "treatment", Reason.ASSIGNED),
        ("2", None, NOON - timedelta(days=1), {}, None, Reason.NOT_ACTIVE),
        ("2", None, NOON + timedelta(days=1), {}, None, Reason.NOT_ACTIVE),
        ("2", None, datetime(2026, 11, 22, tzinfo=UTC), {}, "treatment", Reason.ASSIGNED),
        ("2", None, datetime(2026, 11, 23, tzinfo=UTC), {}, "treatment", Reason.ASSIGNED),
        ("2", None, NOON, {"other": "x"}, "treatment", Reason.ASSIGNED),
    ],
)
def test_allocate__published_subject__first_step_that_decides_gives_the_reason(
    subject: str,
    site: str | None,
    now: datetime,
    overrides: dict[str, str],
    group: str | None,
    reason: Reason,
) -> None:
    found = allocate(parse_experiment(ITEM), subject, site=site, now=now, overrides=overrides)
    assert (found.group, found.reason, found.enrolled) == (group, reason, group is not None)
    assert found.subject_id.startswith("92bd577d056dc2d6")


def test_allocate__forced__wins_over_dates_and_rate() -> None:
    past = NOON - timedelta(days=400)
    found = allocate(parse_experiment(ITEM), "2", site="dewiki", now=past, overrides={"bar": "odd"})
    assert (found.group, found.reason) == ("odd", Reason.OVERRIDDEN)
    assert found.subject_id == "overridden"


def in_layer(name: str, begin: int, end: int) -> dict[str, object]:
    return {**ITEM, "name": name, "layer": {"name": "search", "begin": begin, "end": end}}


def test_allocate__two_experiments_of_a_layer__never_share_a_subject() -> None:
    half = 1 << 23
    experiments = [
        parse_experiment({**in_layer("one", 0, half), "sample_rate": {"default": 1}}),
        parse_experiment({**in_layer("two", half, 2 * half), "sample_rate": {"default": 1}}),
    ]
    for subject in range(500):
        found = [allocate(experiment, str(subject), now=NOON) for experiment in experiments]
        assert sorted(each.reason for each in found) == [Reason.ASSIGNED, Reason.LAYER_TAKEN]


def test_allocate__in_a_layer__groups_and_sampling_are_those_of_the_law_alone() -> None:
    free = parse_experiment(ITEM)
    bound = parse_experiment(in_layer("bar", 0, 1 << 23))
    found = {subject: allocate(bound, str(subject), now=NOON) for subject in range(2000)}
    inside = {s: f for s, f in found.items() if f.reason is not Reason.LAYER_TAKEN}
    assert 900 < len(inside) < 1100
    assert 400 < sum(each.enrolled for each in inside.values()) < 600
    for subject, each in inside.items():
        assert each == allocate(free, str(subject), now=NOON)


def test_allocate__held_out__are_those_in_the_first_group_of_the_holdout() -> None:
    weights = (5, 90, 5)
    holdout = parse_experiment(
        {
            **ITEM,
            "name": "holdout-2026",
            "groups": ["held-out", "open", "open-too"],
            "weights": list(weights),
            "sample_rate": {"default": 1},
        }
    )
    kept = {"name": "holdout-2026", "begin": 0, "end": first_group_end(weights)}
    covered = parse_experiment({**ITEM, "sample_rate": {"default": 1}, "holdouts": [kept]})
    free = parse_experiment({**ITEM, "sample_rate": {"default": 1}})
    held = 0
    for subject in map(str, range(4000)):
        found = allocate(covered, subject, now=NOON)
        if allocate(holdout, subject, now=NOON).group == "held-out":
            held += 1
            assert (found.group, found.reason) == (None, Reason.HELD_OUT)
        else:
            assert found == allocate(free, subject, now=NOON)
    assert 150 < held < 250


@pytest.mark.parametrize("slot", [0, 1, 838_859, 838_860, 838_861, (1 << 24) - 1])
@pytest.mark.parametrize("weights", [(5, 95), (1, 2), (1, 1), (7,), (1, (1 << 20) - 1), (0, 1)])
def test_first_group_end__slot_below__is_one_of_the_first_group(
    slot: int, weights: tuple[int, ...]
) -> None:
    drawn = slot * sum(weights) >> 24
    assert (group_index(drawn, weights) == 0) is (slot < first_group_end(weights))


def test_first_group_end__weights_without_a_sum__says_so() -> None:
    with pytest.raises(ValueError, match=r"the weights \[0\] add up to 0"):
        first_group_end([0])


@pytest.mark.parametrize(
    "holdouts",
    [
        "search",
        {"name": "search", "begin": 0, "end": 1},
        ["search"],
        [{"name": "", "begin": 0, "end": 1}],
        [{"name": "search", "begin": 1, "end": 1}],
        [{"name": "search", "begin": 0, "end": (1 << 24) + 1}],
        [{"name": "search", "begin": 0, "end": 1}, {"name": "search"}],
    ],
)
def test_parse_experiment__holdouts_that_cannot_be_used__refused(holdouts: object) -> None:
    with pytest.raises(ConfigError, match=r"'holdouts' (is|has) "):
        parse_experiment({**ITEM, "holdouts": holdouts})


@pytest.mark.parametrize(
    "layer",
    [
        "search",
        {"name": "", "begin": 0, "end": 1},
        {"name": "search", "begin": 1, "end": 1},
        {"name": "search", "begin": 0, "end": (1 << 24) + 1},
        {"name": "search", "begin": -1, "end": 1},
        {"name": "search", "begin": 0},
    ],
)
def test_parse_experiment__layer_that_cannot_be_used__refused(layer: object) -> None:
    with pytest.raises(ConfigError, match="'layer' is"):
        parse_experiment({**ITEM, "layer": layer})


def test_allocate__reasons__the_first_step_that_decides_gives_it() -> None:
    nobody = {"name": "search", "begin": 0, "end": 1}
    everybody = {"name": "holdout-2026", "begin": 0, "end": 1 << 24}
    item = {**ITEM, "layer": nobody, "targeting": {"page_id": {"equals": 7}}}
    kept_out = parse_experiment({**item, "holdouts": [nobody, everybody]})
    experiment = parse_experiment(item)
    late = NOON + timedelta(days=2)
    meets = {"page_id": 7}
    reasons = [
        allocate(experiment, "1", now=late, overrides={"bar": "x"}).reason,
        allocate(experiment, "1", now=late).reason,
        allocate(experiment, "1", now=NOON).reason,
        allocate(kept_out, "1", now=NOON, attributes=meets).reason,
        allocate(experiment, "1", now=NOON, attributes=meets).reason,
        allocate(
            parse_experiment({**item, "layer": None}),
            "1",
            now=NOON,
            site="dewiki",
            attributes=meets,
        ).reason,
        allocate(
            parse_experiment({**item, "layer": None}), "1", now=NOON, site="xwiki", attributes=meets
        ).reason,
    ]
    assert reasons == list(Reason)


def test_parse_experiment__targeting_that_cannot_be_used__refused_with_its_name() -> None:
    with pytest.raises(ConfigError, match="bar: 'targeting' of page_id has the operator 'is'"):
        parse_experiment({**ITEM, "targeting": {"page_id": {"is": 7}}})
