"""Nothing that a rule says goes past the marks by which translations find it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from allotment.contract import check

MODULES = sorted(Path(check.__file__).parent.glob("*.py"))
MARKS = {"said": 1, "counted": 2}
"""How many words each begins with; what follows are values."""
TEXTS = 4
"""How many of a fault's first fields are texts."""
_WORDS = re.compile(r"[^\W\d_]{2,}")


def past_the_marks(source: str) -> list[str]:
    """What a module says in words of its own where no translation can reach them."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "Fault":
            given = [*node.args[:TEXTS], *(k.value for k in node.keywords if k.arg in _FIELDS)]
            found += [text for one in given for text in _of_its_own(one)]
        elif node.func.id in MARKS:
            values = [*node.args[MARKS[node.func.id] :], *(k.value for k in node.keywords)]
            found += [text for one in values for text in _of_its_own(one)]
    return found


_FIELDS = {"headline", "what", "consequence", "remedy"}
_QUOTING = {"shown", "str", "percent", "did_you_mean"}
"""What is given to these is a value, or looked up among values."""


def _of_its_own(node: ast.expr) -> Iterator[str]:
    """The words in an expression that are not a mark's."""
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
        if any(_WORDS.search(part) for part in parts):
            yield ast.unparse(node)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str) and " " in node.value and _WORDS.search(node.value):
            yield node.value
    else:
        for inner in _inside(node):
            yield from _of_its_own(inner)


def _inside(node: ast.expr) -> list[ast.expr]:
    """The parts of an expression whose texts may be said."""
    if isinstance(node, ast.Subscript | ast.Attribute):
        return []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return [node.func.value, *node.args]
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        return [] if name in {*MARKS, *_QUOTING} else node.args
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module__each__says_nothing_past_the_marks(path: Path) -> None:
    assert past_the_marks(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("Fault('not marked', said('a'), said('b'), said('c'), path)", ["not marked"]),
        ("Fault(said('a'), f'{name} is gone', said('b'), said('c'))", ["f'{name} is gone'"]),
        ("Fault(said('a'), said('b') if c else 'not marked', d, e)", ["not marked"]),
        ("Fault(said('a'), b, c, remedy='take it out')", ["take it out"]),
        ("said('%(a)s.', a=f'{name} is gone')", ["f'{name} is gone'"]),
        ("said('%(a)s.', a='no stream' if b else c)", ["no stream"]),
        ("sentences(said('a'), counted('b', 'c', 2, d=listed(['one of'])))", ["one of"]),
        ("said('%(a)s.', a=f'{outer}.{inner}', b=shown('a b'), c='http')", []),
        ("Fault(said('a b'), counted('b c', 'c d', n), *headline_of(x), ('a', 'b c'))", []),
    ],
)
def test_past_the_marks__each_way__found(source: str, found: list[str]) -> None:
    assert past_the_marks(source) == found
