"""Where to cut an audience: found from a probe, a sample or a histogram, never from the full users × items matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]

HISTOGRAM_BINS = 200


def exposure_threshold(scores: Scores, fraction: float) -> float:
    """The lowest score in the top `fraction` of the probed users (the talk: 5 % or 10 %).

    Args:
        scores: (probe,), published scores of the probed users for one item.
        fraction: in (0, 1].

    Returns:
        The ⌈fraction · probe⌉-th largest score.

    Raises:
        ValueError: no scores, or a fraction out of range.
    """
    if len(scores) == 0 or not 0 < fraction <= 1:
        raise ValueError(f"exposure threshold: a probe and a fraction in (0, 1] expected, found {fraction}")
    # Slightly below the product: 0.05 · 100 must give 5, not ceil(5.000000000000001).
    rank = max(1, math.ceil(fraction * len(scores) - 1e-9))
    return float(np.partition(scores, len(scores) - rank)[len(scores) - rank])


def quantiles(scores: Scores, levels: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)) -> list[float]:
    """The scores at the given levels, from 0 (the smallest) to 1."""
    return [float(value) for value in np.quantile(scores.astype(np.float64), levels)]


def histogram_edges(low: float, high: float, bins: int = HISTOGRAM_BINS) -> NDArray[np.float64]:
    """The edges (bins + 1,) of equal bins, fixed for a run, so that the counts of partitions can be added.

    Raises:
        ValueError: low is not below high.
    """
    if not low < high:
        raise ValueError(f"histogram: low < high expected, found {low} and {high}")
    return np.linspace(low, high, bins + 1)


def histogram(scores: Scores, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Counts per bin; scores outside are counted in the first or last bin, so that the counts sum to all scores.

    Args:
        scores: (n,) for one item, or (n, items).
        edges: (bins + 1,), equally spaced.

    Returns:
        (bins,), or (items, bins).
    """
    bins = len(edges) - 1
    columns = scores[:, None] if scores.ndim == 1 else scores  # (n, items)
    # A search instead of a division: a score on an edge belongs to the bin that starts there.
    places = np.clip(np.searchsorted(edges, columns, side="right") - 1, 0, bins - 1)
    items = columns.shape[1]
    counts = np.bincount((places + np.arange(items) * bins).ravel(), minlength=items * bins).reshape(items, bins)
    return counts[0] if scores.ndim == 1 else counts


def cut_for_top(sample: Scores, users: int, wanted: int, margin: float = 1e-4) -> NDArray[np.float64]:
    """A cut that at least `wanted` of all users reach, except with a probability of at most `margin`.

    Fewer than `wanted` users reach the r-th largest of s sampled scores only if r of the sample lie among the
    `wanted` − 1 best users. That count is hypergeometric; its upper tail is below that of the binomial with s draws
    and probability (wanted − 1) / users (Hoeffding 1963, theorem 4), whose quantile gives r.

    Args:
        sample: (s,) or (s, items), published scores of users drawn without replacement.
        users: all users.
        wanted: users that should pass, for each item.
        margin: probability of too few users, per item.

    Returns:
        () or (items,): the cut; −inf if the sample is too small to cut anything.

    Raises:
        ValueError: wanted, users or margin out of range.
    """
    from scipy.stats import binom  # most who import this file never need it, and it takes a second

    size = len(sample)
    if not 0 < margin < 1 or wanted < 1 or users < size:
        raise ValueError(
            f"cut: wanted >= 1, users >= sample and 0 < margin < 1 expected, found {wanted}, {users}, {margin}"
        )
    # With everyone in the sample, nothing is left to chance.
    rank = wanted if size >= users else int(binom.isf(margin, size, min(1.0, (wanted - 1) / users))) + 1
    if rank > size or wanted > users:
        return np.full(sample.shape[1:], -np.inf)
    return np.asarray(np.partition(sample, size - rank, axis=0)[size - rank], dtype=np.float64)
