"""95 % intervals by resampling items: items are the independent units, impressions of one item are not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Values = npt.NDArray[np.float64]

_RESAMPLED_AT_ONCE = 4_000_000  # values held in memory by one batch of resamples


class Interval(NamedTuple):
    """A mean and its interval; low and high are NaN with fewer than two values."""

    mean: float
    low: float
    high: float


def interval(values: npt.ArrayLike, resamples: int = 1_000, seed: int = 1, level: float = 0.95) -> Interval:
    """The mean of one value per item, with its percentile bootstrap interval (Efron).

    Args:
        values: (items,) one number per item.
        resamples: how many times the items are drawn again, with replacement.
        seed: of the draws; the same seed gives the same interval.
        level: share of the resampled means inside the interval.

    Raises:
        ValueError: the values are not one-dimensional, or not all finite.
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or not np.isfinite(given).all():
        raise ValueError(f"values: expected a finite (items,) array, found shape {given.shape}")
    if given.size < 2:
        return Interval(float(given[0]) if given.size else np.nan, np.nan, np.nan)
    found = stats.bootstrap(
        (given,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, _RESAMPLED_AT_ONCE // given.size),
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(given.mean()), float(found.low), float(found.high))


def paired_difference(
    a: npt.ArrayLike, b: npt.ArrayLike, resamples: int = 1_000, seed: int = 1, level: float = 0.95
) -> Interval:
    """The mean of a − b over the same items, with its percentile bootstrap interval.

    Pairing removes what makes an item easy or hard for both systems, so the interval is narrower than that of two
    separate means.

    Args:
        a: (items,) values of one system.
        b: (items,) values of the other, in the same order of items.
        resamples: as in `interval`.
        seed: as in `interval`.
        level: as in `interval`.

    Raises:
        ValueError: the shapes differ, or a value is not finite.
    """
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.shape != right.shape:
        raise ValueError(f"a and b must hold the same items, found shapes {left.shape} and {right.shape}")
    return interval(left - right, resamples, seed, level)
