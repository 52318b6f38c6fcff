"""Systems whose score is a dot product: the user's vector with the item's, plus the item's bias."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import matrix
from ralm.scoring.contract import Arrays, BatchScorer


class DotProduct(BatchScorer):
    """x_u · y_i + b_i, in double precision, so that the published digits do not depend on a batch's shape."""

    columns = ("embedding",)

    def __init__(self, vectors: NDArray[Any], bias: NDArray[Any]) -> None:
        self.vectors = np.asarray(vectors, dtype=np.float64)  # (items, d)
        self.bias = np.asarray(bias, dtype=np.float64)  # (items,)
        self.items = len(self.vectors)

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> DotProduct:
        """`vectors` (items, d), finite, and `bias` (items,), −inf for an item that cannot be scored."""
        return cls(arrays["vectors"], arrays["bias"])

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """The column `embedding` (n, d) as scores (n, items)."""
        scores: NDArray[Any] = self._embeddings(users) @ self.vectors.T + self.bias
        return scores

    def score_pairs(self, users: pa.RecordBatch | pa.Table, item: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """One score per user, without the other items."""
        scores: NDArray[Any] = np.einsum("nd,nd->n", self._embeddings(users), self.vectors[item]) + self.bias[item]
        return scores

    def _embeddings(self, users: pa.RecordBatch | pa.Table) -> NDArray[np.float64]:
        return matrix(users, "embedding", self.vectors.shape[1]).astype(np.float64)
