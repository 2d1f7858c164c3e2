import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.sdk.stand_ins import EXPERIMENT, Registry, registry_server, wait_until

from allotment.sdk import ConfigurationSource

NAME = "related-articles-card"


def source_of(registry: Registry, cache: Path | None = None) -> ConfigurationSource:
    return ConfigurationSource(registry.url, "demowiki", cache, refresh_seconds=0.05)


def refreshed(registry: Registry, cache: Path | None = None) -> ConfigurationSource:
    source = source_of(registry, cache)
    source.refresh()
    return source


@contextmanager
def dead_port() -> Iterator[int]:
    """A port that is bound and refuses connections, so that nobody else takes it meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_refresh__registry_up__holds_all_three(registry: Registry) -> None:
    registry.version = 41
    source = refreshed(registry)
    held = source.current()
    assert held.experiments[NAME].groups == ("control", "card")
    assert held.instruments["demo-article-clicks"].schema_id.endswith("/web/base/1.3.0")
    assert set(held.streams) == {"product_metrics.web_base", "demo-article-clicks"}
    assert source.version == 41
    assert source.problems == ()
    assert source.age_seconds is not None
    assert source.age_seconds < 5


def test_refresh__asks_for_the_sites_rates(registry: Registry) -> None:
    refreshed(registry)
    assert "/w/api.php?action=streamconfigs&format=json&site=demowiki" in dict(registry.requests)


def test_refresh__unchanged__asks_by_etag_and_keeps(registry: Registry) -> None:
    source = refreshed(registry)
    held = source.current()
    source.refresh()
    assert registry.statuses == [200] * 3 + [304] * 3
    assert source.current() is held


def test_current__before_any_answer__is_empty_at_once(registry: Registry) -> None:
    registry.delay_seconds = 1.0
    with source_of(registry) as source:
        assert source.current().experiments == {}
        assert source.age_seconds is None
        assert registry.requests == [], "it has waited for an answer"


def test_background__registry_changes__follows(registry: Registry) -> None:
    with source_of(registry) as source:
        wait_until(lambda: NAME in source.current().experiments, "the experiment arrives")
        registry.experiments = [{**EXPERIMENT, "name": "another-one"}]
        registry.version = 2
        wait_until(lambda: "another-one" in source.current().experiments, "the change arrives")
        assert NAME not in source.current().experiments


def test_api_down__serves_last_good_copy_and_says_how_old(tmp_path: Path) -> None:
    cache = tmp_path / "deep" / "demo.json"
    with registry_server() as registry:
        refreshed(registry, cache)
    stored = json.loads(cache.read_text())
    for part in stored["held"].values():
        part["confirmed_at"] -= 3600
    cache.write_text(json.dumps(stored))
    with dead_port() as port:
        source = ConfigurationSource(f"http://127.0.0.1:{port}", "demowiki", cache)
        source.refresh()
        assert NAME in source.current().experiments
        assert source.version == 1
        assert source.age_seconds is not None
        assert 3600 <= source.age_seconds < 3700
        assert any("refused" in problem for problem in source.problems)


def test_api_back__age_falls_and_problems_go(tmp_path: Path) -> None:
    with registry_server() as registry:
        source = source_of(registry)
        registry.status = 503
        source.refresh()
        assert source.age_seconds is None
        assert len(source.problems) == 3
        registry.status = 200
        source.refresh()
        assert not [*source.problems]
        assert source.age_seconds is not None


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b"{}", b"null", b"[1", b'"text"', b"[" * 100_000]
)
def test_unusable_answer__changes_nothing(registry: Registry, body: bytes) -> None:
    source = refreshed(registry)
    held = source.current()
    registry.raw, registry.version = body, 99
    source.refresh()
    assert source.current() is held
    assert source.version == 1
    assert len(source.problems) == 3


def test_empty_answer__newer_version__is_believed(registry: Registry) -> None:
    source = refreshed(registry)
    registry.experiments, registry.version = [], 2
    source.refresh()
    assert source.current().experiments == {}
    assert source.problems == ()


def test_empty_answer__same_version__is_believed(registry: Registry) -> None:
    source = refreshed(registry)
    registry.experiments = []
    source.refresh()
    assert source.current().experiments == {}


@pytest.mark.parametrize("version", [None, 0])
def test_empty_answer__no_or_older_version__is_refused(
    registry: Registry, version: int | None
) -> None:
    source = refreshed(registry)
    registry.experiments, registry.version = [], version
    source.refresh()
    assert NAME in source.current().experiments
    assert any("experiments: the answer is empty" in problem for problem in source.problems)


def test_older_version__with_items__is_believed(registry: Registry) -> None:
    """A registry restored from a backup is a registry."""
    registry.version = 9
    source = refreshed(registry)
    registry.experiments, registry.version = [{**EXPERIMENT, "name": "restored-one"}], 8
    source.refresh()
    assert set(source.current().experiments) == {"restored-one"}


def test_bad_item__costs_only_itself(registry: Registry) -> None:
    registry.experiments = [
        {"name": "broken", "groups": []},
        7,
        {**EXPERIMENT, "start": "sometime"},
        {**EXPERIMENT, "name": "phase", "phase_index": "x"},
        {**EXPERIMENT, "name": "good"},
    ]
    registry.instruments = [{"name": "no-stream"}, {"name": ""}]
    registry.streams = {"good": {}, "bad": 3}
    source = refreshed(registry)
    assert set(source.current().experiments) == {"good"}
    assert set(source.current().streams) == {"good"}
    problems = " | ".join(source.problems)
    for text in ("broken: 'groups'", "7", "'start' is 'sometime'", "no-stream", "'bad'"):
        assert text in problems


def test_only_bad_items__changes_nothing(registry: Registry) -> None:
    source = refreshed(registry)
    registry.experiments, registry.version = [{"name": "broken", "groups": []}], 2
    source.refresh()
    assert NAME in source.current().experiments
    assert any("no item is usable" in problem for problem in source.problems)


def test_restart__reads_the_disk_before_the_network(tmp_path: Path, registry: Registry) -> None:
    cache = tmp_path / "demo.json"
    refreshed(registry, cache)
    asked = len(registry.requests)
    again = source_of(registry, cache)
    assert NAME in again.current().experiments
    assert len(registry.requests) == asked
    again.refresh()
    assert registry.statuses[-3:] == [304] * 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format":1}', '{"format":1,"site":"demowiki"}'])
def test_restart__damaged_cache__begins_empty_and_mends_it(
    tmp_path: Path, registry: Registry, text: str
) -> None:
    cache = tmp_path / "demo.json"
    cache.write_text(text)
    source = source_of(registry, cache)
    assert source.current().experiments == {}
    source.refresh()
    assert NAME in source_of(registry, cache).current().experiments
    assert source.problems == ()


def test_restart__cache_of_another_site__is_not_used(tmp_path: Path, registry: Registry) -> None:
    cache = tmp_path / "demo.json"
    refreshed(registry, cache)
    other = ConfigurationSource(registry.url, "otherwiki", cache)
    assert other.current().streams == {}


def test_cache__folder_is_no_folder__is_a_problem_not_a_failure(
    tmp_path: Path, registry: Registry
) -> None:
    (tmp_path / "file").write_text("in the way")
    source = refreshed(registry, tmp_path / "file" / "demo.json")
    assert NAME in source.current().experiments
    assert any("cannot be" in problem for problem in source.problems)


def test_cache__leaves_no_temporary_file(tmp_path: Path, registry: Registry) -> None:
    refreshed(registry, tmp_path / "demo.json")
    assert [path.name for path in tmp_path.iterdir()] == ["demo.json"]


def test_slow_registry__times_out_and_keeps(registry: Registry) -> None:
    source = ConfigurationSource(registry.url, "demowiki", None, timeout=30)
    source.refresh()
    assert NAME in source.current().experiments
    source._timeout = 0.1  # only now: a registry that is not slow has all the time it needs
    registry.delay_seconds = 0.3
    source.refresh()
    assert NAME in source.current().experiments
    assert any("timed out" in problem for problem in source.problems)


def test_close__ends_the_thread(registry: Registry) -> None:
    source = source_of(registry).start()
    wait_until(lambda: source.age_seconds is not None, "the first answers")
    source.close()
    assert not [t for t in threading.enumerate() if t.name == "allotment-configuration"]


def test_fork__child_asks_for_itself(registry: Registry) -> None:
    with source_of(registry) as source:
        wait_until(lambda: NAME in source.current().experiments, "the experiment arrives")
        pid = os.fork()
        if pid == 0:  # the child may not return into pytest
            code = 1
            try:
                source.current()
                wait_until(lambda: source.version == 2, "the child follows the registry")
                code = 0
            finally:
                os._exit(code)
        registry.version = 2
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://host/", "file:///etc/passwd"])
def test_wrong_address__is_told_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="give one such as http"):
        ConfigurationSource(url, "demowiki", None)
