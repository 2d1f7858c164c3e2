"""The law of allocation: who is enrolled, and in which group. Integers only.

Every language follows this text and reads the same `vectors/allocation.json`:

1. `subject_hash = sha256(utf8(subject) + utf8(experiment))`, as 64 lower-case hex digits;
2. `h` is its first 24 bits;
3. with integer weights `w` and `W = sum(w)`: `p = h * W`, `slot = p >> 24`, `r = p & 0xFFFFFF`;
4. enrolled iff `r < ceil(rate * 2^24)`;
5. the group is the first whose cumulative weight exceeds `slot`.

An experiment in a layer owns a range of the layer's 2^24 slots; a subject's slot there is the first
24 bits of `sha256(utf8(subject) + utf8("layer:" + layer))`, and only whoever's slot lies in the
range goes on to step 4.

An experiment that a holdout covers carries a range of the same 2^24 slots; a subject's slot there
is the first 24 bits of `sha256(utf8(subject) + utf8(holdout))`, and whoever's slot lies in the
range is kept out. A holdout is an experiment of that name, whose first group it keeps out of the
others: with the weights `w` its range ends at `ceil(w[0] * 2^24 / W)`.

With equal weights this is the published behavior of the system that Allotment grows out of.
Raising the rate never moves anyone: `slot` does not depend on it.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

HASH_BITS = 24
HASH_SPAN = 1 << HASH_BITS
UNIT_DIGITS = 8
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
MAX_TOTAL_WEIGHT = 1 << 20
"""Keeps `h * W` under 2^53, so that languages whose only number is a double stay exact."""

SHORTEST_KEY = 16
"""Bytes of a secret for subject ids: a shorter one can be found by trying."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Where one subject falls: the slot of 0 … W-1, and how far into it (0 … 2^24-1)."""

    subject_hash: str
    slot: int
    remainder: int


def subject_hash(subject: str, experiment: str) -> str:
    """The subject's pseudonym in one experiment: 64 hex digits.

    A lone surrogate, which UTF-8 cannot hold, counts as U+FFFD, as it does in browsers (WHATWG
    Encoding, `TextEncoder`).
    """
    return sha256(_utf8(subject) + _utf8(experiment)).hexdigest()


def keyed_subject_id(key: bytes, subject: str, experiment: str) -> str:
    """The subject's pseudonym under a secret: HMAC-SHA-256 (RFC 2104) of `experiment:subject`.

    64 hex digits, as of `subject_hash`, but who lacks the key cannot compute them from a list of
    subjects. Nobody is drawn by it: groups are the same with any key and without one.
    """
    return hmac.digest(key, _utf8(experiment) + b":" + _utf8(subject), "sha256").hex()


def threshold(rate: float) -> int:
    """`ceil(rate * 2^24)`: how many of the 2^24 remainders take part.

    The product is exact, because the factor is a power of two.

    Raises:
        ValueError: the rate is not a number from 0 to 1.
    """
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"rate is {rate!r}; it must be a number from 0 to 1")
    return math.ceil(rate * HASH_SPAN)


def draw(subject: str, experiment: str, total_weight: int) -> Draw:
    """Place a subject in one of `total_weight` slots."""
    digest = subject_hash(subject, experiment)
    product = int(digest[:6], 16) * total_weight
    return Draw(digest, product >> HASH_BITS, product & (HASH_SPAN - 1))


def layer_slot(subject: str, layer: str) -> int:
    """A subject's slot in a layer, 0 … 2^24-1: the same for all experiments of the layer.

    No experiment is called like a layer here, so that the draw of neither tells of the other.
    """
    return _slot(subject, f"layer:{layer}")


def holdout_slot(subject: str, holdout: str) -> int:
    """A subject's slot in a holdout, 0 … 2^24-1: its `h` in the experiment of that name."""
    return _slot(subject, holdout)


@lru_cache(maxsize=256)
def _slot(subject: str, hashed: str) -> int:
    """Remembered, because a visitor's experiments share layers and holdouts."""
    return int(subject_hash(subject, hashed)[:6], 16)


def first_group_end(weights: Sequence[int]) -> int:
    """The slot of 2^24 before which an experiment's `h` puts a subject into the first group.

    Raises:
        ValueError: the weights have no sum above 0.
    """
    total = sum(weights)
    if total < 1:
        raise ValueError(f"the weights {list(weights)} add up to {total}; give a sum above 0")
    return -(-weights[0] * HASH_SPAN // total)


def group_index(slot: int, weights: Sequence[int]) -> int:
    """Index of the first group whose cumulative weight exceeds `slot`.

    Raises:
        ValueError: the slot is not below the sum of the weights.
    """
    cumulative = 0
    for index, weight in enumerate(weights):
        cumulative += weight
        if cumulative > slot:
            return index
    raise ValueError(f"slot {slot} is not below the sum of the weights, {cumulative}")


def in_sample(unit_id: str, rate: float) -> bool:
    """Whether an instrument's sampling unit is in its sample.

    The first 32 bits of the unit's id over `2^32 - 1` must be below the rate, so that a unit in a
    1% sample is also in every larger one. An id that does not begin with eight hex digits is out.
    Rate 1 takes everybody, whatever the id. A rate that is no number from 0 to 1 takes nobody.
    """
    if not 0.0 < rate < 1.0:
        return rate == 1.0
    head = unit_id[:UNIT_DIGITS]
    if len(head) < UNIT_DIGITS or not set(head) <= HEX_DIGITS:
        return False
    return int(head, 16) / 0xFFFFFFFF < rate


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
