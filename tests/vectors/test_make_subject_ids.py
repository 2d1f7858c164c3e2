"""Keyed subject ids: the oracle is held to an RFC, and the law in Python agrees with it."""

from typing import Any

import pytest
from tests.vector_files import read_vectors, run_program

from allotment.allocation import keyed_subject_id, subject_hash


@pytest.fixture
def script() -> dict[str, Any]:
    return run_program("make_subject_ids.py")


@pytest.mark.parametrize(
    ("key", "message", "digest"),
    [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c7"),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f",
        ),
    ],
)
def test_oracle__cases_of_rfc_4231__agrees(
    script: dict[str, Any], key: bytes, message: bytes, digest: str
) -> None:
    assert script["hmac_sha256"](key, message).startswith(digest)


def test_keyed_subject_id__all_vectors__agree() -> None:
    cases = read_vectors("subject_ids.json")["cases"]
    assert len(cases) == 150
    for case in cases:
        subject, experiment = case["subject"], case["experiment"]
        assert (
            keyed_subject_id(bytes.fromhex(case["key"]), subject, experiment)
            == (case["subject_id"])
        ), case
        assert subject_hash(subject, experiment) == case["plain"], case
