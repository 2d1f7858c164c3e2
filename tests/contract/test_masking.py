"""What is masked in refused events, in JSON and in what is none."""

from __future__ import annotations

import json
import stat
import time
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import pytest

from allotment.contract.addresses import ADDRESS
from allotment.contract.masking import MASK, Masker, lab_key
from allotment.contract.mending import unmasked

MASKER = Masker(b"k" * 32)
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Like, Gecko"
MASKED = MASKER.mask("s3cret")


def masked(event: Any) -> tuple[Any, dict[str, str]]:  # noqa: ANN401 -- any JSON value
    text, hidden = MASKER.event(event, json.dumps(event).encode())
    return json.loads(text), hidden


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ({"experiment": {"subject_id": "s3cret"}}, "/experiment/subject_id"),
        ({"experiments": {"subject_ids": {"a/b": "s3cret"}}}, "/experiments/subject_ids/a~1b"),
        ([{"x": [{"subject_ids": ["s3cret"]}]}], "/0/x/0/subject_ids/0"),
        ({"subjectId": "s3cret"}, "/subjectId"),
        ({"agent": {"ua_string": "s3cret"}}, "/agent/ua_string"),
        (
            {"http": {"request_headers": {"User-Agent": "s3cret"}}},
            "/http/request_headers/User-Agent",
        ),
        ({"userAgent": {"brand": "s3cret"}}, "/userAgent/brand"),
        ({"http": {"request_headers": {"cookie": "s3cret"}}}, "/http/request_headers/cookie"),
        ({"X-Experiment-Enrollments": "s3cret"}, "/X-Experiment-Enrollments"),
    ],
)
def test_event__telling_name__value_is_masked_and_can_be_put_back(
    event: Any,  # noqa: ANN401 -- any JSON value
    pointer: str,
) -> None:
    before = json.dumps(event)
    found, hidden = masked(event)
    assert hidden == {pointer: '"s3cret"'}
    assert json.dumps(found) == before.replace("s3cret", MASKED)
    assert json.dumps(event) == before, "the event itself goes on to the answer"


def test_event__what_names_nobody__stays() -> None:
    event = {
        "experiments": {"subject_ids": {"a": "awaiting", "b": "overridden", "c": None, "d": ""}},
        "subject": "s3cret",
        "action_context": "the user-agent is not sent",
    }
    assert masked(event) == (event, {})


def test_event__number_as_id__is_masked_and_comes_back_as_number() -> None:
    found, hidden = masked({"subject_id": 12345})
    assert found["subject_id"].startswith(MASK)
    assert hidden == {"/subject_id": "12345"}


def test_event__address__one_word_for_all_and_kept_nowhere() -> None:
    inner = '{"client_ip": "192.0.2.1", "subject_id": "s3cret"}'
    headers = {"X-Forwarded-For": "192.0.2.1, 192.0.2.2", "true-client-ip": "::1"}
    found, hidden = masked({"http": {"request_headers": headers}, "action_context": inner})
    assert set(found["http"]["request_headers"].values()) == {ADDRESS}
    assert json.loads(found["action_context"]) == {"client_ip": ADDRESS, "subject_id": MASKED}
    assert json.loads(json.loads(hidden["/action_context"])) == {
        "client_ip": ADDRESS,
        "subject_id": "s3cret",
    }
    assert "192.0.2" not in str(hidden)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "fe80::1"])
def test_event__address_under_any_name__is_masked_and_kept_nowhere(address: str) -> None:
    event = {
        "ip": address,
        "remote_addr": [address, {"x": f"{address}"}],
        "action_context": f"seen from {address}\nand {address}",
        "hits": {address: 5, f"{address}:": 6, "masked:address": 7},
        "meta": {"uri": "http://127.0.0.1:8001/", "dt": "2026-11-22T10:00:00Z"},
    }
    found, hidden = masked(event)
    assert address not in json.dumps([found, hidden])
    assert found["ip"] == ADDRESS
    assert found["remote_addr"] == [ADDRESS, {"x": ADDRESS}]
    assert found["meta"] == event["meta"], "loopback is nobody's"
    assert sorted(found["hits"].values()) == [5, 6, 7], "no field takes the place of another"
    context = f"seen from {ADDRESS}\nand {ADDRESS}"
    assert hidden == {"/action_context": json.dumps(context)}, "so that it can be sent again"
    assert unmasked(found, found, hidden) == {
        "remote_addr": [{}],
        "action_context": context,
        "hits": found["hits"],
        "meta": event["meta"],
    }
    assert masked(found)[0] == found


@pytest.mark.parametrize(
    "text",
    [
        '{"experiment": {"subject_id": "s3cret"',
        '{"a": "b, "subject_id": "s3cret"}',
        '{"experiments": {"subject_ids": {"a": "s3cret", "b": "s3cret"}, "x": 1}',
        '{"experiments": {"subject_ids": {"a": "awaiting", "b": "s3cret',
        '{"subject_ids": ["s3cret", "s3cret"]',
        "{'subject_ids': {'a': 's3cret'}, 'subject_id': 's3cret'}",
        '{"action_context": "{\\"subject_id\\":\\"s3cret\\"}"',
        "subject_id=s3cret&x=1",
        "data=%7B%22subject_id%22%3A%22s3cret%22%7D",
        '{"SUBJECT-ID" : "s3cret"',
        '{"user-agent": "s3cret"',
        "İ User-Agent: s3cret\r\nHost: a",
        '{"ua_string":"s3cret","x":',
    ],
)
def test_text__no_json__value_is_masked_alone(text: str) -> None:
    assert MASKER.text(text) == text.replace("s3cret", MASKED)


def test_text__user_agent_with_spaces_and_signs__is_masked_to_its_end() -> None:
    quoted = AGENT.replace("X11", 'X\\"11')
    for text in (f'{{"user-agent": "{quoted}", "a', f"user-agent: {AGENT}\nHost: a"):
        found = MASKER.text(text)
        assert "Gecko" not in found
        assert "11" not in found.replace(MASK, "")[: found.index(MASK)]
        assert found.endswith(text[-4:])


def test_text__addresses__are_masked_wherever_they_stand() -> None:
    text = '{"x": 192.0.2.1, v1.2.3.4.5'
    assert MASKER.text(text) == '{"x": masked:address, v1.2.3.4.5'


@pytest.mark.parametrize(
    "text",
    [
        "subject_ids" * 6000,
        'subject_id:"' + "\\" * 64_000,
        "subject_id" + "\\" * 64_000,
        "subject_ids:{" * 5000,
        "subject_ids:[" + ":" * 64_000,
        "user-agent:" * 6000,
        "subject_id" + " " * 64_000,
        "1." * 32_000,
    ],
    ids=range(8),
)
def test_text__made_to_be_slow__is_not(text: str) -> None:
    begun = time.process_time()
    MASKER.text(text)
    assert time.process_time() - begun < 0.5


def test_mask__same_key__same_mask_and_none_without_it() -> None:
    assert MASKER.mask("a") == MASKER.mask("a") != MASKER.mask("b")
    assert MASKER.mask("a") != Masker(b"j" * 32).mask("a")
    assert MASKER.mask(MASKER.mask("a")) == MASKER.mask("a")
    assert len(MASKER.mask("a")) == len(MASK) + 12


def test_lab_key__many_at_once__one_key_for_the_labs_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "masking.key"
    with ThreadPool(16) as pool:
        keys = set(pool.map(lab_key, [path] * 16))
    assert keys == {path.read_bytes()}
    assert len(path.read_bytes()) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["masking.key"]
