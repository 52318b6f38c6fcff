"""Each item's held-out users against a sample of all other users."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.evaluation.array_metrics import below

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
    found = np.full(sample.shape[1], np.nan)
    for row in range(len(found)):
        own, others = score[item == row], sample[~known[:, row], row]
        if len(own) and len(others):
            found[row] = float(below(own, np.sort(others)).mean() / len(others))
    return found
