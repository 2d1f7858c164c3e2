"""The experiments to analyse, fetched from the registry's public API; stale beats empty."""

from __future__ import annotations

import json
import logging
import os
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from allotment.analysis.experiment import AnalysisError

_TIMEOUT_SECONDS = 5.0
_PATH = "/api/v1/experiments"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Experiments as the API showed them at a time; `stopped` marks those switched off early."""

    experiments: tuple[Mapping[str, Any], ...]
    fetched_at: datetime


class ConfigurationSource:
    """Asks the registry, and keeps the last good answer on disk."""

    def __init__(self, registry_url: str, cache_dir: Path) -> None:
        if not registry_url.startswith(("http://", "https://")):
            raise AnalysisError(f"the registry's address is {registry_url!r}; give an http address")
        self._url = registry_url.rstrip("/") + _PATH
        self._cache = cache_dir / "analyst-experiments.json"
        self._reachable = True

    def current(self) -> Configuration:
        """The registry's answer, or the last good one when it does not answer.

        Raises:
            AnalysisError: the registry does not answer and never has.
        """
        try:
            found = self._fetch()
        except (OSError, ValueError) as error:
            if self._reachable:
                _log.warning("%s does not answer: %s", self._url, error)
            self._reachable = False
            return self._cached(error)
        if not self._reachable:
            _log.info("%s answers again", self._url)
        self._reachable = True
        self._keep(found)
        return found

    def _fetch(self) -> Configuration:
        everything = _get(f"{self._url}?format=analytics")
        served = {item.get("name") for item in _get(self._url)}
        return Configuration(
            tuple({**item, "stopped": item.get("name") not in served} for item in everything),
            datetime.now(UTC),
        )

    def _keep(self, found: Configuration) -> None:
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        written = self._cache.with_name(f"{self._cache.name}.{os.getpid()}")
        document = {"fetched_at": found.fetched_at.isoformat(), "experiments": found.experiments}
        written.write_text(json.dumps(document), encoding="utf-8")
        written.replace(self._cache)

    def _cached(self, reason: Exception) -> Configuration:
        try:
            document = json.loads(self._cache.read_bytes())
        except FileNotFoundError:
            raise AnalysisError(
                f"{self._url} does not answer ({reason}) and there is no earlier answer in"
                f" {self._cache.parent}; start the registry"
            ) from reason
        return Configuration(
            tuple(document["experiments"]), datetime.fromisoformat(document["fetched_at"])
        )


def _get(url: str) -> list[dict[str, Any]]:
    """A list of objects.

    Raises:
        OSError: no answer, or none of success.
        ValueError: the answer is not a JSON list of objects.
    """
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - http checked above
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
        found = json.loads(answer.read())
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError(f"{url} gave no JSON list of experiments")
    return found
