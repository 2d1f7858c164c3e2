"""Configuration in files: YAML or JSON in the public API's shapes, with the line of every value.

A file holds one instrument, experiment or stream, a list of them, or an object with any of the
keys of `LAB_KEYS`; a folder holds such files. The files of `allotment export` are read too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, Final
from urllib.parse import parse_qsl

from allotment.contract.check import plan_files
from allotment.contract.check.entries import Configuration, Entry, Path, entry_of
from allotment.contract.check.findings import Kind, pointer
from allotment.contract.check.reading import Document, FilesError, documents_in, files_in
from allotment.contract.check.scene import Arrived, Limits, MetricNeeds, Observations

__all__ = ["LAB_KEYS", "FilesError", "Lab", "observations_of", "read_lab"]
LAB_KEYS: Final = (
    *("streams", "instruments", "experiments"),
    *("metrics", "limits", "allow_lists", "constraints", "observations", "edge_enrolls"),
)


@dataclass
class Lab:
    """What the files say: the configuration, and what else a check can look at."""

    configuration: Configuration = field(default_factory=lambda: Configuration(streams=None))
    metrics: tuple[MetricNeeds, ...] | None = None
    limits: Limits | None = None
    allow_lists: dict[str, frozenset[str]] = field(default_factory=dict)
    constraints: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    observations: Observations | None = None
    edge_enrolls: bool = False


def read_lab(paths: Sequence[FilePath]) -> Lab:
    """Read files, and the files in folders.

    Raises:
        FilesError: one cannot be read or holds nothing that can be checked, or there is none.
    """
    lab = Lab()
    entries: dict[Kind, list[Entry]] = {kind: [] for kind in Kind}
    knows_streams = False
    families: set[str] = set()
    for path in files_in(paths):
        for document in documents_in(path):
            found = document.value
            if plan_files.is_around(found):
                families |= plan_files.family(found)
                continue
            if isinstance(found, Mapping) and set(found) & set(LAB_KEYS):
                knows_streams = knows_streams or "streams" in found
                _take_rest(lab, path, found)
            for entry in _entries(document):
                entries[entry.kind].append(entry)
    if families:
        known = lab.limits or Limits()
        lab.limits = replace(known, families=known.families | families)
    shown_too = {entry.name for entry in entries[Kind.INSTRUMENT]}
    streams = [e for e in entries[Kind.STREAM] if e.stream == e.name or e.name not in shown_too]
    lab.configuration = Configuration(
        tuple(streams) if streams or knows_streams else None,
        tuple(entries[Kind.INSTRUMENT]),
        tuple(entries[Kind.EXPERIMENT]),
    )
    return lab


def _entries(document: Document) -> Iterator[Entry]:
    found = document.value
    if isinstance(found, list):
        for place, inner in enumerate(found):
            yield _single(document, inner, (place,))
    elif not isinstance(found, Mapping) or not found:
        raise FilesError(
            f"{document.path} holds {'nothing' if not found else 'no object and no list'} to check;"
            " give streams, instruments or experiments"
        )
    elif not set(found) & set(LAB_KEYS):
        yield _single(document, found, ())
    else:
        for key, kind in _KINDS.items():
            inner = found.get(key)
            if isinstance(inner, Mapping):
                for name, body in inner.items():
                    yield _named(document, kind, body, (key, name))
            elif isinstance(inner, list):
                for place, body in enumerate(inner):
                    origin = document.origin((key, place))
                    yield entry_of(kind, _without_kind(body), origin)


_KINDS: Final = {
    "streams": Kind.STREAM,
    "instruments": Kind.INSTRUMENT,
    "experiments": Kind.EXPERIMENT,
}


def _named(document: Document, kind: Kind, body: object, at: Path) -> Entry:
    if kind is not Kind.STREAM and isinstance(body, Mapping):
        body = {"name": str(at[-1]), **body}
    return entry_of(kind, _without_kind(body), document.origin(at), name=str(at[-1]))


def _single(document: Document, body: object, at: Path) -> Entry:
    if plan_files.is_planned(body):
        return plan_files.entry(body, document.origin(at))
    kind = _kind_of(body)
    if kind is None:
        where = f" at {pointer(at)}" if at else ""
        raise FilesError(
            f"{document.path}{where} is no stream, instrument or experiment; an experiment has "
            "'groups', an instrument 'stream_name', a stream 'stream', or say it with 'kind'"
        )
    return entry_of(kind, _without_kind(body), document.origin(at))


def _kind_of(body: object) -> Kind | None:
    if not isinstance(body, Mapping):
        return None
    said = body.get("kind")
    if isinstance(said, str) and said in {k.value for k in _KINDS.values()}:
        return Kind(said)
    if {"groups", "user_identifier_type"} & set(body):
        return Kind.EXPERIMENT
    if {"sample_unit", "stream_name"} & set(body):
        return Kind.INSTRUMENT
    return Kind.STREAM if {"stream", "schema_title", "producers"} & set(body) else None


def _without_kind(body: object) -> object:
    if isinstance(body, Mapping) and "kind" in body:
        return {key: value for key, value in body.items() if key != "kind"}
    return body


def _take_rest(lab: Lab, path: FilePath, found: Mapping[str, Any]) -> None:
    try:
        if "metrics" in found:
            lab.metrics = (*(lab.metrics or ()), *map(_metric, found["metrics"]))
        if "limits" in found:
            lab.limits = _limits(found["limits"])
        for name, listed in (found.get("allow_lists") or {}).items():
            lab.allow_lists[str(name)] = frozenset(map(str, listed))
        for name, asked in (found.get("constraints") or {}).items():
            lab.constraints[str(name)] = _constraints(asked)
        if "observations" in found:
            lab.observations = observations_of(found["observations"])
        lab.edge_enrolls = lab.edge_enrolls or found.get("edge_enrolls") is True
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise FilesError(
            f"{path}: metrics, limits, allow_lists, constraints or observations have another form "
            f"than docs/how-to/check-before-launch.md says: {error}"
        ) from error


def _metric(found: Mapping[str, Any]) -> MetricNeeds:
    return MetricNeeds(
        str(found["name"]),
        tuple(map(str, found.get("fields", ()))),
        tuple(map(str, found.get("actions", ()))),
        bool(found.get("from_exposure", False)),
    )


def _limits(found: Mapping[str, Any]) -> Limits:
    usual = Limits()
    kept = found.get("kept_days", usual.kept_days)
    return Limits(
        caps={
            str(kind): {str(site): float(cap) for site, cap in by_site.items()}
            for kind, by_site in found.get("caps", {}).items()
        },
        sites=frozenset(map(str, found.get("sites", ()))),
        families=frozenset(map(str, found.get("families", ()))),
        years_ahead=int(found.get("years_ahead", usual.years_ahead)),
        kept_days=None if kept is None else int(kept),
        intakes=frozenset(map(str, found.get("intakes", usual.intakes))),
        environments=frozenset(map(str, found.get("environments", usual.environments))),
    )


def _constraints(found: object) -> Mapping[str, Any]:
    """`a[b]=c|d=e` as an object; an object as it is."""
    if isinstance(found, Mapping):
        return found
    nested: dict[str, Any] = {}
    for fragment in str(found).split("|"):
        for key, value in parse_qsl(fragment, keep_blank_values=True):
            steps = key.replace("]", "").split("[")
            node = nested
            for step in steps[:-1]:
                node = node.setdefault(step, {})
            node[steps[-1]] = value
    return nested


def observations_of(found: Mapping[str, Any]) -> Observations:
    """Observations from plain values.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: they are no observations.
    """

    def counts(name: str) -> dict[str, int]:
        return {str(key): int(value) for key, value in found.get(name, {}).items()}

    def names(name: str) -> dict[str, frozenset[str]]:
        return {str(k): frozenset(map(str, v)) for k, v in found.get(name, {}).items()}

    return Observations(
        asked=counts("asked"),
        streams=counts("streams"),
        fields=names("fields"),
        actions=names("actions"),
        awaiting=counts("awaiting"),
        groups={
            str(experiment): {
                str(group): Arrived(int(came["subjects"]), int(came["events"]))
                for group, came in groups.items()
            }
            for experiment, groups in found.get("groups", {}).items()
        },
    )
