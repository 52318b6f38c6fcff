"""How much of a ranking's top stays when its scores are made again from other data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def kept_share(scores: NDArray[np.floating[Any]], others: NDArray[np.floating[Any]], share: float) -> float:
    """The mean share of the best users by `scores` who are among the best by each of the other scores.

    Args:
        scores: (users,); −inf is not a candidate. Ties are ranked in the order of the users, here as in `others`.
        others: (users, draws).
        share: of the candidates who are the best, in (0, 1].

    Returns:
        1 where every draw has the same best users; NaN without candidates or draws.
    """
    size = math.ceil(share * np.isfinite(scores).sum() - 1e-9)
    if size == 0 or others.shape[1] == 0:
        return math.nan
    best = _best(scores, size)
    return float(np.mean([len(np.intersect1d(best, _best(drawn, size))) / size for drawn in others.T]))


def _best(scores: NDArray[np.floating[Any]], size: int) -> NDArray[np.intp]:
    ranked: NDArray[np.intp] = np.argsort(-scores, kind="stable")[: min(size, np.isfinite(scores).sum())]
    return ranked
