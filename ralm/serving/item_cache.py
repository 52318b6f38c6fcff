"""Decoded items side by side in arrays, so that a request is scored by a few array operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralm.serving.records import Floats, ItemRecord


class ItemArrays(NamedTuple):
    """Items as in `ItemRecord`, one per row: (rows, k, h), (rows, k), (rows, h), (rows, d) and (rows,)."""

    centroids: Floats
    shares: Floats
    global_embeddings: Floats
    directions: Floats
    cutoffs: NDArray[np.float64]

    @staticmethod
    def empty(rows: int, k: int, h: int, d: int) -> ItemArrays:
        """Room for so many items."""
        shapes = ((rows, k, h), (rows, k), (rows, h), (rows, d))
        centroids, shares, common, directions = (np.empty(shape, np.float32) for shape in shapes)
        return ItemArrays(centroids, shares, common, directions, np.empty(rows))


class ItemCache:
    """Items of one release.

    Args:
        lookup: gives the records of items, None for unknown ones.
        limit: items kept; (k · h + d) · 4 bytes each.
    """

    def __init__(self, lookup: Callable[[Sequence[str]], list[bytes | None]], limit: int) -> None:
        self.lookup = lookup
        self.limit = limit
        self.row: dict[str, int] = {}
        self.arrays = ItemArrays.empty(0, 0, 0, 0)

    def rows(self, items: Sequence[str]) -> NDArray[np.int64]:
        """The row (n,) of each item; -1: unknown. Missing items are read; if need be, the others are dropped."""
        missing = list(dict.fromkeys(item for item in items if item not in self.row))
        if len(self.row) + len(missing) > self.limit:
            self.row, missing = {}, list(dict.fromkeys(items))
        if missing:
            found = zip(missing, self.lookup(missing), strict=True)
            self._add({item: ItemRecord.decode(content) for item, content in found if content is not None})
        return np.fromiter((self.row.get(item, -1) for item in items), np.int64, len(items))

    def _add(self, records: dict[str, ItemRecord]) -> None:
        for item, record in records.items():
            row = len(self.row)
            if row == len(self.arrays.cutoffs):
                shape = (*record.centroids.shape, len(record.direction))
                self._make_room(max(2 * row, min(len(records), self.limit)), *shape)
            arrays = self.arrays
            arrays.centroids[row], arrays.shares[row] = record.centroids, record.shares
            arrays.global_embeddings[row], arrays.directions[row] = record.global_embedding, record.direction
            arrays.cutoffs[row] = record.cutoff
            self.row[item] = row  # last: a damaged record has no row

    def _make_room(self, rows: int, k: int, h: int, d: int) -> None:
        before, self.arrays = self.arrays, ItemArrays.empty(rows, k, h, d)
        if self.row:
            pairs: Iterable[tuple[NDArray[Any], NDArray[Any]]] = zip(before, self.arrays, strict=True)
            for old, new in pairs:
                new[: len(old)] = old
