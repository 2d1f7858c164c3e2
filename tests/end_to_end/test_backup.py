"""The back-up of docs/how-to/operate-the-intake.md, made beside a running intake, and put back."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable

import httpx
from tests.end_to_end.crash_load import event
from tests.end_to_end.crash_parts import Mortal, Nursery
from tests.end_to_end.lab import Lab, until
from tests.intake.conftest import stand_in_registry

from allotment.lake.query import QueryError, run_sql

SQL = "select meta.id, count(*) from event.product_metrics_web_base group by 1"


def test_backup__of_journal_and_lake__restored_holds_all_of_its_time_once(
    make_lab: Callable[..., Lab],
) -> None:
    # One client: each of httpx's own reads all certificates of the machine.
    with stand_in_registry() as registry, httpx.Client(timeout=60) as client:
        lab = make_lab(ALLOTMENT_REGISTRY_URL=registry.url, ALLOTMENT_SINK_SECONDS="0.2")
        lab.data.mkdir()
        journal, lake = lab.data / "journal", lab.data / "lake"
        copy = lab.data.parent / "copy"
        numbers = iter(range(10**6))

        def send(count: int) -> set[str]:
            names = {f"event-{next(numbers)}" for _ in range(count)}
            for name in names:
                assert client.post(lab.intake, json=event(name)).status_code == 201
            return names

        def in_lake() -> Counter[str]:
            try:
                return Counter(dict(run_sql(lake, SQL)[1]))
            except QueryError as error:
                if "does not exist" in str(error):
                    return Counter()  # the sink makes the tables one after another
                raise

        def ready() -> bool:
            try:
                found = client.get(f"http://127.0.0.1:{lab.intake_port}/readyz").status_code
            except httpx.TransportError:
                return False
            return found == httpx.codes.OK

        with Nursery(lab) as nursery:
            intake, sink = Mortal(nursery, "intake"), Mortal(nursery, "sink")
            until(ready, 90, "the intake is ready")
            before = send(30)
            until(lambda: lake.exists() and set(in_lake()) == before, 90, "they are in the lake")
            # As the guide says: the sink stops, the lake is copied, then the journal.
            assert sink.stop() is None
            waiting = send(30)
            shutil.copytree(lake, copy / "lake")
            assert intake.stop() is None
            shutil.copytree(journal, copy / "journal")
            intake, sink = Mortal(nursery, "intake"), Mortal(nursery, "sink")
            until(ready, 90, "the intake is ready again")
            later = send(30)
            until(lambda: later <= set(in_lake()), 90, "later events are in the lake")
            assert intake.stop() is None
            assert sink.stop() is None

            for name in ("lake", "journal"):
                shutil.rmtree(lab.data / name)
                shutil.copytree(copy / name, lab.data / name)
            intake, sink = Mortal(nursery, "intake"), Mortal(nursery, "sink")
            until(ready, 90, "the intake is ready once more")
            fresh = send(30)
            until(lambda: fresh <= set(in_lake()), 90, "fresh events are in the lake")
            assert in_lake() == Counter(before | waiting | fresh)
            assert intake.stop() is None
            assert sink.stop() is None
