"""The experiments to analyse, fetched from the registry's public API; stale beats empty.

An answer without experiments where some were known is believed only with a configuration version
that is not older than the one held: someone took them away. A proxy's page or an empty database
shows no such version, and changes nothing (docs/decisions/0005).
"""

from __future__ import annotations

import json
import logging
import os
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from allotment.analysis.experiment import AnalysisError, parse_experiment

_TIMEOUT_SECONDS = 5.0
_PATH = "/api/v1/experiments?format=analytics"
_USER_AGENT = "allotment-analyst"
_VERSION_HEADER = "X-Allotment-Config-Version"
_LEFT_OUT_HEADER = "X-Allotment-Left-Out-Names"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Experiments as the API's analytics form showed them at a time, and its version then."""

    experiments: tuple[Mapping[str, Any], ...]
    fetched_at: datetime
    version: int | None = None


class ConfigurationSource:
    """Asks the registry, and keeps the last good answer in memory and on disk."""

    def __init__(self, registry_url: str, cache_dir: Path) -> None:
        if not registry_url.startswith(("http://", "https://")):
            raise AnalysisError(f"the registry's address is {registry_url!r}; give an http address")
        self._url = registry_url.rstrip("/") + _PATH
        self._cache = cache_dir / "analyst-experiments.json"
        self._held: Configuration | None = None
        self._problem: str | None = None

    def current(self) -> Configuration:
        """The registry's answer, or the last good one when there is none or it is not believed.

        Raises:
            AnalysisError: there is no answer to go by and never was.
        """
        if self._held is None:
            self._held = self._cached()
        try:
            found = _fetch(self._url, self._held)
            if self._held is not None:
                _check_not_emptied(found, self._held)
        except (OSError, ValueError, HTTPException) as error:
            return self._last_good(error)
        if self._problem is not None:
            _log.info("%s answers again", self._url)
        self._problem = None
        self._held = found
        self._keep(found)
        return found

    def _last_good(self, reason: Exception) -> Configuration:
        if self._held is None:
            raise AnalysisError(
                f"{self._url} gave no answer to go by ({reason}) and there is no earlier one in"
                f" {self._cache.parent}; start the registry"
            ) from reason
        if self._problem != str(reason):
            _log.warning(
                "%s gave no answer to go by, that of %s stays: %s",
                self._url,
                self._held.fetched_at.isoformat(timespec="seconds"),
                reason,
            )
        self._problem = str(reason)
        return self._held

    def _keep(self, found: Configuration) -> None:
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        written = self._cache.with_name(f"{self._cache.name}.{os.getpid()}")
        document = {
            "fetched_at": found.fetched_at.isoformat(),
            "version": found.version,
            "experiments": found.experiments,
        }
        written.write_text(json.dumps(document), encoding="utf-8")
        written.replace(self._cache)

    def _cached(self) -> Configuration | None:
        """The last good copy on disk; None where there is none or it is damaged."""
        try:
            document = json.loads(self._cache.read_bytes())
            return Configuration(
                tuple(_objects(document["experiments"])),
                datetime.fromisoformat(document["fetched_at"]),
                _version(document.get("version")),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("the copy in %s cannot be read: %s", self._cache, error)
            return None


def _check_not_emptied(found: Configuration, held: Configuration) -> None:
    """Refuse an answer that is empty where the last was not, with no version to vouch for it.

    One in which no experiment can be read is refused whatever its version: it is a fault.
    """
    if not held.experiments:
        return
    if found.experiments:
        if not any(map(_is_readable, found.experiments)):
            raise ValueError("none of the answer's experiments can be read")
        return
    if found.version is None:
        raise ValueError(f"the answer is empty and has no {_VERSION_HEADER}")
    if held.version is not None and found.version < held.version:
        raise ValueError(
            f"the answer is empty and of version {found.version}, older than {held.version}"
        )


def _is_readable(item: Mapping[str, Any]) -> bool:
    try:
        parse_experiment(item)
    except AnalysisError:
        return False
    return True


def _fetch(url: str, held: Configuration | None) -> Configuration:
    """The registry's answer, and from the one held what a fault keeps out of it.

    Raises:
        OSError, HTTPException: no answer, or none of success.
        ValueError: the answer is not a JSON list of objects.
    """
    headers = {"Accept": "application/json", "User-Agent": _USER_AGENT}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - http checked above
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
        found = _objects(json.loads(answer.read()))
        version = _version(answer.headers[_VERSION_HEADER])
        left_out = answer.headers[_LEFT_OUT_HEADER]
    if left_out and held is not None:
        names = None if left_out == "*" else {unquote(name) for name in left_out.split(",")}
        there = {item.get("name") for item in found}
        found += [
            dict(item)
            for item in held.experiments
            if (name := item.get("name")) not in there and (names is None or name in names)
        ]
    return Configuration(tuple(found), datetime.now(UTC), version)


def _objects(found: object) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError("the answer is no JSON list of experiments")
    return found


def _version(text: object) -> int | None:
    try:
        return int(str(text))
    except ValueError:
        return None
