"""What a plan is judged against: where it stands, and what is around it. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from allotment.registry.environments import ENVIRONMENTS
from allotment.registry.layers import Range
from allotment.registry.plan import AnyPlan
from allotment.registry.risk import TIERS
from allotment.registry.sites import SiteBook
from allotment.registry.states import LIVE, State


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What an edit starts from: the stored plan, its state, its phase and its range in a layer."""

    plan: AnyPlan
    state: State
    phase: int = 0
    was_on: bool = False
    range: Range | None = None

    @property
    def live(self) -> bool:
        """Whether sites are served it."""
        return self.state in LIVE

    @property
    def started(self) -> bool:
        """Whether it runs."""
        return self.state is State.RUNNING

    @property
    def activated(self) -> bool:
        """Whether this phase was ever switched on."""
        return self.was_on or self.live or self.state in {State.STOPPED, State.DECIDED}

    @property
    def ever(self) -> bool:
        """Whether any phase was ever switched on."""
        return self.activated or self.phase > 0


@dataclass(frozen=True, kw_only=True)
class StreamFacts:
    """A stream, as far as items on it are judged by it."""

    environments: tuple[str, ...] = ENVIRONMENTS
    attributes: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    keeps_user_agent: bool = False


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A live experiment of a layer: its range, and who is put into its groups."""

    name: str
    identifier_type: str
    range: Range


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """All else that counts: other names, sites, the stream, the layer, exceptions, approval.

    `exceptions` are the caps of this item alone, by site. `owners` are the live experiments of its
    layer, without itself. `approval_from` is the lowest tier that needs a second person; empty:
    none does.
    """

    taken: frozenset[str] = frozenset()
    book: SiteBook = field(default_factory=SiteBook)
    stream: StreamFacts = field(default_factory=StreamFacts)
    exceptions: Mapping[str, Decimal] = field(default_factory=dict)
    layers: frozenset[str] = frozenset()
    owners: tuple[Owner, ...] = ()
    approval_from: str = ""

    def needs_approval(self, tier: str) -> bool:
        """Whether an item of a tier needs a second person; one not assessed counts as highest."""
        if self.approval_from not in TIERS:
            return False
        return tier not in TIERS or TIERS.index(tier) >= TIERS.index(self.approval_from)
