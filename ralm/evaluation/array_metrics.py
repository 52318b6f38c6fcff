"""How well a ranking of users (or of items, for the user model by itself) agrees with later clicks."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from ralm.evaluation.bootstrap import Interval

_USERS_AT_ONCE = 4_096


class ItemValues(NamedTuple):
    """One number per item: `items` (n,) sorted ids, `values` (n,)."""

    items: npt.NDArray[Any]
    values: npt.NDArray[np.float64]


def auc(label: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """The area under the ROC curve over all pairs together; NaN where only one class is present.

    Args:
        label: (n,) 0/1 or boolean.
        score: (n,) higher is better.
    """
    positive = np.asarray(label).astype(bool)
    if positive.all() or not positive.any():
        return math.nan
    return float(roc_auc_score(positive, np.asarray(score, dtype=np.float64)))


def auc_interval(
    label: npt.ArrayLike, score: npt.ArrayLike, item: npt.ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """The pooled AUC, with an interval that allows for similar impressions of the same item.

    Closed form: Obuchowski, "Nonparametric Analysis of Clustered ROC Curve Data", Biometrics 1997, with items as the
    clusters; without `item` it is DeLong's. Low and high are NaN where a class has fewer than two clusters.

    Args:
        label: (n,) 0/1 or boolean.
        score: (n,) higher is better.
        item: (n,) item of each impression; if left out, each impression is its own cluster.
        level: coverage of the interval.
    """
    positive = np.asarray(label).astype(bool)
    value = np.asarray(score, dtype=np.float64)
    m, n = int(positive.sum()), int((~positive).sum())
    if m == 0 or n == 0:
        return Interval(math.nan, math.nan, math.nan)
    cluster = np.arange(value.size) if item is None else np.unique(np.asarray(item), return_inverse=True)[1]
    clusters = int(cluster.max()) + 1

    # placement of a positive: share of the negatives below it; of a negative: share of the positives above it
    above_negatives = below(value[positive], np.sort(value[~positive])) / n
    below_positives = 1 - below(value[~positive], np.sort(value[positive])) / m
    area = float(above_negatives.mean())
    centred_positives = np.bincount(cluster[positive], above_negatives - area, clusters)
    centred_negatives = np.bincount(cluster[~positive], below_positives - area, clusters)
    with_positives = np.unique(cluster[positive]).size
    with_negatives = np.unique(cluster[~positive]).size
    if with_positives < 2 or with_negatives < 2:
        return Interval(area, math.nan, math.nan)
    variance = (
        _grow(with_positives) * float(centred_positives @ centred_positives) / m**2
        + _grow(with_negatives) * float(centred_negatives @ centred_negatives) / n**2
        + 2 * _grow(clusters) * float(centred_positives @ centred_negatives) / (m * n)
    )
    reach = float(norm.ppf(0.5 + level / 2)) * math.sqrt(max(variance, 0.0))
    return Interval(area, max(0.0, area - reach), min(1.0, area + reach))


def item_auc(item: npt.ArrayLike, label: npt.ArrayLike, score: npt.ArrayLike, min_labels: int = 1) -> ItemValues:
    """The AUC of each item over its own impressions, from ranks (Mann–Whitney), tied scores counting half.

    It measures what look-alike scoring is for: given an item, are its clickers ranked above the others? A score that is
    the same for all users (popularity) gets 0.5.

    Args:
        item: (n,) item of each impression.
        label: (n,) 0/1 or boolean: clicked.
        score: (n,) higher is better.
        min_labels: clickers, and non-clickers, that an item needs; the others are left out.
    """
    items, index = np.unique(np.asarray(item), return_inverse=True)
    positive = np.asarray(label).astype(bool)
    value = np.asarray(score, dtype=np.float64)
    if not index.size:
        return ItemValues(items, np.empty(0))

    order = np.lexsort((value, index))
    sorted_index, sorted_value = index[order], value[order]
    sizes = np.bincount(index, minlength=items.size)
    first_of_item = np.cumsum(sizes) - sizes
    starts_tie = np.r_[True, (np.diff(sorted_index) != 0) | (np.diff(sorted_value) != 0)]
    tie = np.cumsum(starts_tie) - 1
    tie_start = np.flatnonzero(starts_tie)
    tie_end = np.r_[tie_start[1:], sorted_value.size]
    ranks = ((tie_start + tie_end + 1) / 2)[tie] - first_of_item[sorted_index]  # 1-based within the item

    positives = np.bincount(index[positive], minlength=items.size)
    negatives = sizes - positives
    rank_sum = np.bincount(sorted_index, ranks * positive[order], items.size)
    kept = (positives >= max(1, min_labels)) & (negatives >= max(1, min_labels))
    p, n = positives[kept].astype(np.float64), negatives[kept].astype(np.float64)
    return ItemValues(items[kept], (rank_sum[kept] - p * (p + 1) / 2) / (p * n))


def precision_at(item: npt.ArrayLike, rank: npt.ArrayLike, k: int) -> ItemValues:
    """The paper's prec@K of each item: |top-K ∩ S_i| / min(K, |S_i|), S_i its held-out users (KDD 2019, section 4).

    Args:
        item: (n,) item of each held-out user.
        rank: (n,) where the item's ranking puts that user: 1 is best, infinity for a user outside the list.
        k: length of the list's head.
    """
    items, hits, held_out = _hits(item, rank, k)
    return ItemValues(items, hits / np.minimum(k, held_out))


def recall_in_top(item: npt.ArrayLike, rank: npt.ArrayLike, users: int, fraction: float) -> ItemValues:
    """The share of each item's held-out users that are in the top `fraction` of all candidate users.

    Args:
        item: (n,) item of each held-out user.
        rank: (n,) as in `precision_at`.
        users: candidates that were ranked.
        fraction: of the candidates, in (0, 1].
    """
    items, hits, held_out = _hits(item, rank, top_size(users, fraction))
    return ItemValues(items, hits / held_out)


def top_size(users: int, fraction: float) -> int:
    """How many users the top `fraction` holds: rounded up, at least one."""
    # 700 * 0.01 is 7.000000000000001 in floating point: the noise must not add a user
    return max(1, math.ceil(round(users * fraction, 6)))


def user_precision_recall(
    top: npt.ArrayLike, positives: npt.ArrayLike, k: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Precision@K and recall@K of the user model by itself: one value each for every user with a positive.

    Args:
        top: (users, ≥ k) item indices, best first; index 0 is padding and never a hit.
        positives: (users, p) the items acted on in the label window, 0-padded; repeats count once.
        k: length of the list's head.

    Raises:
        ValueError: fewer than k items per user, or different numbers of users.
    """
    ranked, wanted = np.asarray(top), np.asarray(positives)
    if ranked.ndim != 2 or ranked.shape[1] < k or wanted.shape[:1] != ranked.shape[:1]:
        raise ValueError(f"expected (users, >= {k}) and (users, p), found {ranked.shape} and {wanted.shape}")
    hits, sizes = np.zeros(len(ranked)), np.zeros(len(ranked))
    for start in range(0, len(ranked), _USERS_AT_ONCE):  # bounds the (users, k, p) comparison
        rows = slice(start, start + _USERS_AT_ONCE)
        head, labels = ranked[rows, :k], np.sort(wanted[rows], axis=1)
        hits[rows] = ((head[:, :, None] == labels[:, None, :]).any(axis=2) & (head != 0)).sum(axis=1)
        fresh = np.ones(labels.shape, dtype=bool)
        fresh[:, 1:] = labels[:, 1:] != labels[:, :-1]
        sizes[rows] = (fresh & (labels != 0)).sum(axis=1)
    kept = sizes > 0
    return hits[kept] / k, hits[kept] / sizes[kept]


def _hits(
    item: npt.ArrayLike, rank: npt.ArrayLike, k: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    items, index = np.unique(np.asarray(item), return_inverse=True)
    inside = np.asarray(rank, dtype=np.float64) <= k
    return items, np.bincount(index[inside], minlength=items.size), np.bincount(index, minlength=items.size)


def below(values: npt.NDArray[np.float64], ordered: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How many of `ordered`, in rising order, lie below each value, ties counting half."""
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2


def _grow(clusters: int) -> float:
    return clusters / (clusters - 1)
