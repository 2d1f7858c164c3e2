"""How the files of cases are made and written, and the list of their digests.

Every file is one JSON object, one case a line, in ASCII: the same bytes on every machine.
`SHA256SUMS` lists the digest of each (as `sha256sum --check` reads it); every language's tests hold
the files that they read to it, so that none passes on a copy that is old, cut short or mended by
hand.

Run it as `python vectors/case_files.py` after a change by hand, to list the digests again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

FOLDER = Path(__file__).parent
SUMS = "SHA256SUMS"
T = TypeVar("T")


class Dice:
    """Whole numbers that look random and are the same everywhere, from a counter's hashes."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit - 1`."""
        self._count += 1
        digest = sha256(f"{self._seed} {self._count}".encode()).digest()
        return int.from_bytes(digest, "big") % limit

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]


def document(law: str, cases: Iterable[Mapping[str, object]]) -> str:
    """The text of a file: the law that it follows, in words, and the cases."""
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    return f'{{"law":{json.dumps(law)},"cases":[\n{lines}\n]}}\n'


def digests(folder: Path = FOLDER) -> str:
    """The text of `SHA256SUMS` for the files of a folder."""
    return "".join(
        f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.glob("*.json"))
    )


def write(name: str, text: str) -> None:
    """Write a file of cases, and list all digests again."""
    (FOLDER / name).write_text(text, encoding="ascii", newline="\n")
    write_digests()


def write_digests() -> None:
    """List the digests of the files as they are now."""
    (FOLDER / SUMS).write_text(digests(), encoding="ascii", newline="\n")


if __name__ == "__main__":
    write_digests()
