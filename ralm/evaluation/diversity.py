"""How evenly exposure is spread over items, and how varied the items are that a user is offered."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Lorenz(NamedTuple):
    """`items` (points,): share of the items, least exposed first; `exposure` (points,): their share of exposure."""

    items: Array
    exposure: Array


class CategoryDiversity(NamedTuple):
    """Means over users: distinct categories in a user's recommendations, and their entropy in nats."""

    distinct: float
    entropy: float


def lorenz(counts: npt.ArrayLike, points: int = 201) -> Lorenz:
    """The Lorenz curve of exposure; the diagonal is perfectly even.

    Args:
        counts: (items,) exposures of each item; include items that were never shown, as 0.
        points: how many points of the curve are returned, evenly spaced over the items.

    Raises:
        ValueError: no items, a negative count, or no exposure at all.
    """
    ordered = np.sort(_checked(counts))
    cumulative = np.r_[0.0, np.cumsum(ordered)] / ordered.sum()
    share = np.linspace(0, 1, points)
    return Lorenz(share, np.interp(share, np.linspace(0, 1, cumulative.size), cumulative))


def gini(counts: npt.ArrayLike) -> float:
    """The Gini coefficient of exposure: 0 is even, 1 is all exposure on one item of infinitely many.

    Args:
        counts: (items,) as in `lorenz`.

    Raises:
        ValueError: as in `lorenz`.
    """
    ordered = np.sort(_checked(counts))
    position = np.arange(1, ordered.size + 1)
    return float(((2 * position - ordered.size - 1) @ ordered) / (ordered.size * ordered.sum()))


def tail_share(counts: npt.ArrayLike, head: float = 0.1) -> float:
    """The share of exposure that goes to items outside the most exposed `head` of them (rounded to whole items).

    Args:
        counts: (items,) as in `lorenz`.
        head: share of the items in the head; at least one item.

    Raises:
        ValueError: as in `lorenz`.
    """
    ordered = np.sort(_checked(counts))[::-1]
    cut = max(1, math.floor(head * ordered.size + 0.5))
    return float(ordered[cut:].sum() / ordered.sum())


def category_diversity(user: npt.ArrayLike, category: npt.ArrayLike) -> CategoryDiversity:
    """How varied the categories are that each user is recommended.

    Args:
        user: (n,) user of each (recommended item, category) pair.
        category: (n,) the category; an item with several categories gives several pairs.
    """
    users, user_index = np.unique(np.asarray(user), return_inverse=True)
    if not users.size:
        return CategoryDiversity(math.nan, math.nan)
    categories, category_index = np.unique(np.asarray(category), return_inverse=True)
    pairs, counts = np.unique(user_index * categories.size + category_index, return_counts=True)
    owner = pairs // categories.size
    total = np.bincount(owner, counts, users.size)
    # entropy = ln T − Σ c ln c / T
    entropy = np.log(total) - np.bincount(owner, counts * np.log(counts), users.size) / total
    return CategoryDiversity(float(np.bincount(owner, minlength=users.size).mean()), float(entropy.mean()))


def _checked(counts: npt.ArrayLike) -> Array:
    given = np.asarray(counts, dtype=np.float64)
    if given.ndim != 1 or not given.size or (given < 0).any() or not given.sum() > 0:
        raise ValueError("counts: expected (items,) exposures, none negative and not all 0")
    return given
