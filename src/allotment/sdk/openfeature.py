"""An OpenFeature provider over the client: a flag is an experiment, its value the group.

Needs `allotment[openfeature]`. A subject who is asked about is exposed, so that a site which speaks
OpenFeature alone has a result: <https://openfeature.dev/specification/sections/providers>.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import (
    FlagNotFoundError,
    ProviderNotReadyError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from allotment.allocation import (
    Allocation,
    Experiment,
    IdentifierType,
    allocate,
    parse_overrides,
)
from allotment.allocation import Reason as Why
from allotment.sdk import events
from allotment.sdk.client import Client
from allotment.sdk.documents import DEFAULT_STREAM, default_schema
from allotment.sdk.visitor import Visitor

T = TypeVar("T")
Structure: TypeAlias = Sequence[FlagValueType] | Mapping[str, FlagValueType]

_IDS: Mapping[str, str] = {
    IdentifierType.USER: "user_id",
    IdentifierType.BROWSER: "browser_id",
    IdentifierType.SESSION: "session_id",
}
_OVERRIDES = "mpo"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_BOOLEAN_GROUPS = 2
_EXPOSED_SECONDS = 30 * 60.0
_MOST_EXPOSED = 50_000
_REASONS = {
    Why.OVERRIDDEN: Reason.STATIC,
    Why.NOT_ACTIVE: Reason.DISABLED,
    Why.ASSIGNED: Reason.SPLIT,
}
"""Of all others: the default is answered."""


class AllotmentProvider(AbstractProvider):
    """Answers flags from experiments.

    - A text flag is the group's name. A number flag reads it as a number. A boolean flag, of an
      experiment with two groups, is false in the first (control) and true in the other.
    - Whoever is not in the experiment gets the default; `flag_metadata["reason"]` says why, in the
      words of the law of allocation.
    - Whoever is in it is exposed: `experiment_exposure` is sent once in half an hour for each
      subject, experiment and group.
    - `track(name)` sends an event with that action and the membership.

    The evaluation context names the subject in `user_id`, `browser_id` and `session_id`; its
    `targeting_key` is one of them. All else are contextual attributes, flat (`page_id`) or nested
    (`{"page": {"id": 7}}`). `mpo` (`experiment:group`) forces groups.

    Args:
        client: the site's client. It stays the site's: a shutdown delivers what waits, and does not
            close it.
        targeting_key_is: the kind of id that targeting keys are.
        send_exposures: expose whom a flag is evaluated for. False: the site calls `send_exposure`.
        tracking_stream: where `track` sends to.
        wait_seconds: how long setting the provider waits for a first configuration.
        stale_seconds: after how long without an answer of the registry the provider is stale.

    Example:
        >>> api.set_provider(AllotmentProvider(client))  # doctest: +SKIP
        >>> flags = api.get_client()  # doctest: +SKIP
        >>> flags.get_string_value("search-prompt", "control", EvaluationContext("42"))
    """

    def __init__(
        self,
        client: Client,
        *,
        targeting_key_is: IdentifierType = IdentifierType.USER,
        send_exposures: bool = True,
        tracking_stream: str = DEFAULT_STREAM,
        wait_seconds: float = 5.0,
        stale_seconds: float = 60.0,
    ) -> None:
        super().__init__()
        self._client = client
        self._targeting_key_is = IdentifierType(targeting_key_is)
        self._send_exposures = send_exposures
        self._tracking_stream = tracking_stream
        self._wait_seconds = wait_seconds
        self._exposed = _Recently(_EXPOSED_SECONDS, _MOST_EXPOSED)
        self._stale_seconds = stale_seconds
        self._is_fresh = False
        self._forget: Callable[[], None] = lambda: None

    def get_metadata(self) -> Metadata:
        """The provider's name."""
        return Metadata(name="allotment")

    def initialize(self, evaluation_context: EvaluationContext) -> None:  # noqa: ARG002 - theirs
        """Begin, and wait for a configuration, unless a copy is held already.

        Raises:
            ProviderNotReadyError: none came in time. The client goes on asking, and the provider
                says that it is ready once one came.
        """
        configuration = self._client.start().configuration
        if configuration.age_seconds is None:
            configuration.wait(self._wait_seconds)
        self._is_fresh = configuration.age_seconds is not None
        # Not before: what comes until now is no change, and the SDK says itself that it is ready.
        self._forget()
        self._forget = configuration.watch(self._see)
        if not self._is_fresh:
            raise ProviderNotReadyError("; ".join(configuration.problems) or _NOTHING_YET)

    def shutdown(self) -> None:
        """Deliver what waits, for at most five seconds."""
        self._forget()
        self._client.delivery.flush(5.0)

    # Flags.

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """The name of the subject's group."""
        return self._resolve(flag_key, default_value, evaluation_context, lambda _, group: group)

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - theirs
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Whether the subject is in the second of two groups."""
        return self._resolve(flag_key, default_value, evaluation_context, _boolean)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        """The group's name as a whole number."""
        return self._resolve(flag_key, default_value, evaluation_context, _integer)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """The group's name as a number."""
        return self._resolve(flag_key, default_value, evaluation_context, _float)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Structure,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Structure]:
        """Groups are no structures: always an error, and the default."""
        return self._resolve(flag_key, default_value, evaluation_context, _structure)

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Send an event about something that the subject did.

        The details stand in `action_context`, as JSON.
        """
        visitor = self._visitor(evaluation_context)
        data: dict[str, Any] = {}
        if tracking_event_details is not None:
            told = dict(tracking_event_details.attributes)
            if tracking_event_details.value is not None:
                told["value"] = tracking_event_details.value
            data["action_context"] = json.dumps(told, default=str)
        settings = visitor.configuration.streams.get(self._tracking_stream, {})
        visitor.submit_interaction(
            self._tracking_stream, default_schema(settings), tracking_event_name, data
        )

    # How a flag is found.

    def _resolve(
        self,
        flag: str,
        default: T,
        context: EvaluationContext | None,
        read: Callable[[Experiment, str], T],
    ) -> FlagResolutionDetails[T]:
        visitor = self._visitor(context)
        experiment = visitor.configuration.experiments.get(flag)
        if experiment is None:
            if self._client.configuration.age_seconds is None:
                raise ProviderNotReadyError(_NOTHING_YET)
            raise FlagNotFoundError(f"no experiment {flag!r} is switched on")
        found = self._allocate(experiment, visitor, _overrides(context))
        metadata: dict[str, bool | int | float | str] = {"reason": str(found.reason)}
        if experiment.version:
            metadata["version"] = experiment.version
        reason = _REASONS.get(found.reason, Reason.DEFAULT)
        if found.group is None:
            return FlagResolutionDetails(default, reason=reason, flag_metadata=metadata)
        value = read(experiment, found.group)
        if self._send_exposures:
            self._expose(visitor, found)
        return FlagResolutionDetails(
            value, reason=reason, variant=found.group, flag_metadata=metadata
        )

    def _allocate(
        self, experiment: Experiment, visitor: Visitor, overrides: Mapping[str, str]
    ) -> Allocation:
        subject = visitor.identity.by_type().get(experiment.identifier_type)
        if not subject and experiment.name not in overrides:
            wanted = _IDS.get(experiment.identifier_type, "kind of id that there is")
            raise TargetingKeyMissingError(
                f"{experiment.name} is about {experiment.identifier_type}; give a {wanted}"
            )
        return allocate(
            experiment,
            subject or "",
            site=self._client.site,
            now=datetime.now(UTC),
            overrides=overrides,
            attributes=events.flat(visitor.context),
        )

    def _expose(self, visitor: Visitor, found: Allocation) -> None:
        key = (found.experiment, found.group, found.subject_id)
        if self._exposed.has(key):
            return
        if visitor.get_experiment(found.experiment).send_exposure():
            self._exposed.add(key)

    def _visitor(self, context: EvaluationContext | None) -> Visitor:
        given = dict(context.attributes) if context is not None else {}
        ids = {name: _text(given.pop(name, None)) for name in _IDS.values()}
        if context is not None and context.targeting_key:
            name = _IDS[self._targeting_key_is]
            ids[name] = ids[name] or context.targeting_key
        given.pop(_OVERRIDES, None)
        return self._client.visitor(
            **ids, overrides=_overrides(context), context=_attributes(given), edge=None
        )

    def _see(self, changed: tuple[str, ...]) -> None:
        """Tell of a newer configuration, and of a registry that was lost or found again."""
        age = self._client.configuration.age_seconds
        is_fresh = age is not None and age < self._stale_seconds
        if is_fresh != self._is_fresh:
            self._is_fresh = is_fresh
            if is_fresh:
                self.emit_provider_ready(ProviderEventDetails())
            else:
                told = ProviderEventDetails(message="the registry does not answer")
                self.emit_provider_stale(told)
        if changed:
            told = ProviderEventDetails(flags_changed=list(changed))
            self.emit_provider_configuration_changed(told)


_NOTHING_YET = "no configuration has come from the registry yet"


class _Recently:
    """What was added within some seconds; of too many, the newest. Safe in any thread."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._added: OrderedDict[object, float] = OrderedDict()
        self._lock = threading.Lock()

    def has(self, key: object) -> bool:
        with self._lock:
            return self._added.get(key, float("-inf")) > time.monotonic() - self._seconds

    def add(self, key: object) -> None:
        with self._lock:
            self._added.pop(key, None)
            self._added[key] = time.monotonic()
            if len(self._added) > self._most:
                self._added.popitem(last=False)


def _overrides(context: EvaluationContext | None) -> dict[str, str]:
    asked = context.attributes.get(_OVERRIDES) if context is not None else None
    return parse_overrides(asked) if isinstance(asked, str) else {}


def _attributes(given: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """Contextual attributes by group: `page_id` and `{"page": {"id": …}}` are the same."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        group, _, key = name.partition("_")
        members = value if isinstance(value, Mapping) else {key: value} if key else {}
        for member, one in members.items():
            told = events.timestamp(one) if isinstance(one, datetime) else one
            found.setdefault(name if isinstance(value, Mapping) else group, {})[member] = told
    return found


def _text(found: object) -> str | None:
    """An id. Numbers are common for accounts, and mean their decimal digits."""
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return str(found) or None


def _boolean(experiment: Experiment, group: str) -> bool:
    if len(experiment.groups) != _BOOLEAN_GROUPS or group not in experiment.groups:
        raise TypeMismatchError(
            f"{experiment.name} has the groups {', '.join(experiment.groups)}, and this is {group};"
            " only one of two groups is true or false. Ask for a text"
        )
    return group == experiment.groups[1]


def _integer(experiment: Experiment, group: str) -> int:
    if not _NUMBER.fullmatch(group) or "." in group:
        raise TypeMismatchError(f"{experiment.name}: the group {group!r} is no whole number")
    return int(group)


def _float(experiment: Experiment, group: str) -> float:
    if not _NUMBER.fullmatch(group):
        raise TypeMismatchError(f"{experiment.name}: the group {group!r} is no number")
    return float(group)


def _structure(experiment: Experiment, group: str) -> Structure:
    raise TypeMismatchError(f"{experiment.name}: the group {group!r} is a text, and no structure")
