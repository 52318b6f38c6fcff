"""What the page of one audience shows, as plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ralm.insight.found_again import Size
from ralm.insight.nearness import Nearness
from ralm.insight.verdict import SeedCounts, Verdict


@dataclass(frozen=True)
class Group:
    """A group of seeds: sampled seeds in it, their share, and the share of the audience that is most like it."""

    number: int
    seeds: int
    share: float
    audience: float


@dataclass(frozen=True)
class FirstUser:
    """One of the best users of an audience, and why.

    Attributes:
        user_id: the user.
        score: likeness to the seeds.
        group: the nearest group of seeds, from 1; None: the user has no embedding.
        features: (feature, share of that group who have it, times as often as everyone), the most telling first.
        shared: how many of the group's features the user has in all.
        attention: (field, weight) of the fields that count most in the user's vector; empty: not of a model with it.
    """

    user_id: str
    score: float
    group: int | None
    features: Sequence[tuple[str, float, float]]
    shared: int
    attention: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True)
class AudiencePage:
    """All that the page shows.

    Attributes:
        item: id of the item, or the list's name.
        system: what scored it.
        as_of: date of the users and seeds.
        made_at: when the page was made (UTC).
        scored_at: when the audience was scored (UTC).
        verdict: on the seeds.
        counts: of the seeds.
        is_list: whether the seeds are a list.
        newest_seed: newest click of a seed; None: a list.
        near: how near the seeds are to each other.
        groups: of the seeds, largest first.
        audience: users in the audience.
        users: all users.
        sizes: what to expect of each size; empty: not measured.
        hidden: seeds that were hidden.
        hidden_as_of: date of the users in that test.
        why_not: why sizes were not measured.
        stability: share that another draw of the seeds would keep.
        cutoff: exposure threshold.
        traits: rows of `audience_features`.
        seeds_inside: share of the audience who are seeds.
        overlaps: item_id, title, system, users, both, share of other audiences.
        last: date of the audience before.
        kept: share of it that is in this one.
        warnings: sentences.
        minimum: counts of fewer people are shown as `fewer than` this.
        first: the best users.
        title: the item's name; None: none is mapped, or it is a list.
        url: where people find the item.
        categories: what it is about.
        image: address of a picture of it.
    """

    item: str
    system: str
    as_of: dt.date
    made_at: dt.datetime
    scored_at: dt.datetime
    verdict: Verdict
    counts: SeedCounts
    is_list: bool
    newest_seed: dt.datetime | None
    near: Nearness | None
    groups: Sequence[Group]
    audience: int
    users: int
    sizes: Sequence[Size]
    hidden: int
    hidden_as_of: dt.date
    why_not: str
    stability: float | None
    cutoff: float | None
    traits: Sequence[Mapping[str, Any]]
    seeds_inside: float
    overlaps: Sequence[Mapping[str, Any]]
    last: dt.date | None
    kept: float | None
    warnings: Sequence[str]
    minimum: int = 0
    first: Sequence[FirstUser] = ()
    title: str | None = None
    url: str | None = None
    categories: Sequence[str] = ()
    image: str | None = None

    def of(self, people: str, most: int) -> list[Mapping[str, Any]]:
        """The first features of the audience, the seeds or a group."""
        return [trait for trait in self.traits if trait["people"] == people][:most]

    @property
    def own_size(self) -> Size | None:
        """The listed size that is nearest to the audience's own."""
        if not self.sizes or not self.audience:
            return None
        return min(self.sizes, key=lambda size: abs(size.users - self.audience) / max(size.users, self.audience))
