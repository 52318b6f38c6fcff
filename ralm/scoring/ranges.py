"""Where the rows of large rankings are put in order: an item's scores in ranges, ranges in groups of one task each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Ranges:
    """The ranges of all items, in the order of their rows in the table: by item id, from the best scores down.

    Attributes:
        item: (ranges,), the item's row.
        group: (ranges,), rising: what one task ranks.
        limits: per item row, rising scores; from each of them on, a range begins that lies above it.
        parts: per item row, for each limit: how many ranges the users of just this score take, by their ids.
        ids: rising user ids, a sample by which such users are parted; None: no score has so many.
    """

    item: Ints
    group: Ints
    limits: Sequence[NDArray[np.float64]]
    parts: Sequence[Ints]
    ids: NDArray[Any] | None = None

    @staticmethod
    def of(
        sample: NDArray[np.float64],
        cuts: NDArray[np.float64],
        users: int,
        buckets: Ints,
        order: Ints,
        rows: int,
        ids: Callable[[], NDArray[Any]],
    ) -> Ranges:
        """Ranges of about `rows` rows, and groups of less than two ranges, as far as the sample tells.

        Args:
            sample: (sample, items), scores of sampled users; -inf: not a candidate.
            cuts: (items,), from which score on users are ranked.
            users: all users.
            buckets: (items,), of which a group has only one.
            order: (items,), the items' rows in the order of their ids; buckets rise along it.
            rows: of one task.
            ids: gives ids of sampled users; asked if a score has more than `rows` rows.
        """
        passing = (sample >= cuts) & np.isfinite(sample)
        expected = passing.mean(axis=0) * users  # rows per item
        counts = np.maximum(1, np.ceil(expected / rows)).astype(np.int64)
        limits, parts = list[NDArray[np.float64]](), list[Ints]()
        for scores, passed, count in zip(sample.T, passing.T, counts, strict=True):
            levels = np.arange(1, count) / count
            found, times = np.unique(np.quantile(scores[passed], levels) if count > 1 else levels, return_counts=True)
            limits.append(found)
            parts.append(times)
        lengths = np.array([1 + own.sum() for own in parts], dtype=np.int64)
        item = np.repeat(order, lengths[order])
        crowded = any((own > 1).any() for own in parts)
        groups = _groups(buckets[item], (expected / lengths)[item], rows)
        return Ranges(item, groups, limits, parts, np.sort(ids()) if crowded else None)

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.group[-1]) + 1 if len(self.group) else 0

    @cached_property
    def lengths(self) -> Ints:
        """(items,), how many ranges an item has."""
        return np.bincount(self.item, minlength=len(self.limits))

    @cached_property
    def first(self) -> Ints:
        """(items,), an item's best range."""
        starts = np.flatnonzero(np.diff(self.item, prepend=-1))
        first = np.empty(len(self.limits), dtype=np.int64)
        first[self.item[starts]] = starts
        return first

    def places(self, items: NDArray[np.integer[Any]], scores: NDArray[np.float64], users: pa.Array) -> Ints:
        """The range of each row (n,).

        Args:
            items: (n,), item rows.
            scores: (n,).
            users: (n,), ids.
        """
        found: Ints = self.first[items]
        several = np.flatnonzero(self.lengths > 1).tolist()
        if several:
            by_item = np.argsort(items.astype(np.int16 if len(self.limits) < 1 << 15 else np.int32), kind="stable")
            ends = np.bincount(items, minlength=len(self.limits)).cumsum()
            for item in several:
                rows = by_item[ends[item - 1] if item else 0 : ends[item]]
                found[rows] += self._better(item, scores[rows], users, rows)
        return found

    def _better(self, item: int, scores: NDArray[np.float64], users: pa.Array, rows: Ints) -> Ints:
        """How many ranges of the item lie above each score (n,), whose users are `users[rows]`."""
        limits, parts = self.limits[item], self.parts[item]
        reached = np.searchsorted(limits, scores, side="right")  # limits
        better: Ints = (parts.sum() - np.append(0, parts.cumsum()))[reached]
        if self.ids is not None:
            own = reached - 1
            tied = np.flatnonzero((reached > 0) & (parts[own] > 1) & (limits[own] == scores))
            ids = np.asarray(users.take(pa.array(rows[tied])).to_pylist(), dtype=self.ids.dtype.type)
            better[tied] += np.searchsorted(self.ids, ids) * parts[own[tied]] // (len(self.ids) + 1)
        return better

    def above(self, counts: Ints) -> Ints:
        """How many rows of the same item lie in better ranges, from the rows per range: (ranges,) both."""
        before = counts.cumsum() - counts
        return before - before[self.first[self.item]]


def _groups(buckets: Ints, expected: NDArray[np.float64], rows: int) -> Ints:
    """Consecutive ranges of a bucket in groups of like size: of `rows` rows at most, and of less than a range more."""
    groups = np.empty(len(buckets), dtype=np.int64)
    made = 0
    for bucket in np.unique(buckets):
        mine = np.flatnonzero(buckets == bucket)
        total = expected[mine].sum()
        count = max(1, math.ceil(total / rows))
        middle = expected[mine].cumsum() - expected[mine] / 2
        place = np.minimum(count - 1, middle * count // max(total, 1.0)).astype(np.int64)
        groups[mine] = made + np.unique(place, return_inverse=True)[1]
        made = int(groups[mine[-1]]) + 1
    return groups
