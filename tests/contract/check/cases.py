"""One broken thing a case: the rule that tells it, what is changed, and a word of the finding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.contract.check.scenes import (
    CLIENT,
    EVENTGATE,
    EXPERIMENT,
    GONE,
    INSTRUMENT,
    STREAM,
    WEB,
    Changes,
    another,
)

from allotment.contract.check import (
    Arrived,
    Limits,
    MetricNeeds,
    Observations,
    Severity,
)

UA = "http.request_headers.user-agent"
ENRICH = f"{EVENTGATE}/enrich_fields_from_http_headers"
ASKED = f"{EXPERIMENT}/contextual_attributes"


@dataclass(frozen=True)
class Case:
    """A rule, the changes that make it speak, and a text that its finding holds."""

    rule: str
    changes: Changes
    text: str
    severity: Severity = Severity.ERROR
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What the test is called."""
        return f"{self.rule}: {self.text}"


def seen(**given: Any) -> dict[str, Any]:  # noqa: ANN401
    """Observations as a part of a scene."""
    return {"observations": Observations(**given)}


def before(changes: Changes | None = None) -> dict[str, Any]:
    """A configuration before, as a part of a scene."""
    return {"before": changes or {}}


APP_CLIENT = "streams/product_metrics.app_base/producers/metrics_platform_client"
W, N = Severity.WARNING, Severity.NOTE
SETTINGS = (
    Case("setting-in-its-place", {f"{STREAM}/eventgate": {UA: False}}, "inside producers"),
    Case("setting-in-its-place", {f"{STREAM}/provide_values": ["page_id"]}, "Move it inside"),
    Case("setting-in-its-place", {f"{CLIENT}/producers": {}}, "at the top"),
    Case(
        "setting-in-its-place",
        {f"{STREAM}/producers/use_edge_uniques": True},
        "inside producers.eventgate",
    ),
    Case("setting-is-known", {f"{EVENTGATE}/use_edge_unique": True}, "mean use_edge_uniques"),
    Case("setting-is-known", {f"{STREAM}/shema_title": "x"}, "mean schema_title"),
    Case("setting-is-known", {f"{STREAM}/include_gk": True}, "include_gk", W),
    Case("setting-is-known", {f"{STREAM}/producers/eventgates": {}}, "mean eventgate"),
    Case("setting-has-type", {f"{EVENTGATE}/use_edge_uniques": "true"}, "true or false"),
    Case("setting-has-type", {f"{CLIENT}/provide_values": "page_id"}, "a list of texts"),
    Case("setting-has-type", {f"{STREAM}/producers": []}, "Give an object"),
    Case("setting-has-type", {f"{STREAM}/sample": {"unit": "session", "rate": "1%"}}, "0 to 1"),
    Case("setting-has-type", {STREAM: "web"}, "The settings are"),
    Case("field-is-known", {f"{EXPERIMENT}/wieghts": [1, 2]}, "mean weights", W),
    Case("field-is-known", {f"{INSTRUMENT}/ende": "2026-12-01"}, "mean end", W),
)
STREAMS = (
    Case("schema-title-is-plain", {f"{STREAM}/schema_title": f"/{WEB}"}, "begins with a slash"),
    Case("schema-title-is-plain", {f"{STREAM}/schema_title": f"{WEB}/"}, "ends in a slash"),
    Case("schema-title-is-plain", {f"{STREAM}/schema_title": f"{WEB}/1.3.0"}, "names a version"),
    Case("schema-title-is-plain", {f"{STREAM}/schema_title": f" {WEB}"}, "has blanks"),
    Case("stream-has-schema", {f"{STREAM}/schema_title": GONE}, "no schema title"),
    Case("stream-has-schema", {f"{STREAM}/schema_title": None}, "null"),
    Case("stream-name-has-form", {("streams", "/(/"): {"schema_title": WEB}}, "regular expression"),
    Case("stream-name-has-form", {"streams/two words": {"schema_title": WEB}}, "signs _"),
    Case("stream-name-has-form", {f"{STREAM}/stream": "another"}, "says of itself"),
    Case(
        "pattern-is-reached",
        {("streams", "/^product_metrics/"): {"schema_title": WEB}},
        "serves already",
        W,
    ),
    Case(
        "pattern-is-reached",
        {("streams", "/^nothing/"): {"schema_title": WEB}},
        "no name that is known",
        W,
        seen(),
    ),
    Case(
        "pattern-hides-nothing",
        {("streams", "/base$/"): {"schema_title": WEB}},
        "matches product_metrics.app_base",
        W,
    ),
    Case("stream-exists", {f"{EXPERIMENT}/stream_name": "product_metrics.web"}, "Did you mean"),
    Case("stream-exists", {f"{INSTRUMENT}/stream_name": ""}, "names no stream"),
    Case("stream-exists", {f"{CLIENT}/stream_name": "elsewhere"}, "elsewhere"),
    Case(
        "stream-is-on-the-list",
        {},
        "mediawiki does not know",
        more={"allow_lists": {"mediawiki": frozenset({"product_metrics.app_base"})}},
    ),
    Case(
        "intake-is-known",
        {f"{STREAM}/destination_event_service": "alotment-intake"},
        "mean allotment-intake",
        W,
    ),
    Case("intake-is-known", {f"{STREAM}/destination_event_service": None}, "null", W),
    Case(
        "constraint-selects-streams",
        {},
        "mean destination_event_service",
        W,
        {"constraints": {"the intake": {"destination_event_servic": "allotment-intake"}}},
    ),
    Case(
        "stream-takes-all-of-an-experiment",
        {f"{STREAM}/sample": {"unit": "session", "rate": 0.1}},
        "related-articles-card sends",
    ),
    Case(
        "sample-units-agree",
        {"instruments/1": another("instruments", "page-clicks", sample_unit="pageview")},
        "samples by pageview",
        W,
    ),
)
SCHEMA = (
    Case(
        "schema-is-known",
        {f"{STREAM}/schema_title": "analytics/web/base"},
        "No schema in the repository",
    ),
    Case("schema-is-known", {f"{EXPERIMENT}/schema_id": f"/{WEB}/9.9.9"}, f"/{WEB}/2.1.0"),
    Case(
        "schema-has-table",
        {f"{STREAM}/schema_title": "fragment/analytics/common"},
        "it is a fragment",
    ),
    Case(
        "schema-fits-stream",
        {f"{EXPERIMENT}/stream_name": "product_metrics.app_base"},
        "takes analytics/product_metrics/app/base",
    ),
    Case(
        "schema-fits-stream",
        {f"{INSTRUMENT}/schema_title": "analytics/product_metrics/app/base"},
        "choose another stream",
    ),
)
ATTRIBUTES = (
    Case("attribute-has-field", {ASKED: ["mediawiki_is_production"]}, "no field mediawiki"),
    Case("attribute-has-field", {ASKED: ["page_namespace"]}, "Ask for page_namespace_id"),
    Case("attribute-has-field", {ASKED: ["performer_is_loged_in"]}, "mean performer_is_logged_in"),
    Case(
        "attribute-has-field",
        {f"{INSTRUMENT}/contextual_attributes": ["agent_ua_string"]},
        "web/base/1.3.0 has no field agent.ua_string",
    ),
    Case(
        "attribute-has-field",
        {f"{APP_CLIENT}/provide_values/0": "mediawiki_skin"},
        "app/base/1.3.0 has no field mediawiki.skin",
    ),
    Case(
        "attribute-is-filled",
        {ASKED: ["performer_active_browsing_session_token"]},
        "neither by Allotment's browser client",
    ),
    Case("attribute-is-filled", {ASKED: ["performer_edit_count"]}, "logged in only", N),
    Case(
        "attribute-is-filled",
        {ASKED: ["page_user_groups_allowed_to_edit"]},
        "PHP client has no value",
        N,
    ),
    Case("attribute-asked-once", {ASKED: ["page_id", "Page_id"]}, "stands in the list 2", W),
    Case(
        "browsers-say-whether-logged-in",
        {ASKED: [], f"{CLIENT}/provide_values": []},
        "Ask for performer_is_logged_in",
        N,
    ),
)
NAMES = (
    Case("name-has-form", {f"{EXPERIMENT}/name": "short"}, "8 to 63"),
    Case("name-has-form", {f"{INSTRUMENT}/name": "has a blank"}, "8 to 63"),
    Case(
        "name-is-free",
        {"experiments/1": another("experiments", "Demo-Article-Clicks")},
        "instrument demo-article-clicks",
    ),
    Case(
        "name-is-free",
        {"instruments/1": another("instruments", "product_metrics.web_base")},
        "stream product_metrics.web_base",
    ),
    Case("groups-are-enough", {f"{EXPERIMENT}/groups": ["control"]}, "has 1"),
    Case("groups-are-enough", {f"{EXPERIMENT}/groups": GONE}, "has 0"),
    Case(
        "groups-are-enough",
        {f"{EXPERIMENT}/groups": [f"g{n}" for n in range(11)], f"{EXPERIMENT}/weights": GONE},
        "has 11",
    ),
    Case("group-named-once", {f"{EXPERIMENT}/groups": ["control", "control"]}, "in 2 rows"),
    Case("group-named-once", {f"{EXPERIMENT}/groups": ["Card", "card"]}, "upper and lower case"),
    Case("group-name-has-form", {f"{EXPERIMENT}/groups": ["control", "a;b"]}, "1 to 63"),
    Case("weights-are-positive", {f"{EXPERIMENT}/weights": [1, 0]}, "[1, 0]"),
    Case("weights-are-positive", {f"{EXPERIMENT}/weights": [1]}, "for 2 groups"),
    Case("identifier-type-is-known", {f"{EXPERIMENT}/user_identifier_type": "edge"}, "edge-unique"),
    Case(
        "identifier-fits-stream",
        {"streams/product_metrics.app_base/producers/eventgate": {"use_edge_uniques": True}},
        "does not set use_edge_uniques",
    ),
    Case(
        "identifier-fits-stream",
        {
            f"{EVENTGATE}/use_edge_uniques": True,
            f"{EXPERIMENT}/user_identifier_type": "mw-user",
        },
        "It puts accounts into groups",
        W,
    ),
    Case("item-is-usable", {f"{EXPERIMENT}/phase_index": -1}, "phase_index"),
)
TRAFFIC = (
    Case("rate-is-a-number", {f"{EXPERIMENT}/sample_rate/10%": ["frwiki"]}, "10%"),
    Case("rate-is-a-number", {f"{EXPERIMENT}/sample_rate/default": "NaN"}, "NaN"),
    Case("rate-is-a-number", {f"{EXPERIMENT}/sample_rate": 0.5}, "such as"),
    Case("rate-is-a-number", {f"{INSTRUMENT}/sample_rate/0.1": "frwiki"}, "list of the sites"),
    Case("rate-is-a-number", {f"{INSTRUMENT}/sample_rate/Default": []}, "mean default"),
    Case("default-rate-given", {f"{EXPERIMENT}/sample_rate": {"0.1": ["frwiki"]}}, "“default”"),
    Case("default-rate-given", {f"{EXPERIMENT}/sample_rate": GONE}, "no sample_rate"),
    Case("some-traffic", {f"{EXPERIMENT}/sample_rate/default": 0}, "0% at every site"),
    Case(
        "site-listed-once",
        {f"{EXPERIMENT}/sample_rate": {"default": 0, "0.1": ["frwiki"], "0.2": ["frwiki"]}},
        "at 10% and at 20%",
    ),
    Case(
        "site-listed-once",
        {f"{EXPERIMENT}/sample_rate": {"default": 0, "0.1": ["frwiki", "FRwiki"]}},
        "frwiki and FRwiki",
    ),
    Case("site-has-form", {f"{EXPERIMENT}/sample_rate/0.1": ["FR wiki"]}, "lower-case"),
    Case(
        "site-has-form",
        {f"{EXPERIMENT}/sample_rate/0.1": ["frwki"]},
        "mean frwiki",
        more={"limits": Limits(sites=frozenset({"frwiki", "dewiki"}))},
    ),
    Case(
        "site-below-cap",
        {f"{EXPERIMENT}/sample_rate/0.2": ["frwiki"]},
        "20% at frwiki is more than the 10%",
        more={"limits": Limits(caps={"edge-unique": {"frwiki": 0.1}})},
    ),
    Case(
        "site-below-cap",
        {},
        "100% at all other sites",
        more={"limits": Limits(caps={"*": {"*": 0.5}})},
    ),
    Case("sample-unit-is-known", {f"{INSTRUMENT}/sample_unit": "device"}, "pageview or session"),
    Case(
        "sample-unit-is-known",
        {f"{STREAM}/sample": {"unit": "pageviews", "rate": 1}},
        "mean pageview",
    ),
)
DATES = (
    Case("date-is-a-time", {f"{EXPERIMENT}/end": "soon"}, "'soon'"),
    Case("date-is-a-time", {f"{EXPERIMENT}/end": GONE}, "no end"),
    Case("date-is-a-time", {f"{INSTRUMENT}/end": None}, "no end", W),
    Case("end-after-start", {f"{EXPERIMENT}/end": "2026-11-20T09:00:00Z"}, "20 Nov 2026"),
    Case("end-in-future", {f"{EXPERIMENT}/end": "2026-11-21T09:00:00Z"}, "It ended", W),
    Case("date-is-plausible", {f"{EXPERIMENT}/end": "2062-12-18T09:00:00Z"}, "3 years", W),
    Case("within-retention", {f"{EXPERIMENT}/end": "2027-03-18T09:00:00Z"}, "kept for 90", W),
    Case("environment-is-known", {f"{EXPERIMENT}/environments": ["prod"]}, "“prod”"),
    Case("environment-is-known", {f"{STREAM}/environments": ["staging"]}, "meant for development"),
)
PRIVACY = (
    Case(
        "risk-fits-what-is-sent",
        {ASKED: ["page_id", "performer_name"]},
        "account (performer_name) together with page (page_id)",
    ),
    Case(
        "risk-fits-what-is-sent",
        {ASKED: ["agent_ua_string", "page_title", "performer_id"]},
        "the risk high",
    ),
    Case("risk-needs-review", {f"{EXPERIMENT}/risk_level": "medium"}, "no review is linked"),
    Case("user-agent-is-reviewed", {ASKED: ["agent_ua_string"]}, "agent_ua_string is asked for"),
    Case("user-agent-is-reviewed", {ENRICH: {UA: "user-agent"}}, "request's header"),
    Case("user-agent-is-reviewed", {ENRICH: {UA: True}}, "request's header"),
    Case(
        "user-agent-is-reviewed",
        {ENRICH: {UA: "user-agent"}, "instruments": [], "experiments": []},
        "from the request's header",
    ),
    Case("header-is-named", {ENRICH: {UA: True}}, "no header is named"),
    Case("header-keeps-no-person", {ENRICH: {"http.client_ip": "X-Client-IP"}}, "X-Client-IP"),
    Case("header-has-field", {ENRICH: {"http.request_header.user-agent": False}}, "Did you mean"),
    Case("header-has-field", {ENRICH: {"http.request_headers.user_agent": False}}, "has a dash"),
)
METRICS = (
    Case("metric-is-known", {f"{EXPERIMENT}/metrics": ["click_trough_rate"]}, "Did you mean"),
    Case("metric-is-known", {f"{EXPERIMENT}/metrics": {"guardrail": ["latency"]}}, "latency"),
    Case("metric-has-field", {f"{EXPERIMENT}/metrics": ["scroll_depth"]}, "no such field"),
    Case(
        "metric-has-field",
        {f"{EXPERIMENT}/metrics": ["edits_after_exposure"]},
        "Ask for performer_edit_count",
    ),
    Case(
        "metric-field-arrives",
        {},
        "carried http.method",
        W,
        {
            **seen(fields={"product_metrics.web_base": frozenset({"action"})}),
            "metrics": (MetricNeeds("click_through_rate", ("http.method",)),),
        },
    ),
    Case(
        "metric-action-arrives",
        {},
        "mean impressions",
        W,
        seen(actions={"related-articles-card": frozenset({"click", "impressions"})}),
    ),
    Case(
        "exposure-arrives",
        {f"{EXPERIMENT}/metrics": ["edits_after_exposure"]},
        "send_exposure",
        W,
        seen(actions={"related-articles-card": frozenset({"edit"})}),
    ),
)
SMALL: Changes = {f"{EXPERIMENT}/weights": [5, 95]}
SESSIONS: Changes = {f"{EXPERIMENT}/user_identifier_type": "session"}
LAYERED: Changes = {f"{EXPERIMENT}/layer": {"name": "search"}}
TARGETING = (
    Case("targeting-has-shape", {f"{EXPERIMENT}/targeting": ["mediawiki_skin"]}, "passed over"),
    Case("targeting-has-shape", {f"{CLIENT}/curation": {"page_id": 7}}, "passed over"),
    Case(
        "targeting-operator-is-known",
        {f"{EXPERIMENT}/targeting": {"performer_is_logged_in": {"is_equals": True}}},
        "mean equals",
    ),
    Case(
        "targeting-operator-is-known",
        {f"{EXPERIMENT}/targeting": {"mediawiki_database": {"nott_in": ["frwiki"]}}},
        "mean not_in",
    ),
    Case(
        "targeting-operand-fits",
        {f"{EXPERIMENT}/targeting": {"mediawiki_database": {"in": "frwiki"}}},
        "a list that is not empty",
    ),
    Case(
        "targeting-operand-fits",
        {f"{EXPERIMENT}/targeting": {"performer_is_logged_in": {"equals": "true"}}},
        "type boolean",
    ),
    Case(
        "targeting-attribute-is-sent",
        {f"{EXPERIMENT}/targeting": {"mediawiki_skin": {"equals": "minerva"}}},
        "Ask for mediawiki_skin",
    ),
    Case(
        "layer-ranges-apart",
        {
            f"{EXPERIMENT}/layer": {"name": "search", "begin": 0, "end": 100},
            "experiments/1": another(
                "experiments", "another-card", layer={"name": "search", "begin": 99, "end": 200}
            ),
        },
        "another-card owns a part",
    ),
    Case(
        "layer-ranges-apart",
        {f"{EXPERIMENT}/layer": {"name": "search", "begin": 100, "end": 100}},
        "begin less than end",
    ),
    *(
        Case(rule, {f"{EXPERIMENT}/holds_out": covers, **SMALL, **more}, text)
        for rule, covers, more, text in (
            ("holdout-covers-known", "all", {}, "layer: with"),
            ("holdout-covers-known", ["*"], {}, "Nobody would be"),
            ("holdout-covers-known", ["layer:"], {}, 'has "layer:"'),
            ("holdout-covers-known", ["related-articles-card"], {}, 'has "related-articles-card"'),
            ("holdout-stands-alone", ["all"], LAYERED, "no layer"),
            ("holdout-stands-alone", ["all"], SESSIONS, "Draw browsers or accounts"),
        )
    ),
    Case("holdout-is-small", {f"{EXPERIMENT}/holds_out": ["all"]}, "is 50% of the subjects", W),
)
CHANGED = (
    Case("block-not-lost", {CLIENT: GONE}, "metrics_platform_client", more=before()),
    Case("block-not-lost", {f"{CLIENT}/provide_values": []}, "provide_values", more=before()),
    Case(
        "attributes-not-lost",
        {},
        "mediawiki_skin was asked for",
        W,
        before({f"{CLIENT}/provide_values/0": "mediawiki_skin"}),
    ),
    Case("configuration-not-emptier", {"streams": {}}, "most streams are gone", more=before()),
    Case(
        "configuration-not-emptier",
        {},
        "most experiments are gone",
        more=before({f"experiments/{n}": another("experiments", f"test-{n}") for n in range(1, 5)}),
    ),
    Case(
        "stream-in-use-stays",
        {STREAM: GONE, "experiments": [], "instruments": []},
        "related-articles-card used it",
        more=before(),
    ),
    Case(
        "running-is-frozen",
        {f"{EXPERIMENT}/groups": ["card", "control"]},
        "the groups cannot change",
        more=before(),
    ),
    Case("running-is-frozen", {f"{EXPERIMENT}/weights": [1, 2]}, "weights", more=before()),
    Case(
        "running-traffic-rises",
        {f"{EXPERIMENT}/sample_rate": {"default": 1, "0.5": ["frwiki"]}},
        "was 100% and would be 50%",
        more=before(),
    ),
)
SEEN = (
    Case(
        "name-is-asked-for",
        {},
        "mean related-article-card",
        W,
        seen(asked={"related-article-card": 9}),
    ),
    Case(
        "asked-name-is-known", {}, "asked for 9 times", W, seen(asked={"related-article-card": 9})
    ),
    Case("sent-stream-is-known", {}, "9 events for product", W, seen(streams={"product.web": 9})),
    Case(
        "subject-ids-arrive", {}, "265000", more=seen(awaiting={"related-articles-card": 265_000})
    ),
    Case(
        "subjects-are-many",
        {},
        "of control are of one subject",
        more=seen(groups={"related-articles-card": {"control": Arrived(1, 5000)}}),
    ),
    Case(
        "group-is-known",
        {},
        "mean card",
        W,
        seen(groups={"related-articles-card": {"cards": Arrived(10, 20)}}),
    ),
)
CASES = (
    *SETTINGS,
    *STREAMS,
    *SCHEMA,
    *ATTRIBUTES,
    *NAMES,
    *TRAFFIC,
    *DATES,
    *PRIVACY,
    *METRICS,
    *TARGETING,
    *CHANGED,
    *SEEN,
)
