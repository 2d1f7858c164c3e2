import hmac
from datetime import UTC, datetime
from hashlib import sha256

from tests.sdk.stand_ins import EXPERIMENT

from allotment.allocation import Experiment, allocate, parse_experiment
from allotment.sdk import Membership, enroll

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def experiment(name: str, **changes: object) -> Experiment:
    return parse_experiment({**EXPERIMENT, "name": name, **changes})


def enrolled(*experiments: Experiment, **ids: str) -> Membership:
    named = {"mw-user": ids.get("user"), "edge-unique": ids.get("browser")}
    return enroll(experiments, named, site="demowiki", now=NOW)


def test_enroll__each_visitor__agrees_with_the_law() -> None:
    tested = experiment("half", sample_rate={"default": 0.5}, groups=["a", "b", "c"], weights=None)
    found = 0
    for number in range(500):
        membership = enrolled(tested, browser=f"browser-{number}")
        law = allocate(tested, f"browser-{number}", site="demowiki", now=NOW)
        assert membership.group("half") == law.group
        if law.enrolled:
            found += 1
            assert membership.subject_ids == {"half": law.subject_id}
    assert 190 < found < 310


def test_enroll__published_vectors__user_2() -> None:
    foo = experiment("foo", groups=["control", "treatment"], user_identifier_type="mw-user")
    membership = enrolled(foo, user="2")
    assert membership.group("foo") == "control"
    assert membership.subject_ids["foo"].startswith("377195904c99497c")


def test_enroll__subject_key__hides_the_ids_and_moves_nobody() -> None:
    tested = [experiment("half", sample_rate={"default": 0.5}), experiment("all")]
    key = b"a secret of some length"
    for number in range(200):
        ids = {"edge-unique": f"browser-{number}"}
        plain = enroll(tested, ids, site=None, now=NOW)
        keyed = enroll(tested, ids, site=None, now=NOW, subject_key=key)
        assert keyed.assigned == plain.assigned
        assert keyed.subject_ids == {
            name: hmac.new(key, f"{name}:browser-{number}".encode(), sha256).hexdigest()
            for name in plain.subject_ids
        }


def test_enroll__subject_key_and_override__the_word_stays() -> None:
    membership = enroll(
        [experiment("one")], {}, site=None, now=NOW, overrides={"one": "a"}, subject_key=b"k" * 16
    )
    assert membership.subject_ids == {"one": "overridden"}


def test_enroll__type_without_id__is_not_evaluated() -> None:
    tested = experiment("for-users", user_identifier_type="mw-user")
    assert enrolled(tested, browser="b").enrolled == ()
    assert enrolled(tested, user="1").enrolled == ("for-users",)


def test_enroll__unknown_type__is_not_evaluated() -> None:
    assert enrolled(experiment("x", user_identifier_type="device"), user="1").enrolled == ()


def test_enroll__sites_rate__counts() -> None:
    tested = experiment("x", sample_rate={"default": 1, "0": ["demowiki"]})
    assert enrolled(tested, browser="b").enrolled == ()


def test_enroll__outside_dates__nobody() -> None:
    assert enrolled(experiment("x", end="2026-11-21"), browser="b").enrolled == ()
    assert enrolled(experiment("x", start="2026-11-23"), browser="b").enrolled == ()


def test_enroll__override__wins_over_dates_rate_and_missing_id() -> None:
    tested = experiment("x", end="2020-01-02", user_identifier_type="mw-user")
    membership = enroll([tested], {}, site=None, now=NOW, overrides={"x": "card"})
    assert membership.to_event() == {
        "enrolled": ["x"],
        "assigned": {"x": "card"},
        "subject_ids": {"x": "overridden"},
        "sampling_units": {"x": "mw-user"},
        "coordinators": {"x": "forced"},
        "versions": {"x": "3"},
    }


def test_enroll__override_of_unknown_experiment__holds() -> None:
    membership = enroll([], {}, site=None, now=NOW, overrides={"secret": "b"})
    assert membership.to_page() == {
        "enrolled": ["secret"],
        "assigned": {"secret": "b"},
        "subject_ids": {"secret": "overridden"},
        "sampling_units": {},
        "coordinators": {"secret": "forced"},
        "versions": {},
        "overrides": ["secret"],
    }


def test_enroll__override_of_one__leaves_the_others() -> None:
    both = [experiment("one"), experiment("two")]
    ids = {"edge-unique": "b"}
    free = enroll(both, ids, site=None, now=NOW)
    forced = enroll(both, ids, site=None, now=NOW, overrides={"one": "elsewhere"})
    assert forced.group("one") == "elsewhere"
    assert forced.group("two") == free.group("two")
    assert forced.coordinators == {"one": "forced", "two": "default"}


def test_membership__each_way_to_be_in_or_out__has_a_reason() -> None:
    base = {"groups": ["a", "b"], "sample_rate": {"default": 1}, "user_identifier_type": "mw-user"}
    items: dict[str, dict[str, object]] = {
        "in": {},
        "out": {"sample_rate": {"default": 0}},
        "over": {"end": "2020-01-01T00:00:00Z"},
        "theirs": {"user_identifier_type": "session"},
        "forced": {"sample_rate": {"default": 0}},
        "others": {"targeting": {"page_id": {"equals": 7}}},
    }
    experiments = [parse_experiment({**base, "name": name, **own}) for name, own in items.items()]
    found = enroll(
        experiments,
        {"mw-user": "42"},
        site=None,
        now=NOW,
        overrides={"forced": "b", "draft": "x"},
    )
    assert {name: found.reason(name) for name in (*items, "draft", "nowhere")} == {
        "in": "assigned",
        "out": "not_sampled",
        "over": "not_active",
        "theirs": "no_subject",
        "forced": "overridden",
        "others": "not_targeted",
        "draft": "overridden",
        "nowhere": "unknown_experiment",
    }
    assert "reasons" not in found.to_page()


def test_membership__nobody__shapes_are_empty() -> None:
    assert Membership().to_page() == {
        "enrolled": [],
        "assigned": {},
        "subject_ids": {},
        "sampling_units": {},
        "coordinators": {},
        "versions": {},
        "overrides": [],
    }


def test_enroll__targeted_experiment__only_whose_attributes_meet_it() -> None:
    experiment = parse_experiment(
        {
            "name": "foo",
            "groups": ["control", "treatment"],
            "sample_rate": {"default": 1},
            "user_identifier_type": "mw-user",
            "targeting": {"performer_is_bot": {"equals": False}},
        }
    )
    for attributes, enrolled in [({"performer_is_bot": False}, ("foo",)), ({}, ()), (None, ())]:
        found = enroll(
            [experiment], {"mw-user": "2"}, site=None, now=datetime.now(UTC), attributes=attributes
        )
        assert found.enrolled == enrolled
