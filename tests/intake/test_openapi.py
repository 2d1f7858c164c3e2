"""The OpenAPI document, held against the running intake: it must answer what the document says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.intake.conftest import Intake, event

from allotment.intake import openapi

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "3")
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "allow_header_conformance",
    "unsupported_method",
]
"""Not `positive_data_acceptance` and `negative_data_rejection`: which schemas and streams there are
is not in the document, and a hasty request is answered before it is looked at."""


def test_document__requests_made_from_it__answered_as_it_says(
    intake: Intake, tmp_path: Path
) -> None:
    found = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"http://127.0.0.1:{intake.port}/?spec",
            *("--checks", ",".join(CHECKS)),
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-examples", EXAMPLES),
            *("--seed", "1"),
            *("--request-timeout", "10"),
            *("--warnings", "off"),
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr
    assert intake.ready()
    assert intake.send(event()).status == 201


def test_document__its_example__201(intake: Intake) -> None:
    media = openapi.document()["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    examples = [e["value"] for content in media.values() for e in content["examples"].values()]
    assert examples
    assert {intake.send(example).status for example in examples} == {201}
