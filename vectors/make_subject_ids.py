"""Makes `subject_ids.json`: subject ids under a secret, for every language that can hold one.

An oracle for keyed subject ids. It imports no implementation: HMAC is written out as RFC 2104 has
it, and held to the test cases of RFC 4231 in tests. It always writes the same bytes.

Run it as `python vectors/make_subject_ids.py`.
"""

from __future__ import annotations

from hashlib import sha256

from case_files import Dice, document, write

COUNT = 150
BLOCK = 64
LAW = (
    "subject_id = HMAC-SHA-256(key, utf8(experiment) + ':' + utf8(subject)) as 64 lower-case hex"
    " digits; plain = sha256(utf8(subject) + utf8(experiment)), by which the subject is drawn with"
    " any key; key is given as hex digits of its bytes"
)
SUBJECTS = ["", "1", "42", "é", "e\u0301", "\U0001f331", "a:b", " 7 ", "0" * 20, "x" * 200]
EXPERIMENTS = ["foo", "search-prompt", "related-articles-card", "a", "Ω-test", "n" * 63]
KEYS = [b"0123456789abcdef", bytes(range(32)), b"\x00" * 16, b"\xff" * 64, b"k" * 65, b"q" * 200]


def hmac_sha256(key: bytes, message: bytes) -> str:
    """RFC 2104, section 2, with SHA-256."""
    if len(key) > BLOCK:
        key = sha256(key).digest()
    key = key.ljust(BLOCK, b"\x00")
    inner = sha256(bytes(b ^ 0x36 for b in key) + message).digest()
    return sha256(bytes(b ^ 0x5C for b in key) + inner).hexdigest()


def judge(key: bytes, subject: str, experiment: str) -> dict[str, str]:
    """One case."""
    return {
        "key": key.hex(),
        "subject": subject,
        "experiment": experiment,
        "subject_id": hmac_sha256(key, f"{experiment}:{subject}".encode()),
        "plain": sha256(f"{subject}{experiment}".encode()).hexdigest(),
    }


def cases() -> list[dict[str, str]]:
    """All of them: each kind of text with each kind of key, then browser ids."""
    found = [
        judge(KEYS[(i + j) % len(KEYS)], subject, experiment)
        for i, subject in enumerate(SUBJECTS)
        for j, experiment in enumerate(EXPERIMENTS)
    ]
    dice = Dice("subject ids")
    while len(found) < COUNT:
        key = bytes(dice.below(256) for _ in range(16 + dice.below(70)))
        found.append(judge(key, f"{dice.below(1 << 128):032x}", dice.pick(EXPERIMENTS)))
    return found


if __name__ == "__main__":
    write("subject_ids.json", document(LAW, cases()))
