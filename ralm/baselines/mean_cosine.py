"""The cosine of a user's embedding with the mean direction of an item's seeds."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import matrix
from ralm.scoring.contract import BLOCK, Arrays, BatchScorer

Floats = NDArray[np.floating[Any]]


@overload
def unit_rows(rows: NDArray[Any]) -> NDArray[np.float64]: ...


@overload
def unit_rows(rows: NDArray[Any], dtype: type[np.floating[Any]]) -> Floats: ...


def unit_rows(rows: NDArray[Any], dtype: type[np.floating[Any]] = np.float64) -> Floats:
    """Rows (n, d) at unit length; rows of zeros stay."""
    exact = np.asarray(rows, dtype=np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    return np.asarray(exact / np.where(norms > 0, norms, 1.0), dtype=dtype)


class MeanCosine(BatchScorer):
    """The mean cosine to an item's seeds, which is one product with the mean of their unit embeddings.

    Args:
        means: (items, d).
        block: users per product.
    """

    columns = ("embedding",)

    def __init__(self, means: NDArray[Any], *, block: int = BLOCK) -> None:
        self.means = np.asarray(means, dtype=np.float32)
        self.items = len(means)
        self.block = block

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> MeanCosine:
        """`means`."""
        return cls(arrays["means"], block=block)

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """Scores (n, items), float32."""
        rows = matrix(users, "embedding", self.means.shape[1])
        scores = np.empty((len(rows), self.items), dtype=np.float32)
        for start in range(0, len(rows), self.block):
            part = slice(start, start + self.block)
            scores[part] = unit_rows(rows[part], np.float32) @ self.means.T
        return scores

    def score_pairs(self, users: pa.RecordBatch | pa.Table, item: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Scores (n,)."""
        unit = unit_rows(matrix(users, "embedding", self.means.shape[1]), np.float32)
        return np.asarray(np.einsum("nd,nd->n", unit, self.means[item]))
