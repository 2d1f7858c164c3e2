"""Sites and their families, as rules and the public API read them. Pure.

A site need not be registered to be used; caps and families need it. A row of a plan names a site,
or a family of sites as `family:wikipedia`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from allotment.registry.environments import DEFAULT

FAMILY_PREFIX = "family:"


@dataclass(frozen=True, kw_only=True)
class SiteFacts:
    """One registered site. `cap` is the largest share of its subjects in one item, 0 to 1."""

    name: str
    label: str = ""
    family: str = ""
    environments: tuple[str, ...] = (DEFAULT,)
    cap: Decimal | None = None
    domain: str = ""


@dataclass(frozen=True)
class Place:
    """One site that a plan names, by itself or through a family, with its share."""

    site: str
    rate: Decimal
    row: str


@dataclass(frozen=True)
class SiteBook:
    """All registered sites."""

    sites: Mapping[str, SiteFacts] = field(default_factory=dict)

    def family(self, name: str) -> tuple[SiteFacts, ...]:
        """The sites of a family, by name."""
        return tuple(s for _, s in sorted(self.sites.items()) if name and s.family == name)

    def families(self) -> tuple[str, ...]:
        """The names of all families."""
        return tuple(sorted({site.family for site in self.sites.values() if site.family}))

    def places(self, rows: Collection[tuple[str, Decimal]]) -> Iterator[Place]:
        """Every site that the rows name, families expanded; a site named twice comes twice."""
        for row, rate in rows:
            if row.startswith(FAMILY_PREFIX):
                for site in self.family(row.removeprefix(FAMILY_PREFIX)):
                    yield Place(site.name, rate, row)
            else:
                yield Place(row, rate, row)

    def rates(self, rows: Collection[tuple[str, Decimal]]) -> dict[str, Decimal]:
        """Each site's share; of two shares for one site, which rules refuse, the first."""
        found: dict[str, Decimal] = {}
        for place in self.places(rows):
            found.setdefault(place.site, place.rate)
        return found

    def environments(self, site: str, otherwise: Collection[str]) -> Collection[str]:
        """The environments that a site is in; of one that is not registered, those given."""
        known = self.sites.get(site)
        return known.environments if known else otherwise


def unknown_families(rows: Collection[tuple[str, Decimal]], book: SiteBook) -> tuple[str, ...]:
    """The families that rows name and that have no site."""
    named = [row for row, _ in rows if row.startswith(FAMILY_PREFIX)]
    return tuple(row for row in named if not book.family(row.removeprefix(FAMILY_PREFIX)))
