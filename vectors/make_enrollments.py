"""Makes `enrollments.json`: what the header by which an edge tells enrollments says.

`groups` is what a site reads, of the request header `X-Experiment-Enrollments` or of the
description of the entry `WMF-Uniq` in `Server-Timing`; `subject_ids` what the intake reads, which
puts the ids into events. An oracle for every language's reading: it imports no implementation and
uses no patterns, but looks at each letter. It always writes the same bytes.

Run it as `python vectors/make_enrollments.py`.
"""

from __future__ import annotations

import string
from collections.abc import Iterator

from case_files import Dice, document, write

COUNT = 800
LAW = (
    "items are separated by ';'; spaces and tabs at either end of an item do not count; an item is"
    " name '=' group, or name '=' group '/' subject id; a name has 8 to 63 characters, a group 1 to"
    " 63, each an ASCII letter or digit, or but for the first one of '-_.'; a subject id has 1 to"
    " 128 ASCII letters, digits, '-', '_'; any other item is left out, alone. groups: of all items;"
    " an experiment that is named with different groups is left out. subject_ids: of the items with"
    " a subject id; an experiment that is named with different groups or ids, or with the id"
    " 'awaiting', is left out"
)
ALNUM = string.ascii_letters + string.digits
LONGEST_WORD = 63
LONGEST_ID = 128
ID = "AbCdEfGhIjKlMnOpQrSt_-"
BY_HAND = [
    *("", ";", ";;", "first-test=control", "first-test=control;", "first-test=control;;"),
    *("first-test=control;second-test=b;", "first-test=control; second-test=b ;\tthird-test=c\t"),
    *(f"first-test=control/{ID};", f"first-test=control/{ID}; second-test=b", "first-test=a/"),
    *("first-test=a;first-test=b;first-test=a;second-test=b;second-test=b", "first-test=a=b"),
    *(f"first-test=a/{ID};first-test=a", f"first-test=a;first-test=b/{ID}"),
    *(f"first-test=a/{ID};first-test=a/{ID}", f"first-test=a/{ID};first-test=a/{ID}x"),
    *(f"first-test=a/{ID};first-test=b/{ID};second-test=a/{ID}", "first-test=a/awaiting"),
    *("first-test=a/awaiting;first-test=a/x", "first-test=a/b/c", f"first-test=a/{ID}="),
    *(
        "short=a",
        "exactly8=a",
        "seven-7=a",
        f"{'n' * 63}=a",
        f"{'n' * 64}=a",
        f"long-test={'g' * 63}",
    ),
    *(f"long-test={'g' * 64}", f"first-test=a/{'i' * 128}", f"first-test=a/{'i' * 129}"),
    *("-first-test=a", ".first-test=a", "_first-test=a", "1first-test=a", "first-test=-a"),
    *("first-test=.a", "first-test=1", "First.Test_1=Group.a_b-c", "first test=a", "first-test =a"),
    *("first-test= a", "first-test=", "=b", "first-test", "first-test==a", "first-test:a"),
    *("first-test=a\n;second-test=b", "first-test=a\r;second-test=b", "\nfirst-test=a"),
    *("first-test=a\u00a0", "\u00a0first-test=a", "first-tést=a", "first-test=ä", "first-test=a/é"),
    *("first-test=а", "first-test=a,second-test=b", '"first-test=a"', "constructor=a"),  # noqa: RUF001
    *("__proto__=a", "hasOwnProperty=a;toLocaleString=b", "12345678=1;87654321=2"),
    *("first-test=a;broken;second-test=b/x;=;third-test=c/", " \t first-test=a \t /x"),
]
NAMES = ["first-test", "second-test", "third.test_3", "short", "-bad-name", "x" * 63, "x" * 64, ""]
GROUPS = ["control", "treatment", "b", "b", "1", "", "-x", "g" * 64, "é"]
IDS = ["", "", "", f"/{ID}", f"/{ID}", "/x", "/x", "/", "/a b", "/awaiting"]
ENDS = [";", ";", ";", "; ", " ;", ";\t", ";;", "", ",", "\n;"]


def judge(header: str) -> dict[str, object]:
    """The case with what the law says of it."""
    items = [found for part in parts(header, ";") if (found := item(part))]
    groups: dict[str, set[str]] = {}
    ids: dict[str, set[tuple[str, str]]] = {}
    for name, group, subject_id in items:
        groups.setdefault(name, set()).add(group)
        if subject_id is not None:
            ids.setdefault(name, set()).add((group, subject_id))
    return {
        "header": header,
        "groups": {name: found.pop() for name, found in groups.items() if len(found) == 1},
        "subject_ids": {
            name: {"group": group, "subject_id": subject_id}
            for name, found in ids.items()
            if len(found) == 1
            for group, subject_id in found
            if subject_id != "awaiting"
        },
    }


def item(text: str) -> tuple[str, str, str | None] | None:
    """Name, group and subject id, where there is one; None: the item cannot be read."""
    while text and text[0] in " \t":
        text = text[1:]
    while text and text[-1] in " \t":
        text = text[:-1]
    sides = parts(text, "=")
    if len(sides) != 2:  # noqa: PLR2004 - the two sides of one sign
        return None
    name, (group, *rest) = sides[0], parts(sides[1], "/")
    if not (is_word(name, 8) and is_word(group, 1)) or len(rest) > 1:
        return None
    if not rest:
        return name, group, None
    letters = ALNUM + "-_"
    usable = 1 <= len(rest[0]) <= LONGEST_ID and all(letter in letters for letter in rest[0])
    return (name, group, rest[0]) if usable else None


def is_word(text: str, shortest: int) -> bool:
    """Whether a text may be a name or a group."""
    fits = shortest <= len(text) <= LONGEST_WORD
    return fits and text[0] in ALNUM and all(letter in ALNUM + "-_." for letter in text)


def parts(text: str, sign: str) -> list[str]:
    """The parts of a text between the signs."""
    found = [""]
    for letter in text:
        if letter == sign:
            found.append("")
        else:
            found[-1] += letter
    return found


def cases() -> Iterator[dict[str, object]]:
    """Those by hand, then headers of good and odd items."""
    yield from map(judge, BY_HAND)
    dice = Dice("allotment/enrollments/1")
    for _ in range(COUNT - len(BY_HAND)):
        made = ""
        for _ in range(1 + dice.below(4)):
            names = NAMES if dice.below(4) == 0 else NAMES[:3]
            made += f"{dice.pick(names)}={dice.pick(GROUPS)}{dice.pick(IDS)}{dice.pick(ENDS)}"
        yield judge(made)


if __name__ == "__main__":
    write("enrollments.json", document(LAW, cases()))
