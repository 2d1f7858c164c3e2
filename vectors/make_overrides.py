"""Makes `overrides.json`: which groups a text such as `experiment:group;other:group` forces.

An oracle for every language's reading of `mpo`. It imports no implementation and splits nothing: it
goes through a text letter by letter. It always writes the same bytes.

Run it as `python vectors/make_overrides.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from case_files import Dice, document, write

COUNT = 600
LAW = (
    "items are separated by ';'; name and group of an item by its first ':'; spaces (U+0020) at"
    " either end of both do not count; an item with an empty name, with an empty group or without"
    " ':' is left out; of two items for one experiment the last counts"
)
BY_HAND = [
    *("", ";", ":", "a:b", "a:b;", ";;a:b;;c:d", "a:b;c:d", " a : b ; c:d", "a:b;a:c", "a:b;a:"),
    *("a:feature:blue", "a::b", "no-group;a:b", ":b;a:;c:d", "a b:c d", "  a  b : c  d  "),
    *("\u00a0a:b", "a:\u00a0", "\ta:b\t", "a:b\n;c:d", "a\n:b", "a\u2003:b", "\ufeffa:b"),
    *("constructor:b", "__proto__:b", "toString:1;hasOwnProperty:2", "0:00;00:0", "1:a;2:b;1:c"),
    *("Zoë's 🧪:two words", "e\u0301:é;é:e\u0301", "a=b", "a=b:c", "a:b,c:d", "a:b&c:d", "A:b;a:B"),
    *('"a":"b"', "a:b;c", "%61:b", "a+b:c+d", "null:null", "a:0", "0:a", "a: ;b:c", " :b", "a:b;:"),
]
LETTERS = ["a", "b", "0", "1", " ", ":", ";", ":", ";", "é", "\u00a0", "\t", "🧪", "=", "/"]


def judge(text: str) -> dict[str, object]:
    """The case with what the law says of it."""
    return {"text": text, "forced": forced_by(text)}


def forced_by(text: str) -> dict[str, str]:
    """Groups by experiment."""
    forced: dict[str, str] = {}
    name, group, in_group = "", "", False
    for letter in [*text, ";"]:
        if letter == ";":
            if in_group and trimmed(name) and trimmed(group):
                forced[trimmed(name)] = trimmed(group)
            name, group, in_group = "", "", False
        elif letter == ":" and not in_group:
            in_group = True
        elif in_group:
            group += letter
        else:
            name += letter
    return forced


def trimmed(text: str) -> str:
    """The text without spaces at its ends; other blanks are letters like any."""
    while text[:1] == " ":
        text = text[1:]
    while text[-1:] == " ":
        text = text[:-1]
    return text


def cases() -> Iterator[dict[str, object]]:
    """Those by hand, then texts of letters that matter."""
    yield from map(judge, BY_HAND)
    dice = Dice("allotment/overrides/1")
    for _ in range(COUNT - len(BY_HAND)):
        yield judge("".join(dice.pick(LETTERS) for _ in range(dice.below(20))))


if __name__ == "__main__":
    write("overrides.json", document(LAW, cases()))
