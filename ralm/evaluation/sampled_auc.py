"""Each item's held-out users against a sample of all other users: their AUC, and their recall in a top share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def sampled_item_auc(
    item: NDArray[np.integer[Any]], score: Floats, sample: Floats, known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The chance that a held-out user of an item scores above another user, tied scores counting half.

    Args:
        item: (n,) the item's row of each held-out user.
        score: (n,) of that user with that item; -inf: not a candidate, ranked below all candidates.
        sample: (users, items) scores of sampled users.
        known: (users, items) whether the sampled user belongs to the item; such users are not compared with.

    Returns:
        (items,), NaN for an item without held-out users or without others.
    """
    items = sample.shape[1]
    areas = np.full(items, np.nan)
    for row in range(items):
        own = score[item == row]
        others = np.sort(sample[~known[:, row], row])
        if len(own) and len(others):
            below = np.searchsorted(others, own, side="left") + np.searchsorted(others, own, side="right")
            areas[row] = float(below.mean()) / 2 / len(others)
    return areas


def sampled_item_recall(
    item: NDArray[np.integer[Any]], score: Floats, sample: Floats, known: NDArray[np.bool_], share: float
) -> NDArray[np.float64]:
    """The share of an item's held-out users above whom lies less than `share` of the other users; ties count half.

    Args and result are those of `sampled_item_auc`; `share` is in (0, 1].
    """
    items = sample.shape[1]
    found = np.full(items, np.nan)
    for row in range(items):
        own = score[item == row]
        others = np.sort(sample[~known[:, row], row])
        if len(own) and len(others):
            below = np.searchsorted(others, own, side="left") + np.searchsorted(others, own, side="right")
            found[row] = float((len(others) - below / 2 < share * len(others)).mean())
    return found
