"""What the cases of `sampling`, `overrides` and `enrollments` cover."""

from tests.vector_files import read_vectors


def test_enrollments_json__cases__cover_what_they_promise() -> None:
    cases = read_vectors("enrollments.json")["cases"]
    assert len(cases) == 800
    assert sum(bool(case["groups"]) for case in cases) > 300
    assert sum(bool(case["subject_ids"]) for case in cases) > 150
    # Both readings differ where an id is missing, awaited or doubtful.
    assert sum(set(case["groups"]) != set(case["subject_ids"]) for case in cases) > 200
    assert any(set(case["subject_ids"]) - set(case["groups"]) for case in cases)
    assert any(not case["header"].isascii() and not case["groups"] for case in cases)


def test_overrides_json__cases__cover_what_they_promise() -> None:
    cases = read_vectors("overrides.json")["cases"]
    assert len(cases) == 600
    assert sum(bool(case["forced"]) for case in cases) > 200
    assert max(len(case["forced"]) for case in cases) > 2
    assert any(list(case["forced"]) != sorted(case["forced"]) for case in cases)


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
