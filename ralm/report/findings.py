"""What the report's first screen shows besides the figures: the best audiences, and what they mean in customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class BestAudience:
    """An audience of production, and how many later clickers an earlier audience of the same item held.

    Attributes:
        item_id: its item.
        title: the item's name; None: none is mapped.
        url: where people find it.
        categories: what it is about.
        audience: users in the audience.
        seeds: the item's seeds.
        share: of all users: as large was the audience that was judged.
        found: share of the item's later clickers who were in it; None: the item was not judged.
        low: lower end of its 95 % interval (Wilson 1927).
        high: upper end.
        clickers: how many later clickers there were.
        image: address of a picture of it.
    """

    item_id: str
    title: str | None
    url: str | None
    categories: Sequence[str]
    audience: int
    seeds: int
    share: float
    found: float | None = None
    low: float | None = None
    high: float | None = None
    clickers: int = 0
    image: str | None = None

    @property
    def lift(self) -> float | None:
        """How many times as many later clickers as among as many random users."""
        return None if self.found is None else self.found / self.share


@dataclass(frozen=True)
class Found:
    """The audiences of production: how many there are, and the best of them."""

    audiences: int
    best: Sequence[BestAudience]


@dataclass(frozen=True)
class ShownRates:
    """How many clicked among the users whom items were shown to: the best-ranked of each item, and all of them.

    Attributes:
        protocol: which items.
        items: how many.
        share: of each item's users whom it was shown to, the best-ranked.
        best: users in these shares; a fraction of those with equal scores at its end.
        best_clicks: clickers among them.
        people: all users whom the items were shown to.
        clicks: clickers among these.
    """

    protocol: str
    items: int
    share: float
    best: float
    best_clicks: float
    people: int
    clicks: int


@dataclass(frozen=True)
class HistoryCounts:
    """Users without and with a history in the strong domain."""

    without: int
    having: int

    @property
    def share_without(self) -> float:
        """Share of the users without such a history."""
        return self.without / max(1, self.without + self.having)


@dataclass(frozen=True)
class HealthCheck:
    """A check of the night.

    Attributes:
        name: of the check, with what it is about.
        passed: whether it passed.
        detail: what was found, and the limit.
        severity: what it means if it did not: warn or fail, as `health` says; None: it only tells.
    """

    name: str
    passed: bool
    detail: str
    severity: str | None = None
