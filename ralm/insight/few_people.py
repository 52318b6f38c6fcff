"""A report without what few people can be recognised by (`privacy.minimum`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ralm.insight.found_again import Size
from ralm.insight.small_counts import shown_share
from ralm.insight.verdict import SeedCounts


def shown_sizes(sizes: Sequence[Size], hidden: int, minimum: int) -> list[Size]:
    """The sizes of at least so many users, with at least so many of the hidden seeds among them.

    Args:
        sizes: of `ralm.insight.found_again`.
        hidden: seeds that were hidden.
        minimum: people; below 2 all sizes are shown.
    """
    if minimum < 2:
        return list(sizes)
    return [size for size in sizes if size.users >= minimum and round(size.found * hidden) >= minimum]


def shown_counts(counts: SeedCounts, minimum: int) -> SeedCounts:
    """The counts without shares that are of one user, or of a day with fewer seeds than the minimum.

    The numbers of seeds stay, since a verdict is on them; they are suppressed where they are shown.
    """
    if minimum < 2:
        return counts
    day = counts.heaviest_day
    return replace(
        counts,
        heaviest_user=0.0,
        heaviest_day=None if day is None else shown_share(day, counts.read, minimum) or None,
        effective_users=counts.effective_users if counts.effective_users >= minimum else 0.0,
    )
