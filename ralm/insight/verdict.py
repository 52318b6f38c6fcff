"""Are these seeds good for an audience: a verdict and what to do, from quantities that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ralm.insight.nearness import Nearness
from ralm.insight.small_counts import said, shown_share

Kind = Literal["good", "too few", "too generic", "several groups", "a few users", "one day"]

# Fewer seeds are too few: a fifth of them are less than four people, and three others would change the audience.
LEAST_SEEDS = 20
# Seeds are nearer to each other than to anyone if more than this part of what chance leaves is theirs, for certain.
NEAR = 0.05
# One user, or one day, dominates with so much of all rows or clicks; a day only in a longer time.
DOMINATES, LEAST_DAYS = 0.5, 7
HEAVY_USER = 0.1


@dataclass(frozen=True)
class SeedCounts:
    """What was counted of the seeds.

    Attributes:
        read: rows of the list, or the item's clickers.
        matched: known users among them.
        duplicates: rows that repeat an earlier one.
        unmatched: unknown ids.
        used: seeds that describe the audience.
        heaviest_user: share of all rows, or of the item's clicks, that are of one user.
        effective_users: as many users with equally many rows give the same weight to a user: (Σ rows)² / Σ rows².
        heaviest_day: share of the seeds whose last click is of one day; None: the list has no days.
        days: from the first seed's day to the last one's.
    """

    read: int
    matched: int
    duplicates: int
    unmatched: int
    used: int
    heaviest_user: float
    effective_users: float
    heaviest_day: float | None = None
    days: int = 0


@dataclass(frozen=True)
class Verdict:
    """What to think of the seeds, and what to do.

    Attributes:
        kind: of the six.
        says: the verdict, a sentence.
        advice: what to do, a sentence.
    """

    kind: Kind
    says: str
    advice: str


def verdict(counts: SeedCounts, near: Nearness | None, groups: Sequence[int], minimum: int = 0) -> Verdict:
    """The first of these that holds: too few, too generic, a few users, one day, several groups; otherwise good.

    Args:
        counts: of the seeds.
        near: how near the seeds are to each other; None: it could not be measured.
        groups: seeds of each group, largest first.
        minimum: counts and shares of fewer people are not said (`privacy.minimum`).
    """
    if counts.used < LEAST_SEEDS or near is None:
        return Verdict(
            "too few",
            f"Too few seeds: {said(counts.used, minimum)} people say little about whom they stand for.",
            f"Add people until there are at least {LEAST_SEEDS}, better a hundred. Until then take the audience as a "
            "guess.",
        )
    nearest = f"{_pct(near.share)} of the people nearest to a seed are seeds, by chance {_pct(near.chance)}"
    if near.low <= near.chance_high or (near.low - near.chance) / (1 - near.chance) < NEAR:
        return Verdict(
            "too generic",
            f"Too generic: the seeds are hardly nearer to each other than to anyone ({nearest}).",
            "Choose people who have more in common, such as those who bought or read one thing. Expect little of an "
            "audience of these seeds; the test with hidden seeds below says how little.",
        )
    if counts.heaviest_user > HEAVY_USER:
        what = "rows" if counts.heaviest_day is None else "clicks"
        return Verdict(
            "a few users",
            f"A few users dominate: one of them has {_pct(counts.heaviest_user)} of all {what}; together they weigh as "
            f"much as {counts.effective_users:,.0f} people with equally many."
            if minimum < 2
            else f"A few users dominate the {what}.",
            "Look whether this is a robot or a test account. In the audience every user counts once.",
        )
    if counts.heaviest_day is not None and counts.heaviest_day > DOMINATES and counts.days >= LEAST_DAYS:
        return Verdict(
            "one day",
            f"One day dominates: {_pct(counts.heaviest_day)} of the seeds are of one day out of {counts.days}."
            if shown_share(counts.heaviest_day, counts.read, minimum)
            else f"A single day dominates out of {counts.days}.",
            "Look what happened on that day. If it was a campaign or an error, make a list of the other days.",
        )
    if len(groups) > 1:
        total = sum(groups)
        parts = ", ".join(f"{_pct(size / total)}" for size in groups)
        return Verdict(
            "several groups",
            f"{len(groups)} different groups of people: {parts} of the seeds, with a gap between them.",
            "Make a list of each group if they are to be addressed differently; one audience of all mixes people like "
            "either.",
        )
    return Verdict(
        "good",
        f"Good seeds: they are of one kind ({nearest}).",
        "Use the audience. Choose its size by the table of sizes below.",
    )


def _pct(share: float) -> str:
    return f"{100 * share:.0f} %"
