"""What was counted in the data, for the settings that follow from it; kept in the run record of `measure_data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DomainCounts:
    """A behaviour domain.

    Attributes:
        users: users with an event in it (approximate).
        things: distinct features (approximate).
        entries: events per such user, 95th percentile (of users sampled by hash).
        most: the same, 99.9th percentile; 0: not counted.
    """

    users: int
    things: int
    entries: int
    most: int = 0


@dataclass(frozen=True)
class DataCounts:
    """What `users`, `events` and `impressions` hold.

    Attributes:
        users: rows of `users`.
        active: users with an event in any of the domains (approximate).
        items: items that were shown.
        impressions: rows of `impressions`, sampled non-clicks among them.
        clicks: clicked ones.
        usual: clicks of the item of the median click: half of all clicks are on items with at least so many.
        least: the same for nine tenths of all clicks.
        domains: history field -> its counts.
    """

    users: int
    active: int
    items: int
    impressions: int
    clicks: int
    usual: int
    least: int
    domains: Mapping[str, DomainCounts] = field(default_factory=dict)

    def too_little(self, min_seeds: int) -> str | None:
        """Why there is little to learn from, in a sentence; None: most clicks are on items with enough of them.

        Args:
            min_seeds: clicks that an item needs (`lookalike.min_seeds`).
        """
        if self.usual >= min_seeds:
            return None
        return (
            f"{self.clicks:,} clicks on {self.items:,} items: half of them are on items with fewer than {min_seeds}, "
            "as many as an item needs (lookalike.min_seeds): there is little or nothing to learn from"
        )

    def as_map(self) -> dict[str, int]:
        """One whole number per name, as a run record keeps them."""
        totals = {name: value for name, value in vars(self).items() if name != "domains"}
        named = {title: totals[name] for name, title in TITLES.items()}
        counted = [(domain, vars(found)) for domain, found in self.domains.items()]
        return named | {f"{what} in {domain}": value for domain, found in counted for what, value in found.items()}

    @classmethod
    def from_map(cls, counts: Mapping[str, int]) -> DataCounts:
        """The inverse of `as_map`."""
        domains: dict[str, dict[str, int]] = {}
        for name, value in counts.items():
            what, separator, domain = name.partition(" in ")
            if separator:
                domains.setdefault(domain, {})[what] = value
        return cls(
            **{name: counts[title] for name, title in TITLES.items()},
            domains={domain: DomainCounts(**found) for domain, found in domains.items()},
        )


TITLES = {
    "users": "users",
    "active": "active users",
    "items": "items",
    "impressions": "impressions",
    "clicks": "clicks",
    "usual": "clicks of the usual item",
    "least": "clicks of a small item",
}
