"""Reads an experiment in the public API's shape."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from allotment.allocation import law
from allotment.allocation.experiment import (
    Experiment,
    HoldoutRange,
    IdentifierType,
    LayerRange,
    SampleRate,
)
from allotment.allocation.targeting import Condition, TargetingError, read_targeting

MAX_GROUPS = 10
RATE_TEXT = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A rate as text: decimal digits only, so that every language reads the same number from it."""
TIME_TEXT = re.compile(
    r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?"
)
"""A time as text: of RFC 3339, but that zone, seconds or the whole clock may be missing."""


class ConfigError(ValueError):
    """An item of the configuration cannot be used; the message names field, value and remedy."""


def parse_experiment(item: object) -> Experiment:
    """Read one experiment in the public API's shape, with what we add to it.

    That is `weights`, `layer`, `holdouts` and `targeting`, each of which may be missing.

    Raises:
        ConfigError: a field is missing or has a value that cannot be used.
    """
    if not isinstance(item, Mapping):
        raise ConfigError(f"an experiment is {item!r}; it must be a JSON object")
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"an experiment's 'name' is {name!r}; give a text that is not empty")
    groups = _groups(name, item.get("groups"))
    return Experiment(
        name=name,
        groups=groups,
        weights=_weights(name, item.get("weights"), len(groups)),
        sample_rate=parse_sample_rate(name, item.get("sample_rate")),
        identifier_type=_text(name, item, "user_identifier_type") or IdentifierType.BROWSER,
        start=parse_time(name, "start", item.get("start")),
        end=parse_time(name, "end", item.get("end")),
        stream_name=_text(name, item, "stream_name"),
        schema_id=_text(name, item, "schema_id"),
        contextual_attributes=_texts(name, item.get("contextual_attributes")),
        version=_version(name, item.get("version")),
        phase_index=_phase(name, item.get("phase_index")),
        layer=_layer(name, item.get("layer")),
        targeting=_targeting(name, item.get("targeting")),
        holdouts=_holdouts(name, item.get("holdouts")),
    )


def parse_sample_rate(name: str, found: object) -> SampleRate:
    """Read `{"default": rate, "<rate>": [site, …], …}`; rates are numbers or their text.

    A missing map means nobody. Of two rates for one site the lowest counts: not every language can
    tell which one came first.

    Raises:
        ConfigError: a rate is no number from 0 to 1, or a list of sites is no list of texts.
    """
    if found is None:
        return SampleRate(0.0, {})
    if not isinstance(found, Mapping):
        raise ConfigError(f"{name}: 'sample_rate' is {found!r}; it must be a JSON object")
    sites: dict[str, float] = {}
    for key, listed in found.items():
        if key == "default":
            continue
        rate = _rate(name, key)
        for site in _texts(name, listed, field="sample_rate"):
            sites[site] = min(rate, sites.get(site, rate))
    return SampleRate(_rate(name, found.get("default", 0)), sites)


def parse_time(name: str, field: str, found: object) -> datetime | None:
    """Read a time of RFC 3339, to the millisecond. Missing or empty: None.

    `2026-11-22T09:00:00Z`; without a zone it is UTC, without a clock midnight, without seconds the
    full minute. What is finer than a millisecond is cut off: not every language can hold it.

    Raises:
        ConfigError: the text is no such time, or names a day that no calendar has.
    """
    if found is None or found == "":
        return None
    time = None
    if isinstance(found, str) and TIME_TEXT.fullmatch(found):
        with suppress(ValueError):
            time = datetime.fromisoformat(found)
    if time is None:
        raise ConfigError(
            f"{name}: '{field}' is {found!r}; give a time such as 2026-11-22T09:00:00Z"
        )
    cut = time.replace(microsecond=time.microsecond // 1000 * 1000)
    return cut if cut.tzinfo else cut.replace(tzinfo=UTC)


def parse_rate(found: object) -> float | None:
    """A rate from a JSON number, or from its text in plain decimal digits; None if it is neither.

    Signs, blanks, underscores, hexadecimal digits, NaN and Infinity make no rate, nor does a
    number outside 0 to 1.
    """
    if isinstance(found, str) and RATE_TEXT.fullmatch(found):
        found = float(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if 0 <= found <= 1 else None


def _rate(name: str, found: object) -> float:
    rate = parse_rate(found)
    if rate is None:
        raise ConfigError(
            f"{name}: a rate in 'sample_rate' is {found!r}; give a number from 0 to 1"
        )
    return rate


def _groups(name: str, found: object) -> tuple[str, ...]:
    groups = _texts(name, found, field="groups")
    if not 1 <= len(groups) <= MAX_GROUPS:
        raise ConfigError(
            f"{name}: 'groups' is {found!r}, {len(groups)} entries; give 1 to {MAX_GROUPS}"
        )
    if len(set(groups)) < len(groups):
        raise ConfigError(f"{name}: 'groups' is {list(groups)!r}; a group is listed twice")
    return groups


def _weights(name: str, found: object, count: int) -> tuple[int, ...]:
    if found is None:
        return (1,) * count
    if not isinstance(found, Sequence) or isinstance(found, str) or len(found) != count:
        raise ConfigError(f"{name}: 'weights' is {found!r}; give one whole number a group")
    weights = tuple(weight for weight in map(_whole, found) if weight is not None)
    if len(weights) < count:
        raise ConfigError(f"{name}: 'weights' is {found!r}; give whole numbers, 0 or more")
    if not 0 < sum(weights) <= law.MAX_TOTAL_WEIGHT:
        raise ConfigError(
            f"{name}: 'weights' is {found!r}, which adds up to {sum(weights)}; their sum must be "
            f"1 to {law.MAX_TOTAL_WEIGHT}"
        )
    return weights


def _layer(name: str, found: object) -> LayerRange | None:
    if found is None:
        return None
    if not isinstance(found, Mapping):
        raise ConfigError(f"{name}: 'layer' is {found!r}; it must be a JSON object")
    return LayerRange(*_range(name, "layer", found))


def _holdouts(name: str, found: object) -> tuple[HoldoutRange, ...]:
    if found is None:
        return ()
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise ConfigError(f"{name}: 'holdouts' is {found!r}; it must be a list of JSON objects")
    for holdout in found:
        if not isinstance(holdout, Mapping):
            raise ConfigError(f"{name}: 'holdouts' has {holdout!r}; it must be a JSON object")
    return tuple(HoldoutRange(*_range(name, "holdouts", holdout)) for holdout in found)


def _range(name: str, field: str, found: Mapping[str, object]) -> tuple[str, int, int]:
    named = _text(name, found, "name")
    begin, end = _whole(found.get("begin")), _whole(found.get("end"))
    if not named or begin is None or end is None or not begin < end <= law.HASH_SPAN:
        raise ConfigError(
            f"{name}: '{field}' is {dict(found)!r}; give its 'name', and 'begin' below 'end', "
            f"whole numbers from 0 to {law.HASH_SPAN}"
        )
    return named, begin, end


def _targeting(name: str, found: object) -> tuple[Condition, ...]:
    try:
        return read_targeting(found)
    except TargetingError as error:
        raise ConfigError(f"{name}: {error}") from None


def _phase(name: str, found: object) -> int:
    phase = 0 if found is None else _whole(found)
    if phase is None:
        raise ConfigError(f"{name}: 'phase_index' is {found!r}; give a whole number, 0 or more")
    return phase


def _version(name: str, found: object) -> str:
    if found is None:
        return ""
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise ConfigError(f"{name}: 'version' is {found!r}; give a text or a whole number")
    return str(found)


def _whole(found: object) -> int | None:
    # JSON has one kind of number: where 2.0 is read as a float it is still the whole number 2.
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        return None
    return found


def _text(name: str, item: Mapping[str, object], field: str) -> str:
    found = item.get(field)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ConfigError(f"{name}: '{field}' is {found!r}; give a text")
    return found


def _texts(name: str, found: object, field: str = "contextual_attributes") -> tuple[str, ...]:
    if found is None:
        return ()
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise ConfigError(f"{name}: '{field}' is {found!r}; it must be a list of texts")
    if any(not isinstance(text, str) or not text for text in found):
        raise ConfigError(f"{name}: '{field}' is {found!r}; each entry must be a text")
    return tuple(found)
