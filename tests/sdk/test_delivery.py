import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from tests.sdk.stand_ins import Intake, Quiet, intake_server, running, wait_until

from allotment import __version__
from allotment.sdk import Delivery


@pytest.fixture
def delivery(intake: Intake) -> Iterator[Delivery]:
    with Delivery(intake.url, linger_seconds=0.02) as made:
        yield made


def event(number: int) -> dict[str, object]:
    return {"$schema": "/demo/1.0.0", "meta": {"stream": "demo"}, "number": number}


def balanced(delivery: Delivery) -> bool:
    counts = delivery.counts
    gone = counts.accepted + counts.rejected + sum(counts.dropped.values())
    return counts.offered == gone + counts.pending


def test_submit__events__arrive_whole_and_in_order(delivery: Delivery, intake: Intake) -> None:
    for number in range(250):
        assert delivery.submit(event(number))
    assert delivery.flush()
    assert [e["number"] for e in intake.events] == list(range(250))
    assert max(intake.batches) <= 100
    counts = delivery.counts
    assert (counts.sent, counts.accepted, counts.rejected) == (250, 250, 0)
    assert counts.dropped == {}
    assert balanced(delivery)


def test_submit__later_change_of_the_event__is_not_sent(delivery: Delivery, intake: Intake) -> None:
    changing = event(1)
    delivery.submit(changing)
    changing["number"] = 2
    delivery.flush()
    assert [e["number"] for e in intake.events] == [1]


def test_compress__body_is_gzip(intake: Intake) -> None:
    with Delivery(intake.url, linger_seconds=0.01, compress=True) as delivery:
        delivery.submit(event(1))
    assert intake.encodings == ["gzip"]
    assert intake.events == [event(1)]


def test_request__query_is_kept_and_a_header_names_the_library() -> None:
    paths: list[str] = []
    libraries: list[str] = []

    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802  the standard library's name
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            libraries.append(self.headers["X-Allotment-SDK"])
            self.answer(202, b"")

    with (
        running(Handler) as port,
        Delivery(f"http://127.0.0.1:{port}/v1/events?hasty=true", linger_seconds=0.01) as delivery,
    ):
        delivery.submit(event(1))
        assert delivery.flush()
        assert delivery.counts.accepted == 1
    assert paths == ["/v1/events?hasty=true"]
    assert libraries == [f"python/{__version__}"]


@pytest.mark.parametrize("status", [429, 503, 502, 0])
def test_passing_trouble__is_retried_until_taken(
    delivery: Delivery, intake: Intake, status: int
) -> None:
    intake.script = [(status, b""), (status, b"")]
    delivery.submit(event(1))
    assert delivery.flush()
    assert intake.events == [event(1)]
    assert intake.asked == 3
    assert delivery.counts.accepted == 1


def test_intake_down__waits_and_delivers_when_it_is_back() -> None:
    state = Intake()
    with intake_server(state):
        port = int(state.url.split(":")[2].split("/")[0])
    with Delivery(state.url, linger_seconds=0.01) as delivery:
        delivery.submit(event(1))
        wait_until(lambda: "refused" in delivery.counts.last_problem, "the refusal is seen")
        assert delivery.pending == 1
        with intake_server(state, port):
            assert delivery.flush()
    assert state.events == [event(1)]


def test_partly_refused__counts_both(delivery: Delivery, intake: Intake) -> None:
    because = {"errors": [], "errorsText": "'.page.id' should be integer"}
    refused = {"status": "invalid", "event": {"performer": {"name": "Ada"}}, "context": because}
    answer = {"invalid": [refused], "error": [{"status": "error"}]}
    intake.script = [(207, json.dumps(answer).encode())]
    for number in range(5):
        delivery.submit(event(number))
    assert delivery.flush()
    counts = delivery.counts
    assert (counts.sent, counts.accepted, counts.rejected) == (5, 3, 2)
    assert counts.last_problem == "status 207: '.page.id' should be integer", "not the event"
    assert balanced(delivery)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"invalid":[{"status":"invalid"}]}'),
        (400, b'{"invalid":[]}'),
        (400, b""),
        (404, b"not here"),
        (500, b'{"invalid":[],"error":[{"status":"error"}]}'),
    ],
)
def test_refused__is_not_retried(
    delivery: Delivery, intake: Intake, status: int, body: bytes
) -> None:
    intake.script = [(status, body)]
    delivery.submit(event(1))
    assert delivery.flush()
    assert delivery.counts.rejected == 1
    assert intake.asked == 1


def test_batch_too_large__is_halved_until_it_fits(delivery: Delivery, intake: Intake) -> None:
    intake.script = [(413, b"")] * 3
    for number in range(4):
        delivery.submit(event(number))
    assert delivery.flush()
    counts = delivery.counts
    assert counts.dropped == {"too_large": 1}
    assert counts.accepted == 3
    assert balanced(delivery)


def test_large_events__never_share_a_batch_of_more_than_a_megabyte(
    delivery: Delivery, intake: Intake
) -> None:
    for number in range(5):
        delivery.submit({**event(number), "text": "x" * 400_000})
    assert delivery.flush()
    assert max(intake.batches) == 2


def test_submit__no_json__is_counted(delivery: Delivery) -> None:
    assert not delivery.submit({"x": object()})
    assert not delivery.submit({"x": float("nan")})
    assert not delivery.submit({"x": "y" * 1_000_001})
    assert delivery.counts.dropped == {"not_json": 2, "too_large": 1}
    assert balanced(delivery)


def test_queue_full__drops_the_new_and_counts(intake: Intake) -> None:
    intake.script = [(503, b"")] * 1000
    delivery = Delivery(intake.url, capacity=10, linger_seconds=0.01)
    kept = [delivery.submit(event(number)) for number in range(15)]
    assert kept == [True] * 10 + [False] * 5
    assert delivery.counts.dropped["queue_full"] == 5
    intake.script = []
    delivery.close()
    assert [e["number"] for e in intake.events] == list(range(10))
    assert balanced(delivery)


def test_close__intake_down__ends_in_time_and_counts(intake: Intake) -> None:
    intake.script = [(503, b"")] * 1000
    delivery = Delivery(intake.url, linger_seconds=0.01)
    for number in range(250):
        delivery.submit(event(number))
    began = time.monotonic()
    delivery.close(0.3)
    assert time.monotonic() - began < 10, "what there is to try takes minutes"
    assert delivery.counts.dropped == {"closed": 250}
    assert delivery.counts.pending == 0
    assert not delivery.submit(event(0))
    assert balanced(delivery)


def test_give_up__counts_unreachable(intake: Intake) -> None:
    intake.script = [(503, b"")] * 1000
    with Delivery(intake.url, linger_seconds=0.01, give_up_seconds=0.2) as delivery:
        delivery.submit(event(1))
        assert delivery.flush()
        assert delivery.counts.dropped == {"unreachable": 1}


def test_many_threads__nothing_is_lost_or_doubled(delivery: Delivery, intake: Intake) -> None:
    def work(base: int) -> None:
        for number in range(200):
            delivery.submit(event(base + number))

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert delivery.flush()
    assert len(intake.events) == 1600
    assert len({e["number"] for e in intake.events}) == 1600


def test_program_ends__what_waits_is_delivered(intake: Intake) -> None:
    program = (
        "import sys; from allotment.sdk import Delivery\n"
        "delivery = Delivery(sys.argv[1], linger_seconds=30)\n"
        "delivery.submit({'number': 7})\n"
    )
    subprocess.run([sys.executable, "-c", program, intake.url], check=True, timeout=60)
    assert intake.events == [{"number": 7}]


def test_fork__each_process_delivers_its_own_once(intake: Intake) -> None:
    delivery = Delivery(intake.url, linger_seconds=0.5)
    delivery.submit(event(1))
    pid = os.fork()
    if pid == 0:  # the child may not return into pytest
        code = 1
        try:
            delivery.submit(event(2))
            code = 0 if delivery.flush(5) and delivery.counts.accepted == 1 else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    delivery.close()
    assert sorted(str(e["number"]) for e in intake.events) == ["1", "2"]
