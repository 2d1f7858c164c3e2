"""Readers that nobody is, sent through the real client library and the real intake.

They meet the related articles some times each and click now and then, with a click rate that
depends on their group. Their events say `action_source: synthetic`. Nothing else about them is
special: the registry's configuration enrolls them by the law, and the intake checks their events.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from allotment.sdk import Client, Experiment, IdentifierType, Visitor
from allotment_demo.app import SITE
from allotment_demo.pages import EXPERIMENT

CLICK_RATES = {"control": 0.20, "card": 0.26}
_CONCENTRATION = 8.0
_MAX_PENDING = 5_000
_PROGRESS_EVERY = 25


class SyntheticReadersError(RuntimeError):
    """The readers could not be sent; the message says what is missing and where to look."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which readers to send.

    Args:
        experiment: the experiment that they meet; it must be active in the registry.
        click_rates: chance of a click at one impression, by group; a group that is not named has
            the default rate.
        default_rate: see `click_rates`.
        readers: how many.
        prefix: begins every reader's ids, so that two runs are different people.
        seed: the same seed sends the same readers, who click alike.
        minutes: the events are spread over so many minutes before now, but not before the
            experiment's start.
        element: friendly name of the element that is seen and clicked.
    """

    experiment: str = EXPERIMENT
    click_rates: Mapping[str, float] = field(default_factory=lambda: dict(CLICK_RATES))
    default_rate: float = 0.20
    readers: int = 3_000
    prefix: str = "synthetic"
    seed: int = 1
    minutes: float = 10.0
    element: str = "related articles"


@dataclass(frozen=True, slots=True)
class Counts:
    """What was sent. `groups`, `impressions` and `clicks` are by group, of enrolled readers only.

    `accepted` counts events that the intake took.
    """

    readers: int
    enrolled: int
    groups: Mapping[str, int]
    impressions: Mapping[str, int]
    clicks: Mapping[str, int]
    events: int
    accepted: int


def send(
    registry_url: str,
    intake_url: str,
    readers: int = 3_000,
    seed: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> Counts:
    """Send the demo's own readers; see `send_plan`."""
    return send_plan(
        registry_url, intake_url, Plan(readers=readers, seed=seed), on_progress=on_progress
    )


def send_plan(
    registry_url: str,
    intake_url: str,
    plan: Plan,
    *,
    site: str = SITE,
    wait_seconds: float = 30.0,
    on_progress: Callable[[int], None] | None = None,
) -> Counts:
    """Send the readers of a plan, and return when the intake has answered for all their events.

    Args:
        wait_seconds: how long to wait for the experiment to appear in the configuration, and, at
            the end, for the intake.
        on_progress: told the number of readers done, now and then. What it raises ends the run.

    Raises:
        SyntheticReadersError: the experiment is not configured, or the intake did not take
            every event.
    """
    client = Client(
        registry_url=registry_url,
        intake_url=intake_url,
        site=site,
        refresh_seconds=0.25,
        queue_capacity=4 * _MAX_PENDING,
    )
    try:
        experiment = _wait_for(client, plan.experiment, wait_seconds)
        tally = _Tally()
        for done, visitor in enumerate(_visitors(client, plan, experiment), start=1):
            _browse(visitor, plan, experiment, tally, done)
            if on_progress is not None and (done % _PROGRESS_EVERY == 0 or done == plan.readers):
                on_progress(done)
            while client.delivery.pending > _MAX_PENDING:
                time.sleep(0.005)
        client.delivery.flush(wait_seconds)
        return _checked(client, plan, tally)
    finally:
        client.close(0.0)


@dataclass(slots=True)
class _Tally:
    groups: dict[str, int] = field(default_factory=dict)
    impressions: dict[str, int] = field(default_factory=dict)
    clicks: dict[str, int] = field(default_factory=dict)
    events: int = 0


def _wait_for(client: Client, name: str, seconds: float) -> Experiment:
    client.start()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        configuration = client.configuration.current()
        experiment = configuration.experiments.get(name)
        if (
            experiment is not None
            and experiment.is_active(datetime.now(UTC))
            and experiment.stream_name in configuration.streams
        ):
            return experiment
        time.sleep(0.02)
    problems = "; ".join(client.configuration.problems)
    raise SyntheticReadersError(
        f"experiment {name!r} did not appear in the registry's configuration, active and with its "
        f"stream, within {seconds:.0f} s; {problems or 'activate it in the registry'}"
    )


def _visitors(client: Client, plan: Plan, experiment: Experiment) -> Iterator[Visitor]:
    kind = experiment.identifier_type
    for number in range(plan.readers):
        name = f"{plan.prefix}-{plan.seed}-{number}"
        yield client.visitor(
            user_id=name if kind == IdentifierType.USER else None,
            browser_id=name,
            session_id=random.Random(name).randbytes(10).hex(),  # noqa: S311
            context={
                "agent": {"client_platform_family": "desktop_browser"},
                "page": {"id": number % 20 + 1, "namespace_id": 0, "namespace_name": ""},
                "performer": {"is_temp": False, "is_bot": False},
                "mediawiki": {"skin": "demo"},
            },
        )


def _browse(
    visitor: Visitor, plan: Plan, experiment: Experiment, tally: _Tally, number: int
) -> None:
    """One reader: one to four impressions, each with the chance of a click."""
    handle = visitor.get_experiment(plan.experiment)
    group = handle.assigned_group
    if group is None:
        return
    chance = random.Random(f"{plan.prefix}-{plan.seed}-{number}-behavior")  # noqa: S311
    mean = plan.click_rates.get(group, plan.default_rate)
    # Readers differ: each has a click rate of their own, drawn around the group's. This is why the
    # reader, not the impression, is the unit of the analysis.
    rate = (
        chance.betavariate(mean * _CONCENTRATION, (1 - mean) * _CONCENTRATION)
        if 0 < mean < 1
        else mean
    )
    tally.groups[group] = tally.groups.get(group, 0) + 1
    for _ in range(chance.randint(1, 4)):
        moment = _moment(chance, plan.minutes, experiment.start)
        token = chance.randbytes(10).hex()
        data = {
            "action_source": "synthetic",
            "element_friendly_name": plan.element,
            "funnel_entry_token": token,
        }
        handle.send("impression", {**data, "funnel_event_sequence_position": 1}, at=moment)
        tally.impressions[group] = tally.impressions.get(group, 0) + 1
        tally.events += 1
        if chance.random() < rate:
            later = min(moment + timedelta(seconds=chance.uniform(1, 20)), datetime.now(UTC))
            handle.send("click", {**data, "funnel_event_sequence_position": 2}, at=later)
            tally.clicks[group] = tally.clicks.get(group, 0) + 1
            tally.events += 1


def _moment(chance: random.Random, minutes: float, start: datetime | None) -> datetime:
    now = datetime.now(UTC)
    moment = now - timedelta(minutes=chance.uniform(0, minutes))
    if start is None or start <= moment:
        return moment
    return start + (now - start) * chance.random()


def _checked(client: Client, plan: Plan, tally: _Tally) -> Counts:
    counts = client.delivery.counts
    if counts.accepted != tally.events:
        raise SyntheticReadersError(
            f"the intake took {counts.accepted} of {tally.events} events: {counts.rejected} "
            f"rejected, {dict(counts.dropped)} dropped, {counts.pending} pending, "
            f"{client.refused} not handed over; last problem: {counts.last_problem or 'none'}"
        )
    return Counts(
        readers=plan.readers,
        enrolled=sum(tally.groups.values()),
        groups=tally.groups,
        impressions=tally.impressions,
        clicks=tally.clicks,
        events=tally.events,
        accepted=counts.accepted,
    )
