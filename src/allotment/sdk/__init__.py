"""The Python client: enrollment of visitors and delivery of events. Standard library only."""

from allotment.allocation import Experiment, IdentifierType, parse_overrides
from allotment.sdk.asgi import AllotmentASGIMiddleware
from allotment.sdk.client import Client
from allotment.sdk.configuration import ConfigurationSource
from allotment.sdk.delivery import Delivery, DeliveryCounts
from allotment.sdk.documents import Configuration, Instrument
from allotment.sdk.edge import enrollment_headers, parse_enrollments
from allotment.sdk.enrollment import Coordinator, Membership, enroll
from allotment.sdk.handles import ExperimentHandle, InstrumentHandle
from allotment.sdk.visitor import Identity, Visitor
from allotment.sdk.wsgi import AllotmentMiddleware, page_head

__all__ = [
    "AllotmentASGIMiddleware",
    "AllotmentMiddleware",
    "Client",
    "Configuration",
    "ConfigurationSource",
    "Coordinator",
    "Delivery",
    "DeliveryCounts",
    "Experiment",
    "ExperimentHandle",
    "IdentifierType",
    "Identity",
    "Instrument",
    "InstrumentHandle",
    "Membership",
    "Visitor",
    "enroll",
    "enrollment_headers",
    "page_head",
    "parse_enrollments",
    "parse_overrides",
]
