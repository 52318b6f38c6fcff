"""Scorers with one classifier per item: logits, which do not saturate as probabilities do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from ralm.arrow.arrays import matrix
from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.positive_unlabelled import Floats, calibrated
from ralm.baselines.regression import Trees, normalised
from ralm.scoring.contract import Arrays, BatchScorer, ScorerState

# Up to this size a worker holds the weights as a dense matrix, whose product is about five times as fast.
DENSE_BYTES = 256 << 20


class LogisticScorer(BatchScorer):
    """Logits x·w + b of L2-normalised feature sets: one product of users x features and features x items.

    Reads the columns of its feature space.
    """

    columns = ()

    def __init__(
        self, space: FeatureSpace, weights: sparse.csr_matrix, intercepts: Floats, frequencies: Floats
    ) -> None:
        self.space = space
        self.items = weights.shape[1]
        self.weights = weights.toarray() if 4 * weights.shape[0] * weights.shape[1] <= DENSE_BYTES else weights
        self.intercepts = intercepts  # (items,)
        self.frequencies = frequencies  # (items,)

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> LogisticScorer:
        """The arrays of `logistic_state`; weights have one row per feature, as the product needs them."""
        space = FeatureSpace.of_array(arrays["space"])
        shape = (space.size, len(arrays["intercepts"]))
        weights = sparse.csr_matrix((arrays["values"], arrays["indices"], arrays["offsets"]), shape=shape)
        return cls(space, weights, np.asarray(arrays["intercepts"]), np.asarray(arrays["label_frequencies"]))

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """Logits (n, items), float32."""
        product = normalised(self.space.matrix(users)) @ self.weights
        scores: NDArray[Any] = (product.toarray() if sparse.issparse(product) else product) + self.intercepts
        return scores

    def probabilities(self, users: pa.RecordBatch | pa.Table) -> Floats:
        """p(positive) (n, items), calibrated by the label frequency where it was estimated (`elkan_noto`)."""
        return calibrated(self.score_batch(users), self.frequencies)


def logistic_state(
    space: FeatureSpace, weights: sparse.csr_matrix, intercepts: Floats, frequencies: Floats
) -> ScorerState:
    """The state of a `LogisticScorer`: 8 bytes per weight that is not 0.

    Args:
        space: the features.
        weights: (items, features).
        intercepts: (items,).
        frequencies: (items,), c of Elkan and Noto or 1.
    """
    by_feature = sparse.csr_matrix(weights.T, dtype=np.float32)
    by_feature.sort_indices()
    arrays = {
        "space": space.as_array(),
        "values": by_feature.data,
        "indices": by_feature.indices,
        "offsets": by_feature.indptr,
        "intercepts": np.asarray(intercepts, dtype=np.float32),
        "label_frequencies": np.asarray(frequencies, dtype=np.float32),
    }
    return ScorerState(LogisticScorer, arrays)


class TreesScorer(BatchScorer):
    """Logits of boosted trees of the user embedding.

    The fitted models travel as bytes in one array, so that scikit-learn's own compiled prediction gives what was
    fitted; node arrays would need a tree walk of our own, over private attributes. The bytes are pickles: take the
    arrays only from the folder of the run that fitted them, and read them with the same version of scikit-learn. A
    model is read when its item is first scored, and kept.
    """

    columns = ("embedding",)

    def __init__(self, packed: NDArray[np.uint8], offsets: NDArray[np.int64], frequencies: Floats) -> None:
        self.items = len(offsets) - 1
        self.packed = packed  # (bytes,)
        self.offsets = offsets  # (items + 1,)
        self.frequencies = frequencies  # (items,)
        self._models: dict[int, Trees] = {}

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> TreesScorer:
        """The arrays of `trees_state`."""
        return cls(arrays["models"], np.asarray(arrays["offsets"]), np.asarray(arrays["label_frequencies"]))

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """Logits (n, items), float64."""
        rows = matrix(users, "embedding")  # (n, dim)
        scores = np.zeros((len(rows), self.items))
        for item in range(self.items if len(rows) else 0):
            scores[:, item] = self._model(item).decision(rows)
        return scores

    def score_pairs(self, users: pa.RecordBatch | pa.Table, item: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Logits (n,): each model sees only the users who are paired with its item."""
        rows, scores = matrix(users, "embedding"), np.zeros(len(item))
        for wanted in np.unique(item):
            chosen = np.flatnonzero(item == wanted)
            scores[chosen] = self._model(int(wanted)).decision(rows[chosen])
        return scores

    def probabilities(self, users: pa.RecordBatch | pa.Table) -> Floats:
        """p(positive) (n, items), calibrated by the label frequency where it was estimated (`elkan_noto`)."""
        return calibrated(self.score_batch(users), self.frequencies)

    def _model(self, item: int) -> Trees:
        if item not in self._models:
            packed = self.packed[self.offsets[item] : self.offsets[item + 1]]
            self._models[item] = Trees.of_bytes(packed.tobytes())
        return self._models[item]


def trees_state(packed: Sequence[bytes], frequencies: Floats) -> ScorerState:
    """The state of a `TreesScorer`.

    Args:
        packed: one `Trees.to_bytes` per item.
        frequencies: (items,), c of Elkan and Noto or 1.
    """
    offsets = np.cumsum([0, *(len(one) for one in packed)], dtype=np.int64)
    arrays: dict[str, NDArray[Any]] = {
        "models": np.frombuffer(b"".join(packed), dtype=np.uint8),
        "offsets": offsets,
        "label_frequencies": np.asarray(frequencies, dtype=np.float32),
    }
    return ScorerState(TreesScorer, arrays)
