"""Each item's held-out users against a sample of all other users: their AUC, and their recall in a top share."""

from __future__ import annotations

from collections.abc import Callable
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
    return _per_item(item, score, sample, known, lambda under, others: under.mean() / others)


def sampled_item_recall(
    item: NDArray[np.integer[Any]], score: Floats, sample: Floats, known: NDArray[np.bool_], share: float
) -> NDArray[np.float64]:
    """The share of an item's held-out users above whom lies less than `share` of the other users; ties count half.

    Args and result are those of `sampled_item_auc`; `share` is in (0, 1].
    """
    return _per_item(item, score, sample, known, lambda under, others: (others - under < share * others).mean())


def _per_item(
    item: NDArray[np.integer[Any]],
    score: Floats,
    sample: Floats,
    known: NDArray[np.bool_],
    value: Callable[[NDArray[np.float64], int], np.floating[Any]],
) -> NDArray[np.float64]:
    """`value` of how many others lie below each held-out user, and of their number; NaN without either."""
    found = np.full(sample.shape[1], np.nan)
    for row in range(len(found)):
        own, others = score[item == row], sample[~known[:, row], row]
        if len(own) and len(others):
            found[row] = float(value(below(own, others), len(others)))
    return found
