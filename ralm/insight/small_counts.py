"""Counts of few people are not shown (`privacy.minimum`): 0 in tables, `fewer than N` in words, merged in histograms.

It is the single count that is looked at. Two figures that are shown may differ by fewer people.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shown(count: int, minimum: int) -> int:
    """The count as tables hold it: 0 if it is below the minimum."""
    return count if count >= minimum else 0


def said(count: int, minimum: int) -> str:
    """The count in words; `fewer than 100` also stands for none."""
    return f"{count:,}" if count >= minimum else f"fewer than {minimum:,}"


def shown_share(share: float, people: int, minimum: int) -> float:
    """A share of so many people: 0 if it is of fewer than the minimum."""
    return share if round(share * people) >= minimum else 0.0


def merged_bins(counts: NDArray[np.integer], minimum: int) -> list[tuple[int, int, int]]:
    """Neighbouring bins of a histogram put together until each holds the minimum of people.

    Args:
        counts: (bins,), people per bin.
        minimum: people; 0 or 1: only empty bins are left out.

    Returns:
        First bin, last bin and people of each, by bin; none if all together are too few.
    """
    if minimum <= 1:
        return [(int(at), int(at), int(counts[at])) for at in np.flatnonzero(counts)]
    found: list[tuple[int, int, int]] = []
    first, held = None, 0
    for at in np.flatnonzero(counts):
        first = int(at) if first is None else first
        held += int(counts[at])
        if held >= minimum:
            found.append((first, int(at), held))
            first, held = None, 0
    if held and found:  # what is left at the upper end belongs to the last bin
        first, _, before = found.pop()
        found.append((first, int(np.flatnonzero(counts)[-1]), before + held))
    return found
