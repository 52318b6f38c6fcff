"""The newest rows of each (user, domain) among many, by sorting arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def newest_rows(groups: Integers, times: Integers, features: pa.Array, lengths: Sequence[int]) -> Integers:
    """Which rows are among the newest of their group, by group, newest first, ties by feature.

    Args:
        groups: (n,) user · domains + domain, the user being an index from 0.
        times: (n,) any unit.
        features: (n,) strings.
        lengths: rows kept in each domain.

    Returns:
        Positions (kept,) of the rows.
    """
    if not len(groups):
        return np.zeros(0, np.int64)
    order = _newest_first(groups, times)
    _settle_ties(order, groups, times, features)
    ordered = groups[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))  # of each group
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    kept: Integers = order[rank < np.asarray(lengths)[ordered % len(lengths)]]
    return kept


def _newest_first(groups: Integers, times: Integers) -> Integers:
    """Rows by group, newest first, in one sort of 64-bit keys if both fit in."""
    ages = times.max() - times
    bits = int(ages.max()).bit_length()
    if int(groups.max()).bit_length() + bits < 63:
        order: Integers = np.argsort((groups << bits) | ages)
    else:
        order = np.lexsort((ages, groups))
    return order


def _settle_ties(order: Integers, groups: Integers, times: Integers, features: pa.Array) -> None:
    """Put the rows of one group and time into the order of their features, in place."""
    same = (np.diff(groups[order]) == 0) & (np.diff(times[order]) == 0)
    if not same.any():
        return
    tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))  # places in the order
    rows = order[tied]
    number = np.cumsum(~np.insert(same, 0, False)[tied])  # which run of ties
    table = pa.table({"run": number, "feature": features.take(pa.array(rows))})
    order[tied] = rows[pc.sort_indices(table, sort_keys=[("run", "ascending"), ("feature", "ascending")]).to_numpy()]
