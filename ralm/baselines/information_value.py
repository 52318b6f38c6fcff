"""Information Value of features: how much more often seeds have them than candidates; a user's score is their sum."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from ralm.arrow.arrays import column
from ralm.baselines.feature_space import FeatureSpace
from ralm.scoring.contract import Arrays, BatchScorer, ScorerState

Floats = NDArray[np.float64]
Positive = Literal["above_candidates", "above_half"]


def smoothed_shares(
    seeds_with: Any, seeds: Any, candidates_with: Any, candidates: Any, smoothing: float
) -> tuple[Floats, Floats]:
    """p and q, the shares of seeds and of candidates with a feature, never 0 or 1.

    q = (m + s) / (N + 2 s) and p = (c + s q) / (n + s): few seeds are pulled to the candidates' share, not to one
    half, which would let a rare feature count for any item with few seeds. So p > q only where c / n > q, and a feature
    that no seed has is never positive.

    Args:
        seeds_with: c, seeds with the feature; this and all counts may have any shapes that broadcast.
        seeds: n, all seeds.
        candidates_with: m, candidates with the feature.
        candidates: N, all candidates.
        smoothing: s, above 0, in users.
    """
    q = (np.asarray(candidates_with, np.float64) + smoothing) / (np.asarray(candidates) + 2 * smoothing)
    p = (np.asarray(seeds_with, np.float64) + smoothing * q) / (np.asarray(seeds) + smoothing)
    return p, q


def information_value(p: Floats, q: Floats, positive: Positive = "above_candidates") -> Floats:
    """IV = (p − q) · ln(p (1 − q) / ((1 − p) q)) of positive features, 0 of the others (Ma et al. 2016).

    Args:
        p: share of the seeds with the feature, inside (0, 1).
        q: share of the candidates, of the same shape.
        positive: above_candidates: p > q. above_half: p > 0.5, the survey's reading; since both factors change their
            sign together, it also credits a feature that most seeds have, even if more candidates have it.
    """
    value = (p - q) * np.log(p * (1 - q) / ((1 - p) * q))
    found: Floats = np.where(p > (q if positive == "above_candidates" else 0.5), value, 0.0)
    return found


def information_value_state(
    space: FeatureSpace, weights: sparse.csr_matrix, candidates_only: bool = False
) -> ScorerState:
    """The scorer of Information Values as it is sent to workers.

    Args:
        space: what the features are.
        weights: (features, items), IV of the positive features.
        candidates_only: users have `candidate_of`, and score -inf with all other items.
    """
    return ScorerState(
        CandidateInformationValueScorer if candidates_only else InformationValueScorer,
        {
            "space": space.as_array(),
            "items": np.array(weights.shape[1]),
            "data": weights.data,
            "indices": weights.indices,
            "indptr": weights.indptr,
        },
    )


class InformationValueScorer(BatchScorer):
    """Scores users by f · IV, the sum over the features that a user has.

    The paper's score is σ(f · IV). The published score is its logit f · IV: the order within and across items is the
    same, but it is not bounded by 1, where σ reaches 1 - 1e-6 at a sum of 14 and all better users would tie. It is at
    least 0, and it is the sum of the weights that `feature_ranking` lists.

    Attributes:
        columns: none but those of the feature space.
    """

    columns: ClassVar[tuple[str, ...]] = ()

    def __init__(self, space: FeatureSpace, weights: sparse.csr_matrix) -> None:
        if weights.shape[0] != space.size:
            raise ValueError(f"information value: weights of {space.size} features expected, found {weights.shape[0]}")
        self.space = space
        self.weights = weights  # (features, items)
        self.items: int = weights.shape[1]
        self._by_item: sparse.csr_matrix | None = None

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> InformationValueScorer:
        """The scorer of `information_value_state`; sparse products need no blocks."""
        space = FeatureSpace.of_array(arrays["space"])
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        return cls(space, sparse.csr_matrix(parts, shape=(space.size, int(arrays["items"]))))

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> Floats:
        """Scores (n, items) of rows of `user_fields`."""
        scores: Floats = (self.space.matrix(users).astype(np.float64) @ self.weights).toarray()
        return scores

    def score_pairs(self, users: pa.RecordBatch | pa.Table, item: NDArray[np.integer[Any]]) -> Floats:
        """Scores (n,) of rows of `user_fields`, each with one item."""
        if self._by_item is None:
            self._by_item = self.weights.T.tocsr()
        product = self.space.matrix(users).astype(np.float64).multiply(self._by_item[np.asarray(item)])
        return np.asarray(product.sum(axis=1), np.float64).reshape(-1)


class CandidateInformationValueScorer(InformationValueScorer):
    """Scores candidates by f · IV, and gives -inf to a user who is not a candidate for an item.

    Attributes:
        columns: `candidate_of`, array<int> of item rows, besides those of the feature space.
    """

    columns = ("candidate_of",)

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> Floats:
        """Scores (n, items); only the features of candidates are looked at."""
        user, item = _listed(users)
        scores = np.full((users.num_rows, self.items), -np.inf)
        rows, places = np.unique(user, return_inverse=True)
        found = super().score_batch(users.take(pa.array(rows)) if len(rows) < users.num_rows else users)
        scores[user, item] = found[places, item]
        return scores

    def score_pairs(self, users: pa.RecordBatch | pa.Table, item: NDArray[np.integer[Any]]) -> Floats:
        """Scores (n,), -inf for pairs that are not candidates."""
        user, listed = _listed(users)
        asked = np.zeros(users.num_rows, dtype=bool)
        asked[user[listed == np.asarray(item)[user]]] = True
        return np.where(asked, super().score_pairs(users, item), -np.inf)


def _listed(users: pa.RecordBatch | pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row of the batch and row of the item, one pair per candidate (pairs,)."""
    lists = column(users, "candidate_of")
    return (
        pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64),
        pc.list_flatten(lists).to_numpy(zero_copy_only=False).astype(np.int64),
    )
