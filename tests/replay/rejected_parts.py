"""A lab for the tests of rejected events: a real intake, and a real sink that moves when told."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.intake.conftest import STREAMS, Intake, StandIn, event, stand_in_registry, wait_until
from typer.testing import CliRunner

from allotment.cli import app
from allotment.lake.query import run_sql
from allotment.lake.rejected import Rejection, Search, find
from allotment.lake.sink import SinkLimits, open_sink
from allotment.replay.replaying import Lab

WEB = "product_metrics_web_base"
LATE = "late.stream"
SECRET = "s3cret-id"


class Answer(NamedTuple):
    """What a command gives back."""

    code: int
    said: str


class RejectedLab:
    """What a test asks of it."""

    def __init__(self, data: Path, registry: StandIn, intake: Intake) -> None:
        self.data = data
        self.registry = registry
        self.intake = intake
        self.url = f"http://127.0.0.1:{intake.port}/v1/events"

    @property
    def lab(self) -> Lab:
        """Where its parts are."""
        return Lab(
            lake_dir=self.data / "lake",
            journal_dir=self.data / "journal",
            schema_paths=(),
            intake_url=self.url,
            masking_key=self.data / "masking.key",
        )

    def astray(self, count: int, **changes: object) -> None:
        """Send events to a stream that does not exist yet."""
        sent = [
            event(
                meta={"stream": LATE},
                page={"id": number},
                experiments={"enrolled": [], "assigned": {}, "subject_ids": {"a": SECRET}},
                **changes,
            )
            for number in range(count)
        ]
        assert self.intake.send(sent).status == 400

    def mend_streams(self) -> None:
        """Configure the stream that was missing."""
        streams = {**STREAMS, LATE: {**STREAMS["product_metrics.web_base"], "stream": LATE}}
        self.registry.serve(streams, "8")
        wait_until(
            lambda: LATE in self.intake.request("GET", "/v1/stream-configs").json(),
            "the intake has the new stream",
        )

    def move(self) -> int:
        """Let a sink move all that is durable, once through."""
        moved = 0
        limits = SinkLimits(seconds=0.05)
        with open_sink(self.data / "journal", self.data / "lake", (), limits) as sink:
            while step := sink.step():
                moved += step
        return moved

    def rejections(self, **search: Any) -> list[Rejection]:  # noqa: ANN401 -- the fields of a search
        """Those found, the newest first."""
        return find(self.data / "lake", self.data / "journal", Search(**search))[0]

    def accepted(self) -> Counter[str]:
        """How often each event id was accepted: the sink would hide what came twice."""
        return Counter(record["meta"]["id"] for record in self.intake.records())

    def stored(self, columns: str = "meta.id") -> list[Any]:
        """What the lake has of accepted events, once all is moved."""
        self.move()
        sql = f"select {columns} from event.{WEB} order by page.id, meta.id"
        return run_sql(self.data / "lake", sql)[1]

    def command(self, *arguments: str, answer: str = "") -> Answer:
        """Run `allotment rejected …` in this process, which has imported all that it needs."""
        runner = CliRunner()
        set_by_others = {name: None for name in os.environ if name.startswith("ALLOTMENT_")}
        environ = {
            **set_by_others,
            "ALLOTMENT_DATA": str(self.data),
            "ALLOTMENT_INTAKE_URL": self.url,
        }
        found = runner.invoke(app, ["rejected", *arguments], env=environ, input=answer)
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exc_info
        return Answer(found.exit_code, found.output)


@contextmanager
def rejected_lab(folder: Path) -> Iterator[RejectedLab]:
    """A lab on a folder."""
    with stand_in_registry() as registry:
        intake = Intake(folder / "data", registry.url)
        try:
            wait_until(intake.ready, "the intake is ready")
            yield RejectedLab(folder / "data", registry, intake)
        finally:
            intake.stop()
