"""The client for Node as it is packed, beside the Python one: same visitor, same events."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.clients.test_php_events import (
    BARE,
    CALLS,
    EXPERIMENTS,
    INSTRUMENTS,
    SCHEMA,
    SESSION,
    STREAM,
    VISITORS,
    Call,
    asked_of_python,
    comparable,
)
from tests.intake.conftest import Intake as RealIntake
from tests.intake.conftest import stand_in_registry
from tests.required_tools import require_tool
from tests.sdk import stand_ins

from allotment.sdk.configuration import ConfigurationSource


@pytest.fixture
def registry() -> Iterator[stand_ins.Registry]:
    with stand_ins.registry_server() as found:
        found.experiments, found.instruments = EXPERIMENTS, INSTRUMENTS
        found.streams |= BARE
        yield found


@pytest.fixture
def intake() -> Iterator[stand_ins.Intake]:
    with stand_ins.intake_server() as found:
        yield found


def serve(node_site: Path, asked: dict[str, Any], calls: list[Call]) -> list[Any]:
    """One request of a site in Node: what each call gave, and at the end how the client did."""
    done = subprocess.run(
        [require_tool("node"), node_site / "visitor_driver.mjs"],
        input=json.dumps({**asked, "calls": calls}),
        cwd=node_site,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "NODE_OPTIONS": "--pending-deprecation --throw-deprecation"},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("given", VISITORS, ids=lambda given: ",".join(given) or "nobody")
def test_node_client__same_request_as_python__sends_the_same_events(
    node_site: Path, registry: stand_ins.Registry, intake: stand_ins.Intake, given: dict[str, Any]
) -> None:
    asked = {"registry": registry.url, "intake": intake.url, **given}
    given_node = serve(node_site, asked, CALLS)[:-1]
    events_node, intake.events = intake.events, []
    given_python = asked_of_python(registry, intake, CALLS, given)
    assert given_node == given_python
    assert comparable(events_node) == comparable(intake.events)
    assert events_node


def test_node_client__copy_on_disk__python_reads_it_and_the_other_way_round(
    node_site: Path, registry: stand_ins.Registry, intake: stand_ins.Intake, tmp_path: Path
) -> None:
    file = tmp_path / "made" / "allotment.json"
    group: list[Call] = [("group", ["related-articles-card"])]
    asked = {"registry": registry.url, "intake": intake.url, "cache": str(file), "browser_id": "b1"}
    expected, _ = serve(node_site, asked, group)
    assert expected in {"control", "card"}
    source = ConfigurationSource("http://127.0.0.1:9", "demowiki", file)
    assert "related-articles-card" in source.current().experiments
    assert source.problems[0].startswith("experiments: ")

    file.unlink()
    ConfigurationSource(registry.url, "demowiki", file).refresh()
    found, state = serve(node_site, {**asked, "registry": "http://127.0.0.1:9"}, group)
    assert found == expected
    assert state["configuration"]["version"] == 1


def test_node_client__real_intake__takes_its_events(
    node_site: Path, registry: stand_ins.Registry, tmp_path: Path
) -> None:
    calls: list[Call] = [
        ("interaction", [STREAM, SCHEMA, "search"]),
        ("exposure", ["related-articles-card"]),
        ("instrument", ["demo-article-clicks", "click"]),
    ]
    with stand_in_registry() as streams:
        real = RealIntake(tmp_path / "data", streams.url)
        try:
            stand_ins.wait_until(real.ready, "the intake is ready")
            asked = {
                "registry": registry.url,
                "intake": f"http://127.0.0.1:{real.port}/v1/events",
                "browser_id": "a1",
                "session_id": SESSION,
                "context": {"page": {"id": 7}},
            }
            state = serve(node_site, asked, calls)[-1]
            assert state["delivery"]["accepted"] == 3, state
            found = real.records()
        finally:
            real.stop()
    assert [event["action"] for event in found] == ["search", "experiment_exposure", "click"]
    assert found[1]["instrument_name"] == "related-articles-card"
    assert found[1]["experiments"]["assigned"]["related-articles-card"] in {"control", "card"}
    assert found[2]["page"] == {"id": 7}


def test_package__what_it_names__is_there(node_site: Path) -> None:
    installed = node_site / "node_modules/allotment"
    package = json.loads((installed / "package.json").read_text())
    assert package["files"] == ["dist"]
    for named in (*package["exports"]["."].values(), package["exports"]["./allotment.js"]):
        assert (installed / named).is_file(), named
    for module in (installed / "dist").glob("*.mjs"):
        assert module.with_suffix(".d.mts").is_file()
    assert set(package["peerDependenciesMeta"]) == set(package["peerDependencies"])


PROGRAM = """
import { OpenFeature } from "@openfeature/server-sdk";
import { Client, evaluate, parseEnrollments, type Membership } from "allotment/node";
import { AllotmentProvider } from "allotment/openfeatureServer";

const client = new Client({ registryUrl: "http://r", intakeUrl: "http://i", site: "s" });
const edge = parseEnrollments("first-test=a");
const who: Membership = client.visitor({ userId: "42", edge }).membership;
await OpenFeature.setProviderAndWait(new AllotmentProvider(client, { sendExposures: false }));
evaluate({ name: who.enrolled[0] ?? "a", groups: ["b"] }, "1");
// @ts-expect-error -- a site must be named
new Client({ registryUrl: "http://r", intakeUrl: "http://i" });
// @ts-expect-error -- an id is a text
client.visitor({ userId: 42 });
// @ts-expect-error -- internal
client.subjectKey;
"""

PAGE = """
import { OpenFeature } from "@openfeature/web-sdk";
import { createClient, DefaultIntegration } from "allotment";
import { clickThroughRate } from "allotment/clickThroughRate";
import { AllotmentWebProvider } from "allotment/openfeatureWeb";

const client = createClient(new DefaultIntegration());
client.getExperiment("a").use(clickThroughRate({ selector: "a", friendlyName: "b" }));
OpenFeature.setProvider(new AllotmentWebProvider(client));
"""


@pytest.mark.parametrize(
    ("program", "options"),
    [(PROGRAM, ["--types", "node", "--lib", "es2022"]), (PAGE, ["--lib", "es2022,dom"])],
    ids=["node", "page"],
)
def test_types__program_of_a_site__compiler_takes_it(
    node_site: Path, js_folder: Path, program: str, options: list[str]
) -> None:
    (node_site / "program.mts").write_text(program)
    strict = [
        "--strict",
        "--noEmit",
        "--module",
        "nodenext",
        "--target",
        "es2022",
        "--skipLibCheck",
    ]
    done = subprocess.run(
        [
            require_tool("node"),
            js_folder / "node_modules/typescript/bin/tsc",
            *strict,
            *options,
            "program.mts",
        ],
        cwd=node_site,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    "page",
    [
        "how-to/instrument-a-node-site.md",
        "how-to/use-openfeature.md",
        "reference/javascript-client.md",
    ],
)
def test_example__of_the_docs__runs_without_a_word(node_site: Path, page: str) -> None:
    text = (DOCS / page).read_text()
    first, *more = re.findall(r"^```js node\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (node_site / "example.mjs").write_text("\n".join([first, *(f"{{\n{one}}}" for one in more)]))
    done = subprocess.run(
        [require_tool("node"), "example.mjs"],
        cwd=node_site,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
