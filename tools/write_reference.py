"""Write the parts of the reference that the code knows best: settings, command line, event fields.

`write_reference.py` writes them; the tests call `pages()` and fail when the files say otherwise. Of
a page that people write, only what stands between two marks is written.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pyarrow as pa

from allotment.contract.check.reference import rules_page
from allotment.contract.schemas import SchemaRepository, shipped_repository
from allotment.lake.query import duckdb_type
from allotment.lake.tables import REJECTED_SCHEMA, event_schemas
from allotment.settings import described

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tools import client_reference  # noqa: E402 - found only now

REFERENCE = ROOT / "docs" / "reference"
COMMANDS = (
    "",
    "up",
    "registry",
    "intake",
    "sink",
    "analyst",
    "demo",
    "password",
    "allocate",
    "audit",
    "audit verify",
    "audit export",
    "check",
    "export",
    "plan",
    "apply",
    "schemas",
    "schemas materialize",
    "schemas check",
    "schemas show",
    "schemas diff",
    "schemas new",
    "schemas types",
    "rejected",
    "rejected list",
    "rejected show",
    "rejected replay",
    "sql",
    "ledger",
    "analyze",
)
BASES = {
    "web": "analytics/product_metrics/web/base",
    "app": "analytics/product_metrics/app/base",
}
EVENTS = REFERENCE / "events.md"
LIFE = REFERENCE / "life-cycle.md"
MANAGE = REFERENCE / "management-api.md"
ROLES = REFERENCE / "roles.md"
_LARGEST_EXACT = 2**53 - 1


def pages() -> dict[Path, str]:
    """Each generated file and what it should hold."""
    events = EVENTS.read_text()
    events = between_marks(events, "fields", event_fields())
    events = between_marks(events, "rejected", columns(REJECTED_SCHEMA))
    return {
        REFERENCE / "settings.md": settings_page(),
        REFERENCE / "cli.md": cli_page(),
        REFERENCE / "check-rules.md": rules_page(),
        EVENTS: events,
        ROLES: roles_page(ROLES.read_text()),
        LIFE: life_cycle_page(LIFE.read_text()),
        MANAGE: management_page(MANAGE.read_text()),
        client_reference.page_of("python"): client_page("python"),
    }


def client_page(language: str) -> str:
    """The page of what a client library offers; those of PHP and JavaScript need these programs."""
    return client_reference.text_of(language, client_reference.entries(language))


def between_marks(text: str, name: str, lines: list[str]) -> str:
    """A page with other lines between `<!-- generated: name -->` and `<!-- end: name -->`."""
    begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    head, _, rest = text.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"the page lacks the marks {begin} and {end}")
    return "\n".join([f"{head}{begin}", *lines, f"{end}{tail}"])


def life_cycle_page(text: str) -> str:
    """The page of the life cycle with the drawing and tables as the registry has them."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "allotment.registry.django_settings")
    django.setup()
    from allotment.registry import reference  # noqa: PLC0415 - Django is set up first

    for name, lines in reference.sections().items():
        text = between_marks(text, name, lines)
    return text


def management_page(text: str) -> str:
    """The page of the management API with the tables as its OpenAPI document has them."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "allotment.registry.django_settings")
    django.setup()
    from allotment.registry.manage_api import reference  # noqa: PLC0415 - Django is set up first

    for name, lines in reference.sections().items():
        text = between_marks(text, name, lines)
    return text


def roles_page(text: str) -> str:
    """The page of roles with the tables as the registry has them."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "allotment.registry.django_settings")
    django.setup()
    from allotment.registry import permissions  # noqa: PLC0415 - Django is set up first
    from allotment.registry.roles import MEANINGS  # noqa: PLC0415

    roles = ["| role | in words |", "|---|---|"]
    roles += [f"| {role.value} | {meaning} |" for role, meaning in MEANINGS.items()]
    roles += ["", "| to | with one's own | with anything else | scope |", "|---|---|---|---|"]
    roles += [
        f"| {words} | {own} | {others} | `{scope}` |"
        for _, words, own, others, scope in permissions.table()
    ]
    scopes = ["| scope | a program may |", "|---|---|"]
    scopes += [f"| `{s.value}` | {words} |" for s, words in permissions.SCOPE_MEANINGS.items()]
    return between_marks(between_marks(text, "roles", roles), "scopes", scopes)


def event_fields() -> list[str]:
    """The fields of the base schemas' latest versions, and the columns that they become."""
    repository = SchemaRepository([shipped_repository()])
    schemas = {base: repository.latest(title).body for base, title in BASES.items()}
    kinds = {
        path: kind
        for table in event_schemas(repository).values()
        for path, kind in _leaf_columns(table)
    }
    fields = {base: dict(_fields(body)) for base, body in schemas.items()}
    rows = [
        f"| `{path}` | {_bases(path, fields)} | `{duckdb_type(kinds[path])}` | {_meaning(node)} |"
        for path, node in sorted({**fields["app"], **fields["web"]}.items())
    ]
    return ["| field | in | column type | meaning |", "|---|---|---|---|", *rows]


def columns(schema: pa.Schema) -> list[str]:
    """A table's columns with their types, without words."""
    cells = ", ".join(f"`{column.name}` `{duckdb_type(column.type)}`" for column in schema)
    return [f"Columns: {cells}."]


def _fields(schema: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields that hold a value, by path; an object with named fields is its fields."""
    for name, node in schema["properties"].items():
        if "properties" in node:
            yield from _fields(node, f"{at}{name}.")
        else:
            yield f"{at}{name}", node


def _leaf_columns(
    kinds: pa.Schema | pa.StructType, at: str = ""
) -> Iterator[tuple[str, pa.DataType]]:
    for column in kinds:
        if pa.types.is_struct(column.type):
            yield from _leaf_columns(column.type, f"{at}{column.name}.")
        else:
            yield f"{at}{column.name}", column.type


def _bases(path: str, fields: dict[str, dict[str, dict[str, Any]]]) -> str:
    return ", ".join(base for base, known in fields.items() if path in known)


def _meaning(node: dict[str, Any]) -> str:
    text: str = node["description"]
    return " ".join([text.replace("|", "\\|"), *_limits(node)])


def _limits(node: dict[str, Any]) -> Iterator[str]:
    if "enum" in node:
        yield f"One of {', '.join(f'`{value}`' for value in node['enum'])}."
    if "pattern" in node:
        yield f"Matches `{node['pattern']}`."
    elif "maxLength" in node and node.get("format") != "date-time":
        yield f"At most {node['maxLength']} characters."
    if abs(node.get("minimum", -_LARGEST_EXACT)) < _LARGEST_EXACT:
        yield f"At least {node['minimum']}."


def settings_page() -> str:
    """The table of settings."""
    rows = [
        f"| `{variable}` | {f'`{default}`' if default else ''} | {meaning} |"
        for variable, default, meaning in described()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Every part reads the same environment variables; the options of `allotment up` set",
            "the same. A variable that begins with `ALLOTMENT_` and is not listed here is refused,",
            "so that a misspelt one is not passed over in silence.",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def cli_page() -> str:
    """The help text of every command."""
    parts = [
        "# Command line",
        "",
        "`make install` puts `allotment` into `.venv/bin`. Errors that you can mend end with one",
        "sentence and exit code 1.",
        "",
    ]
    for command in COMMANDS:
        parts += [
            f"## `{f'allotment {command}'.strip()}`",
            "",
            "```text",
            _help(command),
            "```",
            "",
        ]
    return "\n".join(parts)


def _help(command: str) -> str:
    found = subprocess.run(
        [sys.executable, "-m", "allotment", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "96", "TERMINAL_WIDTH": "96"},
    )
    text = found.stdout.replace("python -m allotment", "allotment").strip()
    return "\n".join(line.rstrip() for line in text.splitlines())


if __name__ == "__main__":
    written = pages()
    for language in ("php", "javascript"):
        try:
            written[client_reference.page_of(language)] = client_page(language)
        except (FileNotFoundError, subprocess.CalledProcessError) as problem:
            print(f"left as it is, for want of its program: the API of {language} ({problem})")
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")
