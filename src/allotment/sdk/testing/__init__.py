"""For a site's own tests: what it sends is kept instead of sent, and groups are as a test says.

`recording()` works with any test runner. With pytest the fixture `allotment` is there by itself;
`allotment.sdk.testing.fixtures` has it, so that nothing else of the library needs pytest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from allotment.allocation import Experiment, parse_experiment
from allotment.sdk.client import Client
from allotment.sdk.configuration import ConfigurationSource
from allotment.sdk.delivery import Delivery
from allotment.sdk.documents import (
    DEFAULT_STREAM,
    Configuration,
    Instrument,
    default_schema,
    parse_instrument,
)
from allotment.sdk.events import Context
from allotment.sdk.handles import EXPOSURE_ACTION
from allotment.sdk.visitor import Visitor

__all__ = ["Recorder", "recording"]


class Recorder:
    """What a test configures, and the events that came of it.

    At first there is no experiment and no instrument, and one stream, `product_metrics.web_base`.

    Example:
        >>> with recording() as allotment:
        ...     allotment.force("search-prompt", "prompt")
        ...     client = Client(
        ...         registry_url="http://127.0.0.1:9",
        ...         intake_url="http://127.0.0.1:9/v1/events",
        ...         site="mywiki",
        ...     )
        ...     experiment = client.visitor().get_experiment("search-prompt")
        ...     experiment.send("click")
        ...     [event["action"] for event in allotment.of("search-prompt")]
        True
        ['click']
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        """Every event in the order of sending, as the intake would read it."""
        self.groups: dict[str, str] = {}
        self._experiments: dict[str, Experiment] = {}
        self._instruments: dict[str, Instrument] = {}
        self._streams: dict[str, Mapping[str, Any]] = {DEFAULT_STREAM: {}}

    def configure(
        self,
        *,
        experiments: Iterable[Mapping[str, Any]] = (),
        instruments: Iterable[Mapping[str, Any]] = (),
        streams: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Add to the configuration, in the shapes of the registry's public API.

        Visitors are drawn into these experiments by the law, but for groups that are forced.

        Raises:
            ConfigError: an item cannot be used; the message names field, value and remedy.
        """
        for item in experiments:
            experiment = parse_experiment(item)
            self._experiments[experiment.name] = experiment
        for item in instruments:
            instrument = parse_instrument(item)
            self._instruments[instrument.name] = instrument
        self._streams.update(streams or {})

    def force(self, experiment: str, group: str | None) -> None:
        """Have every visitor in a group from now on; None: in none.

        The experiment need not be configured. A group that the site is asked for by `?mpo=` goes
        before. A visitor that was made earlier keeps its own.

        Raises:
            ValueError: the experiment is configured, and has no such group.
        """
        known = self._experiments.get(experiment)
        if group is None:
            self.groups.pop(experiment, None)
            self._experiments.pop(experiment, None)
            return
        if known and group not in known.groups:
            raise ValueError(
                f"{experiment} has no group {group!r}; give one of {', '.join(known.groups)}"
            )
        self.groups[experiment] = group

    def sample(self, instrument: str, *, attributes: Iterable[str] = ()) -> None:
        """Have every visitor in the sample of an instrument that need not be configured.

        Args:
            instrument: its name.
            attributes: the contextual attributes that its events carry, such as `page_id`.
        """
        self._instruments[instrument] = parse_instrument(
            {
                "name": instrument,
                "stream_name": DEFAULT_STREAM,
                "schema_id": default_schema(self._streams[DEFAULT_STREAM]),
                "sample_unit": "pageview",
                "sample_rate": {"default": 1},
                "contextual_attributes": list(attributes),
            }
        )

    def of(self, name: str) -> list[dict[str, Any]]:
        """The events that an experiment or instrument sent itself."""
        return [event for event in self.events if event.get("instrument_name") == name]

    def exposures(self, experiment: str) -> list[dict[str, Any]]:
        """The events that say that a visitor met its group."""
        return [event for event in self.of(experiment) if event["action"] == EXPOSURE_ACTION]

    def clear(self) -> None:
        """Forget the events so far; what was configured and forced stays."""
        self.events.clear()

    @property
    def configuration(self) -> Configuration:
        """What every client of the process holds now."""
        return Configuration(dict(self._experiments), dict(self._instruments), dict(self._streams))

    def keep(self, event: Mapping[str, Any]) -> bool:
        """Take an event in place of the intake.

        Raises:
            TypeError, ValueError: it cannot be written as JSON. A site would only be told by a
                counter; a test shall fail.
        """
        self.events.append(json.loads(json.dumps(event, allow_nan=False)))
        return True


@contextmanager
def recording() -> Iterator[Recorder]:
    """Let every client of this process speak to a `Recorder`, and to no network, until the end.

    Clients that were made before do so too; their background threads go on if they had begun.
    """
    recorder = Recorder()
    real_visitor = Client.visitor

    def visitor(
        client: Client,
        *,
        overrides: Mapping[str, str] | None = None,
        user_id: str | None = None,
        browser_id: str | None = None,
        session_id: str | None = None,
        context: Context | None = None,
        edge: Mapping[str, str] | None = None,
    ) -> Visitor:
        return real_visitor(
            client,
            user_id=user_id,
            browser_id=browser_id,
            session_id=session_id,
            overrides={**recorder.groups, **(overrides or {})},
            context=context,
            edge=edge,
        )

    replaced: list[tuple[type, str, object]] = [
        (Client, "visitor", visitor),
        (Client, "start", lambda client: client),
        (ConfigurationSource, "start", lambda source: source),
        (ConfigurationSource, "current", lambda _source: recorder.configuration),
        (ConfigurationSource, "wait", lambda _source, _seconds: True),
        (ConfigurationSource, "age_seconds", property(lambda _source: 0.0)),
        (Delivery, "submit", lambda _delivery, event: recorder.keep(event)),
    ]
    real = [(owner, name, owner.__dict__[name]) for owner, name, _ in replaced]
    for owner, name, stand_in in replaced:
        setattr(owner, name, stand_in)
    try:
        yield recorder
    finally:
        for owner, name, original in real:
            setattr(owner, name, original)
