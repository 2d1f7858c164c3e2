"""Makes `times.json`: which texts are times in a configuration, and which moment each names.

An oracle for every language's reading of `start` and `end`. It imports no implementation and no
library of dates: it reads a text letter by letter and counts the days of the calendar itself. It
always writes the same bytes.

Run it as `python vectors/make_times.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from case_files import Dice, document, write

COUNT = 1_500
LAW = (
    "time = date, or date 'T' hour ':' minute, with [':' second ['.' digits]] and [zone] behind;"
    " date = year '-' month '-' day; zone = 'Z', or '+' or '-' hour ':' minute. Letters are"
    " capital, digits ASCII: four of the year, 0001 to 9999, two of all else. The day is one of"
    " the month in the Gregorian calendar; hours go to 23, minutes and seconds to 59. Without a"
    " zone it is UTC, without a clock midnight, without seconds the full minute; of the digits"
    " behind the point the first three count. ms: milliseconds since 1970-01-01T00:00:00Z; null:"
    " the text is no time"
)
DIGITS = "0123456789"
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
BY_HAND = [
    *("2026-11-22T09:00:00Z", "2026-11-22T09:00:00", "2026-11-22T09:00Z", "2026-11-22T09:00"),
    *("2026-11-22", "2026-11-22Z", "2026-11-22+01:00", "2026-11-22T", "2026-11-22T09", "T09:00Z"),
    *("2026-11-22T09:00:00+01:00", "2026-11-22T09:00:00-00:00", "2026-11-22T09:00:00-23:59"),
    *("2026-11-22T09:00:00+24:00", "2026-11-22T09:00:00+01:60", "2026-11-22T09:00:00+0100"),
    *("2026-11-22T09:00:00+01", "2026-11-22T09:00:00+1:00", "2026-11-22T09:00:00 +01:00"),
    *("2026-11-22T09:00:00\u221201:00", "2026-11-22T09:00:00+01:00:00", "2026-11-22T09:00:00ZZ"),
    *("2026-11-22t09:00:00Z", "2026-11-22T09:00:00z", "2026-11-22 09:00:00Z", "2026-11-22_09:00"),
    *("2026-11-22T09:00:00.5Z", "2026-11-22T09:00:00.05", "2026-11-22T09:00:00.0009Z"),
    *("2026-11-22T09:00:00.9999999Z", "2026-11-22T09:00:00.123456789012345678901234567890Z"),
    *("2026-11-22T09:00:00.Z", "2026-11-22T09:00:00,5Z", "2026-11-22T09:00.5Z", "2026-11-22T09.5Z"),
    *(
        "2026-11-22T23:59:59.999Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T23:59:60Z",
        "2026-11-22T9:00Z",
    ),
    *("2026-11-22T09:60:00Z", "2026-11-22T0900Z", "20261122T090000Z", "20261122", "2026-W47-7"),
    *("2026-W47", "2026-326", "2026-11", "2026", "26-11-22", "02026-11-22", "+02026-11-22"),
    *("-2026-11-22", "2026-11-22T09:00:00Z\n", " 2026-11-22", "2026-11-22 ", "\ufeff2026-11-22"),
    *("2026-00-22", "2026-13-22", "2026-11-00", "2026-11-31", "2026-02-29", "2026-02-30"),
    *("2024-02-29", "2000-02-29", "1900-02-29", "2100-02-29", "2026-1-22", "2026-11-2"),
    *("0000-01-01", "0000-12-31T23:59:59-01:00", "0001-01-01", "0001-01-01T00:00:00+23:59"),
    *("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-23:59", "10000-01-01", "1582-10-10"),
    *("1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.001-00:01"),
    *("\u0662\u0660\u0662\u0666-11-22", "\uff12026-11-22", "2026-11-22T09:00:00.\u0661Z"),
    *("now", "today", "tomorrow", "soon", "1", "0", "1795338000", "Sun, 22 Nov 2026 09:00:00 GMT"),
    *(
        "22.11.2026",
        "11/22/2026",
        "2026/11/22",
        "2026\u201311\u201322",
        "null",
        "NaN",
        "Z",
        "T",
        "-",
    ),
]


class Letters:
    """A text that is read from its beginning; what is not there is told by None."""

    def __init__(self, text: str) -> None:
        self.rest = text

    def one_of(self, letters: str) -> str | None:
        """The next letter, if it is one of these."""
        if not self.rest or self.rest[0] not in letters:
            return None
        found, self.rest = self.rest[0], self.rest[1:]
        return found

    def number(self, count: int, low: int, high: int) -> int | None:
        """The number that the next digits make, if there are so many and it lies within."""
        head = self.rest[:count]
        if len(head) < count or any(letter not in DIGITS for letter in head):
            return None
        self.rest = self.rest[count:]
        return int(head) if low <= int(head) <= high else None


def milliseconds(text: str) -> int | None:
    """The moment that a text names, since the beginning of 1970; None: it is no time."""
    letters = Letters(text)
    day = read_day(letters)
    if day is None:
        return None
    at = day * 86_400_000
    if not letters.rest:
        return at
    if letters.one_of("T") is None or (clock := read_clock(letters)) is None:
        return None
    zone = read_zone(letters)
    return None if zone is None or letters.rest else at + clock - zone * 60_000


def read_day(letters: Letters) -> int | None:
    """Days since 1970-01-01, counted year by year and month by month."""
    year = letters.number(4, 1, 9999)
    if year is None or letters.one_of("-") is None:
        return None
    month = letters.number(2, 1, 12)
    if month is None or letters.one_of("-") is None:
        return None
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = [length + (leap and place == 1) for place, length in enumerate(MONTHS)]
    day = letters.number(2, 1, lengths[month - 1])
    if day is None:
        return None
    before = year - 1
    leaps = before // 4 - before // 100 + before // 400
    return before * 365 + leaps + sum(lengths[: month - 1]) + day - 1 - 719_162


def read_clock(letters: Letters) -> int | None:
    """Milliseconds since midnight."""
    hour = letters.number(2, 0, 23)
    if hour is None or letters.one_of(":") is None:
        return None
    minute, second, part = letters.number(2, 0, 59), 0, ""
    if minute is None:
        return None
    if letters.one_of(":"):
        found = letters.number(2, 0, 59)
        if found is None:
            return None
        second = found
        if letters.one_of("."):
            while (digit := letters.one_of(DIGITS)) is not None:
                part += digit
            if not part:
                return None
    return ((hour * 60 + minute) * 60 + second) * 1000 + int((part + "000")[:3])


def read_zone(letters: Letters) -> int | None:
    """Minutes ahead of UTC."""
    if not letters.rest or letters.one_of("Z"):
        return 0
    sign = letters.one_of("+-")
    hour = letters.number(2, 0, 23) if sign else None
    if hour is None or letters.one_of(":") is None:
        return None
    minute = letters.number(2, 0, 59)
    return None if minute is None else (hour * 60 + minute) * (1 if sign == "+" else -1)


def cases() -> Iterator[dict[str, object]]:
    """Each text with the moment that it names."""
    return ({"text": text, "ms": milliseconds(text)} for text in texts())


def texts() -> Iterator[str]:
    """Times of every form and age, and as many with one letter changed, lost or too many."""
    yield from BY_HAND
    dice = Dice("allotment/times/1")
    for _ in range(COUNT - len(BY_HAND)):
        text = any_time(dice)
        if dice.below(2):
            at = dice.below(len(text) + 1)
            other = dice.pick([*"0123456789-:+ZTzt., ", ""])
            text = text[:at] + other + text[at + dice.below(2) :]
        yield text


def any_time(dice: Dice) -> str:
    """A text of the right form, of which the day is now and then beyond its month."""
    year = dice.pick([2026, 2026, 2024, 1970, 1969, 1900, 2000, 1 + dice.below(9999)])
    text = f"{year:04}-{1 + dice.below(12):02}-{1 + dice.below(31):02}"
    if dice.below(5) == 0:
        return text
    text += f"T{dice.below(24):02}:{dice.below(60):02}"
    if dice.below(4):
        text += f":{dice.below(60):02}"
        if dice.below(2):
            text += "." + "".join(dice.pick(DIGITS) for _ in range(1 + dice.below(9)))
    zone = f"{dice.pick('+-')}{dice.below(24):02}:{dice.below(60):02}"
    return text + dice.pick(["", "Z", "Z", zone])


if __name__ == "__main__":
    write("times.json", document(LAW, cases()))
