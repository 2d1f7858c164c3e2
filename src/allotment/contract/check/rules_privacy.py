"""Rules about people: what is collected of them, and whether somebody has looked at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from allotment.contract.check import risk
from allotment.contract.check.entries import EVENTGATE, Entry
from allotment.contract.check.findings import Kind, Severity, shown
from allotment.contract.check.platforms import DEFAULT_SCHEMAS
from allotment.contract.check.rule import Fault, rule_for
from allotment.contract.check.scene import Scene, did_you_mean
from allotment.contract.schema_fields import has_field
from allotment.contract.texts import said, sentences

_ITEMS = (Kind.INSTRUMENT, Kind.EXPERIMENT)
ENRICH: Final = "enrich_fields_from_http_headers"
_USER_AGENT: Final = "user-agent"
_NEVER: Final = frozenset(
    {
        *("authorization", "cookie", "proxy-authorization", "x-experiment-enrollments"),
        *("x-client-ip", "x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip"),
        *("cf-connecting-ip", "fastly-client-ip", "x-cluster-client-ip"),
    }
)
"""Headers that name a person or join experiments; the intake fills no field from them."""


def keeps_user_agent(stream: Entry | None) -> bool:
    """Whether the intake puts the user agent into events of a stream."""
    for field, value in (stream.object_at(*EVENTGATE, ENRICH) if stream else {}).items():
        if isinstance(value, str) and value.strip().lower() == _USER_AGENT:
            return True
        if value is True and str(field).lower().endswith(_USER_AGENT):
            return True
    return False


def custom_fields(entry: Entry, scene: Scene) -> tuple[str, ...]:
    """The paths of a custom schema's fields; of a base schema none: only attributes fill those."""
    schema = scene.schema_of(entry)
    if schema is None or schema.title in DEFAULT_SCHEMAS:
        return ()
    return tuple(_paths(schema.body))


def _paths(body: Mapping[str, Any], at: str = "") -> Iterator[str]:
    properties = body.get("properties")
    for name, node in properties.items() if isinstance(properties, Mapping) else ():
        yield f"{at}{name}"
        if isinstance(node, Mapping):
            yield from _paths(node, f"{at}{name}.")


@rule_for("risk-fits-what-is-sent", Severity.ERROR, *_ITEMS)
def risk_fits_what_is_sent(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """The risk level is not below what the combination of attributes makes it.

    Who reads which page, or which browser belongs to which account, is sensitive together though
    each alone is not. People once had to work this out from guidelines by hand.
    """
    level = entry.text("risk_level")
    found = risk.assess(
        scene.requested(entry),
        fields=custom_fields(entry, scene),
        keeps_user_agent=keeps_user_agent(scene.stream_of(entry)),
    )
    if risk.is_lower(level, found.tier):
        yield Fault(
            said("what is sent makes the risk %(tier)s", tier=risk.TIER_WORDS[found.tier]),
            said(
                "The risk is said to be %(level)s, and its events carry %(sentence)s.",
                level=risk.TIER_WORDS[level],
                sentence=found.sentence,
            ),
            said("People could be followed from what is kept."),
            said(
                "Choose %(tier)s and link the review, or send less.",
                tier=risk.TIER_WORDS[found.tier],
            ),
            ("risk_level",),
        )


@rule_for("risk-needs-review", Severity.ERROR, *_ITEMS)
def risk_needs_review(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Medium and high risk have a review that is linked.

    Data of people were collected for weeks before anybody whose task it is had looked.
    """
    level = entry.text("risk_level")
    if level in {"medium", "high"} and not entry.text("review_link").strip():
        yield Fault(
            said("%(risk_level)s risk needs a review", risk_level=risk.TIER_WORDS[level]),
            said(
                "The risk is %(risk_level)s and no review is linked.",
                risk_level=risk.TIER_WORDS[level],
            ),
            said("Nobody whose task it is would have looked at it."),
            said("Link the security and legal review, or choose another risk level."),
            ("review_link",),
        )


@rule_for("user-agent-is-reviewed", Severity.ERROR, *_ITEMS, Kind.STREAM)
def user_agent_is_reviewed(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """The user agent is collected only where a review says so.

    Four streams collected it unawares in 2025, one from its launch on: its exclusion was written
    wrongly. It is off by default, and what asks for it, by header or as `agent_ua_string`, links a
    review.
    """
    if entry.text("review_link").strip():
        return
    stream = scene.stream_of(entry)
    by_header = keeps_user_agent(stream)
    if entry.kind is Kind.STREAM:
        users = scene.configuration.on_stream.get(entry.name, ())
        asked = any("agent_ua_string" in item.attributes for item in users)
        if not by_header and (asked or "agent_ua_string" not in entry.attributes):
            return
        path: tuple[str | int, ...] = (*EVENTGATE, ENRICH) if by_header else entry.attribute_path
    elif by_header and stream is not None and not stream.text("review_link").strip():
        path = ("stream_name",)
    elif "agent_ua_string" in scene.requested(entry):
        path = entry.attribute_path
    else:
        return
    yield Fault(
        said("the user agent is collected without a review"),
        said(
            "The stream %(stream)s fills it from the request's header.",
            stream=stream.name if stream else "",
        )
        if by_header
        else said("agent_ua_string is asked for."),
        said("With other fields it tells people apart; it must not be kept unawares."),
        said("Link the review that allows it, or take it out of the stream.")
        if by_header
        else said("Link the review that allows it, or take it out of the attributes."),
        path,
        field="stream" if by_header and entry.kind is not Kind.STREAM else "review_link",
    )


@rule_for("header-is-named", Severity.ERROR, Kind.STREAM)
def header_is_named(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """What fills a field from a request's header names the header, or is false.

    `true` names no header. Whoever wrote it meant to switch something on or off, and got neither.
    """
    for field, value in entry.object_at(*EVENTGATE, ENRICH).items():
        if value is not False and not (isinstance(value, str) and value.strip()):
            yield Fault(
                said("no header is named for %(field)s", field=str(field)),
                said("“%(field)s” is %(value)s.", field=str(field), value=shown(value)),
                said("The intake would pass over it; another might fill it."),
                said(
                    "Give the header's name, such as “user-agent”, or false to leave the field "
                    "empty."
                ),
                (*EVENTGATE, ENRICH, str(field)),
            )


@rule_for("header-keeps-no-person", Severity.ERROR, Kind.STREAM)
def header_keeps_no_person(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """No field is filled from a header that names a person or a secret.

    Addresses, cookies and credentials are never stored. The intake leaves such a field empty,
    whatever the configuration says; whoever asked for it should know.
    """
    for field, value in entry.object_at(*EVENTGATE, ENRICH).items():
        if isinstance(value, str) and value.strip().lower() in _NEVER:
            yield Fault(
                said("%(field)s would keep who somebody is", field=str(field)),
                said(
                    "“%(field)s” is filled from the header %(header)s.",
                    field=str(field),
                    header=value,
                ),
                said("The intake never stores it; the field stays empty."),
                said("Take it out."),
                (*EVENTGATE, ENRICH, str(field)),
            )


@rule_for("header-has-field", Severity.ERROR, Kind.STREAM)
def header_has_field(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Every field that a stream fills, or keeps empty, by header is one of its schema's.

    A slip in the field's name leaves the true field as it is by default, which is how an exclusion
    of the user agent can do nothing.
    """
    schema = scene.latest(scene.title_of(entry))
    if schema is None:
        return
    for field in entry.object_at(*EVENTGATE, ENRICH):
        path = str(field).split(".")
        if not has_field(schema.body, path) and not _in_map(schema.body, path):
            known = ["http.request_headers.user-agent", "meta.request_id"]
            yield Fault(
                said("there is no field %(field)s", field=str(field)),
                said("%(schema)s has no field %(field)s.", schema=schema.uri, field=str(field)),
                said("The setting does nothing, and the field that was meant stays as it was."),
                sentences(
                    did_you_mean(str(field), known), said("Give the dotted path of a field.")
                ),
                (*EVENTGATE, ENRICH, str(field)),
            )
        elif "user_agent" in str(field).lower():
            yield Fault(
                said("%(field)s is written with an underscore", field=str(field)),
                said(
                    "“%(field)s” is not “%(meant)s”.",
                    field=str(field),
                    meant=str(field).replace("_agent", "-agent"),
                ),
                said("The header's field has a dash; this one is another."),
                said("Did you mean %(name)s?", name="http.request_headers.user-agent"),
                (*EVENTGATE, ENRICH, str(field)),
            )


def _in_map(body: dict[str, object], path: list[str]) -> bool:
    """Whether the path's last step is a key of a map, such as `http.request_headers`."""
    node: object = body
    for name in path[:-1]:
        properties = node.get("properties") if isinstance(node, dict) else None
        node = properties.get(name) if isinstance(properties, dict) else None
    return isinstance(node, dict) and isinstance(node.get("additionalProperties"), dict)
