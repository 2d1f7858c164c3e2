"""What the readers of the original system ask of a configuration, held against our answers.

The golden files are those answers word for word: `tests/registry/test_contract.py` holds them so,
with the headers. Here they are read by the rules of those who read them.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parents[1] / "registry/golden"
TIME = "2026-11-22T05:57:00Z"
NAME = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{7,62}")
GROUP = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{0,62}")
LAST_BIN = 99_999


def golden(name: str) -> Any:  # noqa: ANN401 - it is JSON
    return json.loads((GOLDEN / f"{name}.json").read_text().replace("<time>", TIME))


def rate_at(item: dict[str, Any], wiki: str) -> float:
    """As the extension for wikis reads it: the first list that names the wiki, else the default."""
    rates = dict(item["sample_rate"])
    default = rates.pop("default")
    return float(next((rate for rate, wikis in rates.items() if wiki in wikis), default))


@pytest.mark.parametrize("name", ["experiments", "experiments-mediawiki", "instruments"])
def test_extension_of_wikis__each_item__has_what_it_reads(name: str) -> None:
    items = golden(name)
    assert isinstance(items, list)
    assert items
    for item in items:
        assert datetime.fromisoformat(item["start"]) <= datetime.fromisoformat(item["end"])
        assert all(
            isinstance(wikis, list)
            for key, wikis in item["sample_rate"].items()
            if key != "default"
        )
        assert rate_at(item, "frwiki") == 0.1
        assert 0 <= rate_at(item, "another") <= 1
        assert isinstance(item["stream_name"], str)
        assert all(isinstance(one, str) for one in item["contextual_attributes"])
        if name == "instruments":
            assert item["sample_unit"] in {"session", "pageview"}
            assert not item["schema_title"].startswith("/")
            continue
        assert item["groups"]
        assert item["user_identifier_type"] in {"mw-user", "edge-unique"}
        assert item["schema_id"] == f"/{item['schema_id'].strip('/')}"
        assert isinstance(item["version"], str)
        assert type(item["phase_index"]) is int


def test_extension_of_wikis__by_authority__experiments_of_accounts_alone() -> None:
    found = {item["user_identifier_type"] for item in golden("experiments-mediawiki")}
    assert found == {"mw-user"}


def test_content_delivery_network__its_contract__is_kept_to_the_letter() -> None:
    document = golden("experiments-varnish")
    assert document
    for name, experiment in document.items():
        assert NAME.fullmatch(name)
        assert set(experiment) <= {
            *("start", "end", "domains", "cache_split", "shared_selector", "_comment"),
        }
        for time in (experiment["start"], experiment["end"]):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time)
        for host, at_host in experiment["domains"].items():
            assert host == host.lower()
            assert set(at_host) <= {"groups", "unique_domain"}
            taken: set[int] = set()
            for group, (low, high) in at_host["groups"].items():
                assert GROUP.fullmatch(group)
                assert 0 <= low <= high <= LAST_BIN
                assert taken.isdisjoint(range(low, high + 1))
                taken.update(range(low, high + 1))


@pytest.mark.parametrize("name", ["streams", "streams-frwiki"])
def test_generic_client__each_stream__has_what_it_reads(name: str) -> None:
    streams = golden(name)["streams"]
    assert isinstance(streams, dict)
    for key, stream in streams.items():
        assert stream["stream"] == key
        assert not stream["schema_title"].startswith("/")
        producer = stream.get("producers", {}).get("metrics_platform_client", {})
        values = producer.get("provide_values", [])
        assert all(re.fullmatch(r"(agent|page|mediawiki|performer)_\w+", one) for one in values)
        # An instrument: the client looks up its sample here, and sends to that stream.
        if "stream_name" in producer:
            assert stream["sample"]["unit"] in {"session", "pageview"}
            assert 0 < stream["sample"]["rate"] <= 1
            if name == "streams":
                assert producer["stream_name"] in streams
