"""The provider under the real OpenFeature SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus
from openfeature.track import TrackingEventDetails
from tests.sdk.stand_ins import EXPERIMENT, WEB_BASE, Intake, Registry, registry_server, wait_until

from allotment.allocation import IdentifierType, subject_hash
from allotment.sdk import Client
from allotment.sdk.openfeature import AllotmentProvider, _Recently

NAME = EXPERIMENT["name"]
BROWSER = EvaluationContext(attributes={"browser_id": "b1"})


def experiment(name: str, **changes: object) -> dict[str, Any]:
    return {**EXPERIMENT, "name": name, "weights": None, **changes}


EXPERIMENTS = [
    EXPERIMENT,
    experiment("for-users", user_identifier_type="mw-user", groups=["one"]),
    experiment("sizes", groups=["10", "12"]),
    experiment("ratios", groups=["0.5"]),
    experiment("three", groups=["a", "b", "c"]),
    experiment("nobody", sample_rate={"default": 0}),
    experiment("over", end="2020-02-01T00:00:00Z"),
    experiment("targeted", targeting={"page_namespace_id": {"equals": 0}}),
    experiment("odd", user_identifier_type="device"),
]


@pytest.fixture
def flags(registry: Registry, client: Client) -> Iterator[OpenFeatureClient]:
    registry.experiments = EXPERIMENTS
    wait_until(lambda: len(client.configuration.current().experiments) == 9, "all arrive")
    api.set_provider_and_wait(AllotmentProvider(client))
    yield api.get_client()
    api.clear_providers()


def test_string__enrolled__is_the_group_and_the_subject_is_exposed_once(
    flags: OpenFeatureClient, client: Client, intake: Intake
) -> None:
    expected = client.visitor(browser_id="b1").get_experiment_bucket_value(NAME)
    for _ in range(3):
        found = flags.get_string_details(NAME, "default", BROWSER)
    assert (found.value, found.variant, found.reason) == (expected, expected, Reason.SPLIT)
    assert found.flag_metadata == {"reason": "assigned", "version": "3"}
    assert found.error_code is None
    assert client.delivery.flush()
    (event,) = intake.events
    assert event["action"] == "experiment_exposure"
    assert event["instrument_name"] == NAME
    assert event["experiments"]["assigned"][NAME] == expected
    assert event["experiments"]["subject_ids"][NAME] == subject_hash("b1", NAME)


def test_exposure__other_subject_experiment_or_group__is_sent_again(
    flags: OpenFeatureClient, client: Client, intake: Intake
) -> None:
    for browser in ("b1", "b2"):
        for flag in (NAME, "three"):
            flags.get_string_value(flag, "", EvaluationContext(attributes={"browser_id": browser}))
    forced = EvaluationContext(attributes={"browser_id": "b1", "mpo": f"{NAME}:elsewhere"})
    assert flags.get_string_value(NAME, "", forced) == "elsewhere"
    assert flags.get_string_details(NAME, "", forced).reason == Reason.STATIC
    assert client.delivery.flush()
    assert len(intake.events) == 5
    assert intake.events[-1]["experiments"]["coordinators"][NAME] == "forced"


def test_exposures__switched_off__none(
    flags: OpenFeatureClient, client: Client, intake: Intake
) -> None:
    api.set_provider_and_wait(AllotmentProvider(client, send_exposures=False))
    assert flags.get_string_value(NAME, "", BROWSER) in {"control", "card"}
    assert client.delivery.flush()
    assert intake.events == []


def test_boolean__two_groups__false_in_control_true_in_the_other(flags: OpenFeatureClient) -> None:
    for number in range(20):
        context = EvaluationContext(attributes={"browser_id": f"b{number}"})
        group = flags.get_string_value(NAME, "", context)
        assert flags.get_boolean_value(NAME, group == "control", context) is (group == "card")


def test_numbers__groups_that_are_numbers__are_read(flags: OpenFeatureClient) -> None:
    assert flags.get_integer_value("sizes", 0, BROWSER) in {10, 12}
    assert flags.get_float_value("ratios", 0.0, BROWSER) == 0.5
    assert flags.get_float_value("sizes", 0.0, BROWSER) in {10.0, 12.0}


@pytest.mark.parametrize(
    ("kind", "flag", "default"),
    [
        ("boolean", "three", True),
        ("integer", NAME, 7),
        ("integer", "ratios", 7),
        ("float", NAME, 7.5),
        ("object", NAME, {"a": 1}),
    ],
)
def test_other_types__type_mismatch__default_and_nobody_is_exposed(
    flags: OpenFeatureClient,
    client: Client,
    intake: Intake,
    kind: str,
    flag: str,
    default: object,
) -> None:
    found = getattr(flags, f"get_{kind}_details")(flag, default, BROWSER)
    assert (found.value, found.error_code) == (default, ErrorCode.TYPE_MISMATCH)
    assert found.reason == Reason.ERROR
    assert client.delivery.flush()
    assert intake.events == []


@pytest.mark.parametrize(
    ("flag", "attributes", "reason", "why"),
    [
        ("nobody", {}, Reason.DEFAULT, "not_sampled"),
        ("over", {}, Reason.DISABLED, "not_active"),
        ("targeted", {}, Reason.DEFAULT, "not_targeted"),
        ("targeted", {"page_namespace_id": 1}, Reason.DEFAULT, "not_targeted"),
        ("targeted", {"page_namespace_id": 0}, Reason.SPLIT, "assigned"),
        ("targeted", {"page": {"namespace_id": 0}}, Reason.SPLIT, "assigned"),
    ],
)
def test_not_in_it__default_and_the_laws_reason(
    flags: OpenFeatureClient, flag: str, attributes: dict[str, Any], reason: Reason, why: str
) -> None:
    context = EvaluationContext(attributes={"browser_id": "b1", **attributes})
    found = flags.get_string_details(flag, "default", context)
    assert (found.reason, found.flag_metadata["reason"]) == (reason, why)
    assert found.error_code is None
    assert (found.value == "default") == (why != "assigned")


def test_errors__unknown_flag_or_no_id__say_what_to_do(flags: OpenFeatureClient) -> None:
    found = flags.get_string_details("unknown", "default", BROWSER)
    assert (found.value, found.error_code) == ("default", ErrorCode.FLAG_NOT_FOUND)
    found = flags.get_string_details("for-users", "default", BROWSER)
    assert (found.value, found.error_code) == ("default", ErrorCode.TARGETING_KEY_MISSING)
    assert found.error_message == "for-users is about mw-user; give a user_id"
    found = flags.get_string_details("odd", "default", BROWSER)
    assert found.error_code == ErrorCode.TARGETING_KEY_MISSING


def test_targeting_key__is_the_kind_of_id_that_the_site_says(
    flags: OpenFeatureClient, client: Client
) -> None:
    key = EvaluationContext("42")
    assert flags.get_string_value("for-users", "", key) == "one"
    assert flags.get_string_value(NAME, "", key) == ""
    browsers = AllotmentProvider(client, targeting_key_is=IdentifierType.BROWSER)
    api.set_provider_and_wait(browsers)
    assert flags.get_string_value("for-users", "", key) == ""
    assert flags.get_string_value(NAME, "", key) in {"control", "card"}
    numbered = EvaluationContext(attributes={"user_id": 42})
    assert flags.get_string_value("for-users", "", numbered) == "one"


def test_track__event__has_the_membership_and_its_details(
    flags: OpenFeatureClient, client: Client, intake: Intake
) -> None:
    flags.track("checkout", BROWSER, TrackingEventDetails(9.5, {"currency": "EUR"}))
    flags.track("visit", BROWSER)
    assert client.delivery.flush()
    checkout, visit = intake.events
    assert (checkout["action"], checkout["meta"]["stream"]) == ("checkout", WEB_BASE)
    assert json.loads(checkout["action_context"]) == {"currency": "EUR", "value": 9.5}
    assert checkout["experiments"]["assigned"][NAME] in {"control", "card"}
    assert "action_context" not in visit


def test_async__evaluation__is_the_same(flags: OpenFeatureClient) -> None:
    found = asyncio.run(flags.get_string_value_async(NAME, "", BROWSER))
    assert found == flags.get_string_value(NAME, "", BROWSER)


def test_registry_down__provider_says_so_and_is_ready_when_it_comes_back(intake: Intake) -> None:
    with registry_server() as gone:
        port = int(gone.url.rsplit(":", 1)[1])
    with Client(
        registry_url=gone.url, intake_url=intake.url, site="demowiki", refresh_seconds=0.05
    ) as client:
        with pytest.raises(ProviderNotReadyError):
            api.set_provider_and_wait(AllotmentProvider(client, wait_seconds=0.3))
        flags = api.get_client()
        assert flags.get_provider_status() == ProviderStatus.ERROR
        found = flags.get_string_details(NAME, "default", BROWSER)
        assert (found.value, found.error_code) == ("default", ErrorCode.PROVIDER_NOT_READY)
        with registry_server(port=port):
            wait_until(
                lambda: flags.get_string_value(NAME, "default", BROWSER) != "default", "it is back"
            )
        assert flags.get_provider_status() == ProviderStatus.READY
        api.clear_providers()


def test_newer_configuration__changed_flags_are_told_and_answered_by_it(
    flags: OpenFeatureClient, registry: Registry
) -> None:
    told: list[list[str] | None] = []

    def listen(details: EventDetails) -> None:
        told.append(details.flags_changed)

    flags.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, listen)
    assert flags.get_string_value("ratios", "", BROWSER) == "0.5"
    registry.experiments = [
        {**item, "groups": ["0.7"]} if item["name"] == "ratios" else item for item in EXPERIMENTS
    ]
    registry.version = 2
    wait_until(lambda: told, "the change is told")
    assert told == [["ratios"]]
    assert flags.get_string_value("ratios", "", BROWSER) == "0.7"


def test_registry_lost__provider_is_stale_answers_on_and_is_ready_again(intake: Intake) -> None:
    with registry_server() as lost:
        port = int(lost.url.rsplit(":", 1)[1])
        client = Client(
            registry_url=lost.url, intake_url=intake.url, site="demowiki", refresh_seconds=0.05
        )
        api.set_provider_and_wait(AllotmentProvider(client, stale_seconds=0.3))
        flags = api.get_client()
        assert flags.get_provider_status() == ProviderStatus.READY
    with client:
        wait_until(lambda: flags.get_provider_status() == ProviderStatus.STALE, "it is stale")
        assert flags.get_string_value(NAME, "default", BROWSER) != "default"
        with registry_server(port=port):
            wait_until(lambda: flags.get_provider_status() == ProviderStatus.READY, "it is back")
        api.clear_providers()


def test_shutdown__what_waits_is_delivered_and_the_client_goes_on(
    flags: OpenFeatureClient, client: Client, intake: Intake
) -> None:
    flags.get_string_value(NAME, "", BROWSER)
    api.shutdown()
    assert len(intake.events) == 1
    assert client.visitor(browser_id="b9").get_experiment(NAME).send("click")


def test_recently__too_many_or_too_old__are_forgotten() -> None:
    recent = _Recently(60, 2)
    for key in ("a", "b", "c"):
        recent.add(key)
    assert [recent.has(key) for key in ("a", "b", "c")] == [False, True, True]
    old = _Recently(0, 2)
    old.add("a")
    assert not old.has("a")
