"""Samples of instruments: Python agrees with all vectors, and these cover what they promise."""

from tests.vector_files import read_vectors

from allotment.allocation import in_sample


def test_sampling_json__cases__cover_what_they_promise() -> None:
    cases = read_vectors("sampling.json")["cases"]
    assert len(cases) == 1_500
    assert 300 < sum(case["in"] for case in cases) < 1_000
    # Units whose quotient is the rate itself: out there, in just above.
    borders = [case for case in cases if case["id"][:8].isalnum() and 0 < case["rate"] < 1]
    at_border = [
        case
        for case in borders
        if case["id"].isascii()
        and set(case["id"][:8]) <= set("0123456789abcdef")
        and int(case["id"][:8], 16) / 0xFFFFFFFF == case["rate"]
    ]
    assert len(at_border) >= 150
    assert not any(case["in"] for case in at_border)


def test_in_sample__all_vectors__agree() -> None:
    for case in read_vectors("sampling.json")["cases"]:
        assert in_sample(case["id"], case["rate"]) is case["in"], case
