"""Experiments as a content delivery network reads them: ranges of bins for each host. Pure.

The published form has no place for weights, rates or targeting, only for one range of 100,000 bins
per group. Each group's range begins where the group would begin if everybody were enrolled, and
grows upward with the rate; so raising a rate never moves anyone from one group to another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

BINS = 100_000
_EXPERIMENT = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{7,62}", re.ASCII)
_UNSAYABLE = {
    "targeting": "targeting: everybody would be enrolled",
    "layer": "layers: its subjects could be in others too",
    "holdouts": "holdouts: who is held out would be enrolled",
}
_GROUP = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{0,62}", re.ASCII)


def bins(rate: Fraction, weights: Sequence[int]) -> list[tuple[int, int] | None]:
    """Each group's first and last bin, both included; None for a group without any.

    Args:
        rate: the share that is enrolled, 0 to 1.
        weights: one whole number per group.
    """
    total = sum(weights)
    edges = [BINS * sum(weights[:position]) // total for position in range(len(weights) + 1)]
    found: list[tuple[int, int] | None] = []
    for low, high in pairwise(edges):
        width = -int(-(rate * (high - low)) // 1)
        found.append((low, low + width - 1) if width else None)
    return found


def document(
    item: Mapping[str, Any], hosts: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """One experiment's value in the network's form, and the sites that it cannot name.

    Args:
        item: the experiment as analysis reads it.
        hosts: the host name of each site that asks; "" where none is registered.

    Raises:
        ValueError: the form has no way to say what the experiment is.
    """
    name = item["name"]
    if not _EXPERIMENT.fullmatch(name):
        raise ValueError(f"{name!r} is not 8 to 63 letters, digits, dashes, dots or underscores")
    for group in item["groups"]:
        if not _GROUP.fullmatch(group):
            raise ValueError(f"the group {group!r} has a name that the network refuses")
    for field, words in _UNSAYABLE.items():
        if item.get(field):
            raise ValueError(f"the network's form has no {words}")
    weights = item.get("weights") or [1] * len(item["groups"])
    domains: dict[str, Any] = {}
    nameless = []
    for site, rate in _rates(item["sample_rate"], hosts).items():
        if not rate:
            continue
        if not hosts.get(site):
            nameless.append(site)
            continue
        ranges = zip(item["groups"], bins(rate, weights), strict=True)
        domains[hosts[site]] = {"groups": {group: list(found) for group, found in ranges if found}}
    if not domains:
        where = f": {', '.join(nameless)} have no host name" if nameless else ""
        raise ValueError(f"it runs on no site that the network knows{where}")
    shaped = {"start": item["start"], "end": over_at(item), "domains": domains}
    return shaped, tuple(nameless)


def over_at(item: Mapping[str, Any]) -> str:
    """When it ended or ends: its end, or when it was stopped before."""
    stopped = item.get("stopped")
    return str(min(item["end"], stopped) if stopped else item["end"])


def _rates(sample_rate: Mapping[str, Any], hosts: Mapping[str, str]) -> dict[str, Fraction]:
    default = Fraction(str(sample_rate.get("default", 0)))
    found: dict[str, Fraction] = {}
    for text, sites in sample_rate.items():
        if text != "default":
            for site in sites:
                found.setdefault(site, Fraction(text))
    if default:
        found = {site: default for site, host in hosts.items() if host} | found
    return found
