"""What the registry stores."""

from allotment.registry.models.account import Account
from allotment.registry.models.configuration import ConfigurationVersion
from allotment.registry.models.experiment import Experiment, ExperimentSite, Group
from allotment.registry.models.instrument import Instrument, InstrumentSite
from allotment.registry.models.item import State
from allotment.registry.models.stream import Stream

__all__ = [
    "Account",
    "ConfigurationVersion",
    "Experiment",
    "ExperimentSite",
    "Group",
    "Instrument",
    "InstrumentSite",
    "State",
    "Stream",
]
