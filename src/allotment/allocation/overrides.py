"""Forced groups for QA, from the query parameter `mpo=experiment:group;experiment2:group2`."""

from __future__ import annotations

QUERY_PARAMETER = "mpo"


def parse_overrides(text: str) -> dict[str, str]:
    """Read a list of forced groups.

    Items are separated by `;`, name and group by the first `:`; an empty item is passed over, as a
    trailing `;` is common. An item without a name or a group is left out: it costs only itself.
    Spaces around a name or a group do not count. Of two items for one experiment the last counts.
    """
    forced: dict[str, str] = {}
    for item in text.split(";"):
        name, separator, group = item.partition(":")
        name, group = name.strip(" "), group.strip(" ")
        if separator and name and group:
            forced[name] = group
    return forced
