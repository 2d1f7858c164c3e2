"""What an edge's header says to a site and to the intake: the cases cover what they promise."""

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
