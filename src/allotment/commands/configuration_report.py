"""What `allotment plan` and `allotment apply` print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from allotment.commands.configuration_files import Filed, Key
from allotment.contract.check.plan_files import FIELDS

_SIGNS: Final = {"created": "+", "changed": "~", "removed": "-", "refused": "!"}


def lines(
    outcomes: Sequence[Mapping[str, Any]], files: Mapping[Key, Filed], *, stored: bool
) -> Iterator[str]:
    """What became of each entry, or would, line by line."""
    told = [one for one in outcomes if one["done"] != "same"]
    for one in told:
        yield from _entry(one, files.get((one["kind"], one["name"])), stored=stored)
    yield _sum(told, stored=stored)


def _entry(one: Mapping[str, Any], filed: Filed | None, *, stored: bool) -> Iterator[str]:
    yield f"{_SIGNS[one['done']]} {one['kind']} {one['name']}{_word(one, stored=stored)}"
    for change in one["changes"]:
        yield f"    {change['sign']} {_change(change)}"
    for effect in one["effects"]:
        yield f"    = {effect}"
    for refusal in one["refusals"]:
        place = f"{filed.place(refusal['field'])}: " if filed else ""
        yield f"    {place}refused {refusal['rule']}: {refusal['headline']}"
        yield f"        {refusal['what']}"
        yield f"        To satisfy it: {refusal['remedy']}"
    for finding in one["findings"]:
        field = FIELDS.get(finding["field"], finding["field"])
        place = f"{filed.place(field)}: " if filed else ""
        yield f"    {place}{finding['severity']} {finding['rule']}: {finding['headline']}"
    if one["forbidden"]:
        yield f"    your token may not do this: {one['forbidden']}"


def _word(one: Mapping[str, Any], *, stored: bool) -> str:
    if one["done"] == "refused":
        return ": refused"
    if one["done"] != "removed":
        return ""
    word = "archived" if one["kind"] in {"instrument", "experiment"} else "removed"
    return f": {word}" if stored else f": would be {word}"


def _change(change: Mapping[str, str]) -> str:
    values = {
        "~": f"{change['was'] or 'nothing'} → {change['now'] or 'nothing'}",
        "+": change["now"],
        "-": change["was"],
    }[change["sign"]]
    means = f" ({change['means']})" if change["means"] else ""
    return f"{change['label']}: {values}{means}" if values else f"{change['label']}{means}"


def _sum(told: Sequence[Mapping[str, Any]], *, stored: bool) -> str:
    if not told:
        return "Nothing to change: the registry holds what the files say."
    counted = {
        word: sum(one["done"] == done for one in told)
        for done, word in (
            ("created", "new"),
            ("changed", "changed"),
            ("removed", "taken away"),
            ("refused", "refused"),
        )
    }
    text = ", ".join(f"{count} {word}" for word, count in counted.items() if count)
    if counted["refused"]:
        return f"{text}. Nothing is applied while anything is refused."
    return f"{text}." if stored else f"{text}. Nothing is stored yet."


def absent(things: Sequence[Mapping[str, Any]], *, prune: bool) -> Iterator[str]:
    """What the registry has and no file says."""
    for thing in things:
        state = f" ({thing['state']})" if thing["state"] else ""
        if not thing["removable"]:
            yield f"No file holds the {thing['kind']} {thing['name']}{state}; it stays as it is."
        elif not prune:
            yield (
                f"No file holds the {thing['kind']} {thing['name']}{state}; it stays, as --prune "
                "is not given."
            )
