"""What candidates by buckets miss and what they save, against brute-force Jaccard and the S-curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ralm.baselines.minhash import MinHash, s_curve

# Similarities held in memory at a time: 40 MB.
BLOCK = 5_000_000


@dataclass(frozen=True)
class CandidateQuality:
    """Candidates of one set of seeds among some users.

    Attributes:
        users: how many users were looked at, best without the seeds themselves.
        neighbours: users whose Jaccard similarity with any seed reaches the threshold.
        recall: share of the neighbours who are candidates; NaN without neighbours.
        reduction: candidates / users.
        predicted_recall: of the S-curve, (with the nearest seed alone, with all seeds as if they were independent).
        predicted_reduction: the same for all users. Similar seeds share buckets, so the truth lies between the two.
    """

    users: int
    neighbours: int
    recall: float
    reduction: float
    predicted_recall: tuple[float, float]
    predicted_reduction: tuple[float, float]


def jaccard(users: sparse.csr_matrix, others: sparse.csr_matrix) -> NDArray[np.float64]:
    """|A ∩ B| / |A ∪ B| of every pair of rows (n, m); two empty sets have 0.

    Args:
        users: (n, features), binary.
        others: (m, features), binary.
    """
    common = (users @ others.T).toarray().astype(np.float64)
    either = np.diff(users.indptr)[:, None] + np.diff(others.indptr)[None, :] - common
    found: NDArray[np.float64] = np.divide(common, either, out=np.zeros_like(common), where=either > 0)
    return found


def in_a_bucket_of(
    users: sparse.csr_matrix, seeds: sparse.csr_matrix, minhash: MinHash, dropped: NDArray[np.int64] | None = None
) -> NDArray[np.bool_]:
    """Which users (n,) share a bucket with any seed.

    Args:
        users: (n, features), binary.
        seeds: (m, features), binary.
        minhash: bands and rows.
        dropped: bucket ids to ignore.
    """
    known = minhash.buckets(seeds)[np.diff(seeds.indptr) > 0].ravel()
    if dropped is not None:
        known = np.setdiff1d(known, dropped)
    shared = np.isin(minhash.buckets(users), known).any(axis=1)
    return np.asarray(shared & (np.diff(users.indptr) > 0), dtype=np.bool_)


def candidate_quality(
    users: sparse.csr_matrix,
    seeds: sparse.csr_matrix,
    candidate: NDArray[np.bool_],
    threshold: float,
    bands: int,
    rows: int,
) -> CandidateQuality:
    """Recall and reduction of given candidates, next to the S-curve's prediction.

    Args:
        users: (n, features), binary: a sample, since all n · m similarities are computed.
        seeds: (m, features), binary.
        candidate: (n,), whether each user is a candidate, given what was dropped.
        threshold: least Jaccard similarity at which a user should be found.
        bands: b of the S-curve.
        rows: r of the S-curve.

    Raises:
        ValueError: no users or no seeds.
    """
    count, step = users.shape[0], max(1, BLOCK // max(1, seeds.shape[0]))
    if not count or not seeds.shape[0]:
        raise ValueError(f"candidate quality: users and seeds expected, found {count} and {seeds.shape[0]}")
    nearest, alone, together = np.empty(count), np.empty(count), np.empty(count)
    for start in range(0, count, step):
        part = slice(start, start + step)
        similarity = jaccard(users[part], seeds)  # (b, m)
        nearest[part] = similarity.max(axis=1)
        chances = s_curve(similarity, bands, rows)  # (b, m)
        alone[part] = chances.max(axis=1)
        together[part] = 1.0 - np.prod(1.0 - chances, axis=1)
    near = nearest >= threshold
    nan = float("nan")

    def mean(values: NDArray[Any]) -> float:  # over the neighbours
        return float(values[near].mean()) if near.any() else nan

    return CandidateQuality(
        users=count,
        neighbours=int(near.sum()),
        recall=mean(candidate),
        reduction=float(candidate.mean()),
        predicted_recall=(mean(alone), mean(together)),
        predicted_reduction=(float(alone.mean()), float(together.mean())),
    )
