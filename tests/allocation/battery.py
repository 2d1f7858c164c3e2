"""A statistical battery for the law: even shares, no experiment that tells of another, no drift.

`python -m tests.allocation.battery` tries 200 experiments on 100,000 subjects with ids one after
another, the hardest kind, and on as many with random ones. Every test gives a p-value. If the law
is fair, those of a kind are spread evenly from 0 to 1, which a Kolmogorov-Smirnov test judges, and
the least is not below what so many tests let expect (Bonferroni).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

from allotment.allocation import draw, layer_slot, threshold

SPAN = 1 << 24
BINS = 256
ARMS = 4
BLOCKS = 100
FAMILY = 0.001
"""How seldom a fair law may fail one kind of test by chance."""

Numbers = npt.NDArray[np.int64]
PValues = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """One kind of test: its p-values, and what they say together."""

    kind: str
    p_values: PValues

    @property
    def least(self) -> float:
        """The least p-value."""
        return float(self.p_values.min())

    @property
    def even(self) -> float:
        """The p-value for the p-values being spread evenly."""
        return float(stats.kstest(self.p_values, "uniform").pvalue)

    @property
    def passes(self) -> bool:
        """Whether a fair law would give these."""
        return self.least * len(self.p_values) > FAMILY and self.even > FAMILY

    def __str__(self) -> str:
        count = len(self.p_values)
        rare = int((self.p_values < 0.01).sum())
        return (
            f"{self.kind:<52} {count:>7,} {self.least:>10.2g} {FAMILY / count:>9.2g} "
            f"{rare:>6,} of {count / 100:>6,.1f} {self.even:>8.2f}  "
            f"{'passes' if self.passes else 'FAILS'}"
        )


HEAD = (
    f"{'kind of test':<52} {'tests':>7} {'least p':>10} {'bound':>9} {'p < 0.01':>16} {'even p':>8}"
)


def first_bits(subjects: Sequence[str], experiment: str) -> Numbers:
    """Every subject's `h` in an experiment, as the law draws it."""
    found = (draw(subject, experiment, 1).remainder for subject in subjects)
    return np.fromiter(found, np.int64, len(subjects))


def goodness(counts: Numbers) -> PValues:
    """By row: the p-value for counts of equally likely bins (Pearson's chi-squared)."""
    expected = counts.sum(axis=1, keepdims=True) / counts.shape[1]
    statistic = ((counts - expected) ** 2 / expected).sum(axis=1)
    return np.asarray(stats.chi2.sf(statistic, counts.shape[1] - 1))


def independence(table: Numbers) -> float:
    """The p-value for rows that say nothing of columns (Pearson's chi-squared)."""
    total = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / total
    statistic = float(((table - expected) ** 2 / expected).sum())
    rows, columns = table.shape
    return float(stats.chi2.sf(statistic, (rows - 1) * (columns - 1)))


def pairwise(parts: npt.NDArray[np.int8], arms: int) -> PValues:
    """The p-value of independence for every pair of rows, each a subject's arm by column."""
    shown = np.concatenate([(parts == arm).astype(np.float32) for arm in range(arms)])
    # Counts of all pairs of arms in one product; they stay far below 2^24, where float32 is exact.
    joint = (shown @ shown.T).astype(np.int64)
    count = len(parts)
    rows = np.arange(arms) * count
    return np.array(
        [independence(joint[np.ix_(rows + i, rows + j)]) for i, j in combinations(range(count), 2)]
    )


def serial(parts: Numbers) -> float:
    """The p-value for one subject's arm telling nothing of the next one's (lag 1)."""
    table = np.zeros((ARMS, ARMS), np.int64)
    np.add.at(table, (parts[:-1], parts[1:]), 1)
    return independence(table)


def battery(subjects: Sequence[str], experiments: Sequence[str], name: str) -> Iterator[Figure]:
    """All kinds of tests for subjects in this order."""
    heads = np.stack([first_bits(subjects, experiment) for experiment in experiments])
    arms = (heads * ARMS) >> 24
    rests = ((heads * ARMS) & (SPAN - 1)) >> 22
    bins = np.stack([np.bincount(row >> 16, minlength=BINS) for row in heads])
    yield Figure(f"{name}: even over {BINS} bins", goodness(bins))
    groups = np.stack([np.bincount((row * 10) >> 24, minlength=10) for row in heads])
    yield Figure(f"{name}: even over 10 groups", goodness(groups))
    yield Figure(f"{name}: groups of every pair of experiments", pairwise(arms.astype(np.int8), 4))
    yield Figure(
        f"{name}: samples of every pair of experiments", pairwise(rests.astype(np.int8), 4)
    )
    layer = np.array([layer_slot(subject, "search") for subject in subjects]) >> 22
    tables = [np.bincount(layer * ARMS + row, minlength=ARMS**2) for row in arms]
    yield Figure(
        f"{name}: a layer and the groups in it",
        np.array([independence(table.reshape(ARMS, ARMS)) for table in tables]),
    )
    block = np.arange(len(subjects)) * BLOCKS // len(subjects)
    tables = [np.bincount(block * ARMS + row, minlength=BLOCKS * ARMS) for row in arms]
    yield Figure(
        f"{name}: no drift over {BLOCKS} blocks of ids",
        np.array([independence(table.reshape(BLOCKS, ARMS)) for table in tables]),
    )
    yield Figure(f"{name}: one id and the next", np.array([serial(row) for row in arms]))


@dataclass(frozen=True)
class Shares:
    """How exactly a rate and weights are kept, counted over all 2^24 values of `h`."""

    total_weight: int
    rate: float
    realized: float
    """The share of all `h` that is enrolled."""
    unevenness: int
    """The most by which two slots differ, in numbers of `h` that are enrolled."""


def exact_shares(total_weight: int, rate: float) -> Shares:
    """Enroll every `h` there is: how many are in, and how evenly the slots share them."""
    product = np.arange(SPAN, dtype=np.int64) * total_weight
    enrolled = (product & (SPAN - 1)) < threshold(rate)
    by_slot = np.bincount(product[enrolled] >> 24, minlength=total_weight)
    uneven = int(by_slot.max() - by_slot.min())
    return Shares(total_weight, rate, float(enrolled.mean()), uneven)


def random_ids(count: int) -> list[str]:
    """Ids as browsers have them, the same at every run."""
    dice = random.Random(1)
    return [f"{dice.getrandbits(128):032x}" for _ in range(count)]


def main() -> int:
    """Print all figures; 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=100_000)
    parser.add_argument("--experiments", type=int, default=200)
    given = parser.parse_args()
    began = time.monotonic()
    names = [f"experiment-{number}" for number in range(given.experiments)]
    kinds = {
        "ids in a row": [str(number) for number in range(1, given.subjects + 1)],
        "random ids": random_ids(given.subjects),
    }
    sys.stdout.write(f"{given.experiments} experiments, {given.subjects:,} subjects\n{HEAD}\n")
    failed = False
    for kind, subjects in kinds.items():
        for figure in battery(subjects, names, kind):
            failed |= not figure.passes
            sys.stdout.write(f"{figure}\n")
    sys.stdout.write("\nall 2^24 values of h: sum of weights, rate, share enrolled, unevenness\n")
    for total in (1, 2, 3, 10, 100, 1_000, 4_096, 100_000, 1 << 17, 1 << 20):
        for rate in (0.001, 0.01, 0.1):
            found = exact_shares(total, rate)
            sys.stdout.write(
                f"{total:>10,} {rate:>7} {found.realized:>11.7f} {found.unevenness:>6}\n"
            )
    sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
