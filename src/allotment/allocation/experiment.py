"""An experiment as the public API shows it, and its evaluation for one subject."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from allotment.allocation import law

MAX_GROUPS = 10
RATE_TEXT = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A rate as text: decimal digits only, so that every language reads the same number from it."""


class ConfigError(ValueError):
    """An item of the configuration cannot be used; the message names field, value and remedy."""


class Reason(StrEnum):
    """Why an evaluation ended as it did, in the order in which the steps are tried."""

    OVERRIDDEN = "overridden"
    NOT_ACTIVE = "not_active"
    NOT_SAMPLED = "not_sampled"
    ASSIGNED = "assigned"


class IdentifierType(StrEnum):
    """Who is randomized, in the public API's names."""

    USER = "mw-user"
    BROWSER = "edge-unique"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class SampleRate:
    """The share of subjects that take part: a default, and other rates for named sites."""

    default: float
    sites: Mapping[str, float]

    def at(self, site: str | None) -> float:
        """The rate (0 to 1) at a site; the default where the site is not named."""
        return self.default if site is None else self.sites.get(site, self.default)


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment, as much of it as enrollment and events need."""

    name: str
    groups: tuple[str, ...]
    weights: tuple[int, ...]
    sample_rate: SampleRate
    identifier_type: str = IdentifierType.BROWSER
    start: datetime | None = None
    end: datetime | None = None
    stream_name: str = ""
    schema_id: str = ""
    contextual_attributes: tuple[str, ...] = ()
    version: str = ""
    phase_index: int = 0

    def is_active(self, now: datetime) -> bool:
        """Whether `now` lies within start and end, both included; a missing bound is open."""
        return (self.start is None or self.start <= now) and (self.end is None or now <= self.end)


@dataclass(frozen=True, slots=True)
class Allocation:
    """What the law says of one subject in one experiment. `group` is None iff not enrolled."""

    experiment: str
    subject_id: str
    group: str | None
    reason: Reason

    @property
    def enrolled(self) -> bool:
        """Whether the subject takes part."""
        return self.group is not None


def allocate(
    experiment: Experiment,
    subject: str,
    *,
    site: str | None = None,
    now: datetime | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Allocation:
    """Evaluate an experiment for a subject; the first step that decides gives the reason.

    1. A forced group wins (`overridden`); the subject id is then the word `overridden`.
    2. Outside its dates nobody is enrolled (`not_active`).
    3. The law's remainder against the site's rate (`not_sampled`).
    4. The law's slot names the group (`assigned`).
    """
    forced = (overrides or {}).get(experiment.name)
    if forced is not None:
        return Allocation(experiment.name, "overridden", forced, Reason.OVERRIDDEN)
    drawn = law.draw(subject, experiment.name, sum(experiment.weights))
    if not experiment.is_active(now or datetime.now(UTC)):
        return Allocation(experiment.name, drawn.subject_hash, None, Reason.NOT_ACTIVE)
    if drawn.remainder >= law.threshold(experiment.sample_rate.at(site)):
        return Allocation(experiment.name, drawn.subject_hash, None, Reason.NOT_SAMPLED)
    group = experiment.groups[law.group_index(drawn.slot, experiment.weights)]
    return Allocation(experiment.name, drawn.subject_hash, group, Reason.ASSIGNED)


def parse_experiment(item: object) -> Experiment:
    """Read one experiment in the public API's shape, with our optional `weights`.

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
    )


def parse_sample_rate(name: str, found: object) -> SampleRate:
    """Read `{"default": rate, "<rate>": [site, …], …}`; rates are numbers or their text.

    A missing map means nobody. Of two rates for one site the first counts.

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
            sites.setdefault(site, rate)
    return SampleRate(_rate(name, found.get("default", 0)), sites)


def parse_time(name: str, field: str, found: object) -> datetime | None:
    """Read an ISO 8601 time; one without a zone counts as UTC. Missing or empty: None.

    Raises:
        ConfigError: the text is no time.
    """
    if found is None or found == "":
        return None
    try:
        time = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        time = None
    if time is None:
        raise ConfigError(
            f"{name}: '{field}' is {found!r}; give a time such as 2026-11-22T09:00:00Z"
        )
    return time if time.tzinfo else time.replace(tzinfo=UTC)


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


def _phase(name: str, found: object) -> int:
    phase = 0 if found is None else _whole(found)
    if phase is None:
        raise ConfigError(f"{name}: 'phase_index' is {found!r}; give a whole number, 0 or more")
    return phase


def _version(name: str, found: object) -> str:
    if found is None:
        return ""
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
