"""Forced groups: Python agrees with all vectors, and these cover what they promise."""

from tests.vector_files import read_vectors

from allotment.allocation import parse_overrides


def test_overrides_json__cases__cover_what_they_promise() -> None:
    cases = read_vectors("overrides.json")["cases"]
    assert len(cases) == 600
    assert sum(bool(case["forced"]) for case in cases) > 200
    assert max(len(case["forced"]) for case in cases) > 2
    assert any(list(case["forced"]) != sorted(case["forced"]) for case in cases)


def test_parse_overrides__all_vectors__agree() -> None:
    for case in read_vectors("overrides.json")["cases"]:
        # In this order: of what is forced twice the first place stays, as in every language.
        assert list(parse_overrides(case["text"]).items()) == list(case["forced"].items()), case
