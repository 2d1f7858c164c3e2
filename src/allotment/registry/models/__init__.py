"""What the registry stores."""

from allotment.registry.models.account import Account
from allotment.registry.models.audit import AuditEntry
from allotment.registry.models.configuration import ConfigurationVersion
from allotment.registry.models.experiment import Experiment, ExperimentSite, Group, Phase
from allotment.registry.models.instrument import Instrument, InstrumentSite
from allotment.registry.models.kill import KillSwitch
from allotment.registry.models.places import CapException, Layer, Site
from allotment.registry.models.saved_view import SavedView
from allotment.registry.models.session import AccountSession, LoginFailure
from allotment.registry.models.stream import Stream
from allotment.registry.models.team import Team
from allotment.registry.models.token import ApiToken
from allotment.registry.states import State

__all__ = [
    "Account",
    "AccountSession",
    "ApiToken",
    "AuditEntry",
    "CapException",
    "ConfigurationVersion",
    "Experiment",
    "ExperimentSite",
    "Group",
    "Instrument",
    "InstrumentSite",
    "KillSwitch",
    "Layer",
    "LoginFailure",
    "Phase",
    "SavedView",
    "Site",
    "State",
    "Stream",
    "Team",
]
