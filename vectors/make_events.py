"""Makes `events.json`: the events that one visitor's calls make, in every language.

An oracle for how a client puts an event together out of configuration, membership, context and a
call. It imports no implementation. What differs by client or by moment is left out of the events:
`dt`, `meta.id`, and the object `agent`. It always writes the same bytes.

Run it as `python vectors/make_events.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from hashlib import sha256
from typing import Any, TypeAlias

from case_files import Dice, document, write

Json: TypeAlias = dict[str, Any]

COUNT = 250
LAW = (
    "an event is the contextual attributes that its stream (an experiment's: and the experiment; an"
    " instrument's: the instrument alone) asks for and that are known, a_b_c as {a: {b_c: value}},"
    " merged with the call's data, whose values win; objects are merged key by key. Over that stand"
    " $schema, action, meta.stream and meta.domain, of an experiment and an instrument also"
    " instrument_name, of an instrument funnel_event_sequence_position (1, 2, ..., but the data's"
    " where it has one); experiments is the membership, left out where it is empty; sample that of"
    " the instrument or of the stream, never of an experiment's event. An exposure is the action"
    " experiment_exposure of the experiment, asks for five attributes more, and is made once for"
    " a visitor of one page or request. No event (null): the stream or where it leads is not"
    " configured; its sample does not have the unit; not in the experiment; no action; told before"
)
STREAM, OTHER = "product_metrics.web_base", "test.other"
SCHEMA = "/analytics/product_metrics/web/base/1.3.0"
NEWER = "/analytics/product_metrics/web/base/1.4.0"
TITLE = "analytics/product_metrics/web/base"
EXPOSURE = (
    *("performer_is_logged_in", "performer_is_temp", "performer_is_bot", "performer_edit_count"),
    "mediawiki_database",
)
SESSION = "0123456789abcdef0123"
CONTEXT: Json = {
    "page": {
        "id": 7,
        "title": "Leek",
        "namespace_id": 0,
        "namespace_name": "",
        "is_redirect": False,
    },
    "performer": {"is_bot": False, "is_temp": True, "groups": [], "edit_count": 0, "name": None},
    "mediawiki": {"skin": "minerva"},
}
ATTRIBUTES = [
    *("page_id", "page_title", "page_namespace_id", "page_namespace_name", "page_is_redirect"),
    *("performer_is_bot", "performer_is_temp", "performer_groups", "performer_name"),
    *("performer_is_logged_in", "performer_session_id", "mediawiki_skin", "mediawiki_database"),
    *("page_nowhere", "nowhere_at_all", "constructor_name", "performer_edit_count"),
]
VALUES: list[Any] = [
    *("", "s", "Zoë 🌱", 0, 1, -1.5, True, False, None, [], ["a", 1], {}, {"a": {"b": None}}),
]
FORGED: Json = {
    "$schema": "/forged/1.0.0",
    "action": "forged",
    "dt": "1999-01-01T00:00:00Z",
    "meta": {"stream": "forged", "domain": "forged", "id": "forged", "request_id": "kept"},
    "experiments": {"enrolled": ["forged"], "assigned": {"forged": "x"}},
    "sample": {"unit": "session", "rate": 0.001},
    "instrument_name": "mine",
    "funnel_event_sequence_position": 9,
}
FIELDS = [
    "action_source",
    "action_context",
    "element_id",
    "page",
    "performer",
    "odd field",
    *FORGED,
]


def membership(case: Json) -> Json:
    """Who is in what: everybody takes part in these experiments, by the first bit of the hash."""
    record: Json = {
        key: {} for key in ("assigned", "subject_ids", "sampling_units", "coordinators", "versions")
    }
    ids = {"mw-user": case["user_id"], "session": case["session_id"]}
    forced = case["overrides"]
    known = {item["name"]: item for item in case["experiments"]}
    for name in [*known, *(name for name in forced if name not in known)]:
        item = known.get(name, {})
        subject = ids.get(item.get("user_identifier_type"))
        if name not in forced and subject is None:
            continue
        digest = sha256(f"{subject}{name}".encode()).hexdigest()
        record["assigned"][name] = forced.get(name) or item["groups"][int(digest[0], 16) // 8]
        record["subject_ids"][name] = "overridden" if name in forced else digest
        record["coordinators"][name] = "forced" if name in forced else "default"
        if item:
            record["sampling_units"][name] = item["user_identifier_type"]
        if item.get("version"):
            record["versions"][name] = str(item["version"])
    return {"enrolled": list(record["assigned"]), **record}


class Visitor:
    """One visitor of one page: makes the events of its calls."""

    def __init__(self, case: Json) -> None:
        self.case = case
        self.member = membership(case)
        own = {
            "performer": {
                "is_logged_in": case["user_id"] is not None,
                "session_id": case["session_id"],
            },
            "mediawiki": {"database": case["site"]},
        }
        self.context = merged(own, case["context"])
        self.steps: Counter[str] = Counter()
        self.told: set[str] = set()

    def call(self, call: list[Any]) -> Json | None:
        """The event of a call; None: it makes none."""
        kind, *arguments = call
        if kind == "interaction":
            return self.interaction(*arguments)
        if kind == "instrument":
            return self.of_instrument(*arguments)
        if kind == "experiment":
            return self.of_experiment(*arguments)
        (name,) = arguments
        made = (
            None
            if name in self.told
            else self.of_experiment(name, "experiment_exposure", {}, EXPOSURE)
        )
        self.told |= {name} if made else set()
        return made

    def interaction(self, stream: str, schema: str, action: str, data: Json) -> Json | None:
        """An event on a stream, or on an instrument's, which leads to another."""
        settings = self.case["streams"].get(stream)
        if settings is None:
            return None
        target = producer(settings).get("stream_name") or stream
        sample = settings.get("sample")
        if target not in self.case["streams"] or not self.is_in(sample):
            return None
        asked = producer(settings).get("provide_values", [])
        return self.event(target, schema, action, data, asked, {}, sample)

    def of_experiment(
        self, name: str, action: str, data: Json, more: tuple[str, ...] = ()
    ) -> Json | None:
        """An experiment's own event."""
        found = [item for item in self.case["experiments"] if item["name"] == name]
        item: Json = found[0] if found else {}
        stream = item.get("stream_name") or STREAM
        settings = self.case["streams"].get(stream)
        if name not in self.member["assigned"] or settings is None:
            return None
        asked = [
            *producer(settings).get("provide_values", []),
            *item.get("contextual_attributes", []),
            *more,
        ]
        schema = item.get("schema_id") or SCHEMA
        return self.event(stream, schema, action, data, asked, {"instrument_name": name}, None)

    def of_instrument(self, name: str, action: str, data: Json) -> Json | None:
        """An instrument's event."""
        found = [item for item in self.case["instruments"] if item["name"] == name]
        if not found or found[0]["stream_name"] not in self.case["streams"]:
            return None
        item = found[0]
        sample = {"unit": item["sample_unit"], "rate": item["sample_rate"]["default"]}
        if not self.is_in(sample):
            return None
        position = data.get("funnel_event_sequence_position")
        if position is None:
            self.steps[name] += 1
            position = self.steps[name]
        fixed = {"instrument_name": name, "funnel_event_sequence_position": position}
        asked = item["contextual_attributes"]
        return self.event(item["stream_name"], SCHEMA, action, data, asked, fixed, sample)

    def event(
        self,
        stream: str,
        schema: str,
        action: str,
        data: Json,
        asked: list[str],
        fixed: Json,
        sample: Json | None,
    ) -> Json | None:
        """The event, without what differs by client and moment."""
        if not action:
            return None
        known: Json = {}
        for name in asked:
            group, _, key = name.partition("_")
            value = self.context.get(group, {}).get(key)
            if value is not None:
                known.setdefault(group, {})[key] = value
        made = merged(known, data)
        meta = made["meta"] if isinstance(made.get("meta"), dict) else {}
        made |= {"$schema": schema, "action": action, **fixed}
        made["meta"] = {**meta, "stream": stream, "domain": self.case["domain"]}
        made["meta"].pop("id", None)
        for key in ("experiments", "sample", "dt", "agent"):
            made.pop(key, None)
        if self.member["enrolled"]:
            made["experiments"] = self.member
        if sample:
            made["sample"] = sample
        return deepcopy(made)

    def is_in(self, sample: Json | None) -> bool:
        """Whether the session is in a sample; the cases have no other unit."""
        if sample is None or sample["rate"] == 1:
            return True
        return bool(int(self.case["session_id"][:8], 16) < sample["rate"] * (2**32 - 1))


def producer(settings: Json) -> Json:
    """What a stream says to clients."""
    found: Json = settings.get("producers", {}).get("metrics_platform_client", {})
    return found


def merged(under: Json, over: Json) -> Json:
    """Both, of two values the one in `over`, of two objects both merged."""
    both = dict(under)
    for key, value in over.items():
        below = both.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            both[key] = merged(below, value)
        else:
            both[key] = value
    return both


def stream(values: list[str], **more: object) -> Json:
    """A stream as the registry serves it."""
    return {
        "schema_title": TITLE,
        "producers": {"metrics_platform_client": {"provide_values": values}},
        **more,
    }


def judge(case: Json) -> Json:
    """The case with its membership and the events of its calls."""
    visitor = Visitor(case)
    events = [visitor.call(call) for call in case["calls"]]
    return {**case, "membership": visitor.member, "events": events}


def some(dice: Dice) -> list[str]:
    """A few attributes, some of them twice."""
    return [dice.pick(ATTRIBUTES) for _ in range(dice.below(7))]


def data(dice: Dice) -> Json:
    """Data of a call: fields of its own, and now and then some that it cannot replace."""
    found: Json = {}
    for _ in range(dice.below(4)):
        field = dice.pick(FIELDS)
        if field in FORGED:
            found[field] = FORGED[field]
        elif field == "page":
            found[field] = {dice.pick(["id", "title", "own"]): dice.pick(VALUES)}
        elif field == "performer":
            # Not [], which for PHP is an empty object as well as an empty list.
            found[field] = dice.pick(["s", None, {}, {"a": {"b": None}}, {"is_bot": 1, "own": []}])
        else:
            found[field] = dice.pick(VALUES)
    return found


def call(dice: Dice) -> list[Any]:
    """One call, of a kind and a name that mostly exist."""
    kind = dice.pick(["interaction", "interaction", "experiment", "exposure", "instrument"])
    action = dice.pick(["click", "click", "click", "view", "view", "view", ""])
    if kind == "interaction":
        name = dice.pick([STREAM, OTHER, "sampled", "related", "scroll", "nowhere"])
        return [kind, name, dice.pick([SCHEMA, NEWER]), action, data(dice)]
    if kind == "instrument":
        return [kind, dice.pick(["related", "scroll", "nowhere"]), action, data(dice)]
    name = dice.pick(["by-user", "by-session", "by-session", "constructor", "draft", "lost"])
    return [kind, name] if kind == "exposure" else [kind, name, action, data(dice)]


def cases() -> Iterator[Json]:
    """Visitors of a few sites, each with some calls."""
    dice = Dice("allotment/events/1")
    for _ in range(COUNT):
        related, scroll = some(dice), some(dice)
        instruments = [instrument("related", related, 1), instrument("scroll", scroll, 0.004)]
        streams = {
            STREAM: stream(some(dice)),
            OTHER: stream([]) if dice.below(2) else {"schema_title": TITLE},
            "sampled": stream(some(dice), sample={"unit": "session", "rate": 0.5}),
            **{item["name"]: as_stream(item) for item in instruments},
        }
        experiments = [
            experiment("by-user", "mw-user", STREAM, contextual_attributes=some(dice)),
            experiment(
                "by-session", "session", OTHER, schema_id=NEWER, version=dice.pick([7, "8"])
            ),
            experiment("constructor", "session", "", contextual_attributes=some(dice)),
            experiment("lost", "session", "nowhere"),
        ]
        forced = {"draft": "x"} if dice.below(2) else {}
        if dice.below(4) == 0:
            forced["by-session"] = "treatment"
        yield judge(
            {
                "site": dice.pick(["demowiki", "enwiki"]),
                "domain": "wiki.example",
                "streams": streams,
                "instruments": instruments,
                "experiments": experiments[: dice.pick([0, 1, 2, 3, 4, 4])],
                "user_id": dice.pick([None, "42"]),
                "session_id": dice.pick([SESSION, "f" * 20]),
                "overrides": forced,
                "context": CONTEXT if dice.below(4) else {},
                "calls": [call(dice) for _ in range(2 + dice.below(4))],
            }
        )


def experiment(name: str, unit: str, stream_name: str, **more: object) -> Json:
    """An experiment in which everybody takes part."""
    return {
        "name": name,
        "groups": ["control", "treatment"],
        "sample_rate": {"default": 1},
        "user_identifier_type": unit,
        "stream_name": stream_name,
        **more,
    }


def instrument(name: str, values: list[str], rate: float) -> Json:
    """An instrument of sessions."""
    return {
        "name": name,
        "stream_name": STREAM,
        "schema_title": TITLE,
        "sample_unit": "session",
        "sample_rate": {"default": rate},
        "contextual_attributes": values,
    }


def as_stream(item: Json) -> Json:
    """An instrument among the streams, by which pages address it."""
    found = stream(item["contextual_attributes"])
    found["producers"]["metrics_platform_client"]["stream_name"] = item["stream_name"]
    found["sample"] = {"unit": item["sample_unit"], "rate": item["sample_rate"]["default"]}
    return found


if __name__ == "__main__":
    write("events.json", document(LAW, cases()))
