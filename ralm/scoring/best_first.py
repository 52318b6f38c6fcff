"""The order of a ranking: by score, ties by user id."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def best_first(scores: NDArray[np.float64], users: pa.Array) -> NDArray[np.int64]:
    """The rows (n,), highest score first, equal scores by user id: numbers by value, strings by their bytes.

    A plain sort by score is several times as fast as one by two keys; only tied rows are sorted by both.

    Args:
        scores: (n,), without NaN.
        users: (n,), numbers or strings.
    """
    order = np.argsort(-scores)
    same = np.diff(scores[order]) == 0  # as the next one
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if not len(tied):
        return order
    rows = order[tied]
    by_user = np.empty(len(rows), dtype=np.int64)
    by_user[pc.array_sort_indices(users.take(pa.array(rows))).to_numpy()] = np.arange(len(rows))
    run = np.append(0, ~same).cumsum()[tied]  # of equal scores
    order[tied] = rows[np.argsort(run * len(rows) + by_user)]
    return order
