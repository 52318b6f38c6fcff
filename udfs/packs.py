"""Pairs of users and items packed for the shuffle.

A shuffle of rows serialises each pair by itself; here all pairs of a group of items travel in one row.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import column, ragged_array, scalars
from ralm.arrow.streams import packed, unpacked
from ralm.scoring.ranges import Ranges
from udfs.shapes import Batches, BatchUdf

# Pairs that a worker packs at once; sorting them takes some 60 bytes each.
PACKED_PAIRS = 1_000_000
# A pack holds pairs of one group: its ranges with their numbers of pairs, and the users, range by range. `scores` are
# their float64; NULL: the users are left out of the ranges.
PACKS = "group int, ranges array<int>, counts array<int>, users binary, scores binary"
PACKED = pa.schema(
    [
        ("group", pa.int32()),
        ("ranges", pa.list_(pa.int32())),
        ("counts", pa.list_(pa.int32())),
        ("users", pa.binary()),
        ("scores", pa.binary()),
    ]
)

Ints = NDArray[np.int64]
# The users of a range in one pack, and their scores.
Part = tuple[pa.Array, NDArray[np.float64]]


class WaitingPairs:
    """Pairs of users and items that wait to be packed: their ranges follow from `ranges`."""

    def __init__(self, ranges: Ranges) -> None:
        self.ranges = ranges
        self._clear()

    def _clear(self) -> None:
        self.users: list[pa.Array] = []
        self.items: list[NDArray[np.int32]] = []
        self.scores: list[NDArray[np.float64]] = []
        self.count = 0

    def add(self, users: pa.Array, items: NDArray[np.int32], scores: NDArray[np.float64]) -> Iterator[pa.RecordBatch]:
        """Pairs (n,) of users and item rows, with their scores; gives packs once there are enough pairs."""
        self.users.append(users)
        self.items.append(items)
        self.scores.append(scores)
        self.count += len(users)
        if self.count >= PACKED_PAIRS:
            yield from self.packs()

    def packs(self) -> Iterator[pa.RecordBatch]:
        """Packs of all that wait."""
        if self.count:
            users, scores = pa.concat_arrays(self.users), np.concatenate(self.scores)
            places = self.ranges.places(np.concatenate(self.items), scores, users)
            yield _packs(self.ranges, users, places, scores)
        self._clear()


def pack_left_out(ranges: Ranges) -> BatchUdf:
    """For `mapInArrow` over pairs (item int, user_id) to leave out: packs without scores, for all ranges of an item."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            items = scalars(batch, "item")
            lengths = ranges.lengths[items]
            rows = np.repeat(np.arange(len(items)), lengths)
            within = np.arange(len(rows)) - np.repeat(lengths.cumsum() - lengths, lengths)
            users = column(batch, "user_id").take(pa.array(rows))
            yield _packs(ranges, users, ranges.first[items][rows] + within, None)

    return BatchUdf(run, PACKS)


def unpacked_ranges(batches: Batches) -> tuple[dict[int, list[Part]], dict[int, list[pa.Array]]]:
    """Range -> its parts, and range -> users to leave out, of all packs of a partition."""
    parts: dict[int, list[Part]] = {}
    left_out: dict[int, list[pa.Array]] = {}
    for batch in batches:
        for places, counts, ids, blob in zip(*(batch.column(name) for name in PACKED.names[1:]), strict=True):
            users = unpacked(ids).column("user_id").combine_chunks()
            scores = np.frombuffer(blob.as_buffer(), np.float64) if blob.is_valid else None
            start = 0
            for place, count in zip(places.as_py(), counts.as_py(), strict=True):
                mine = users.slice(start, count)
                if scores is None:
                    left_out.setdefault(place, []).append(mine)
                else:
                    parts.setdefault(place, []).append((mine, scores[start : start + count]))
                start += count
    return parts, left_out


def _packs(ranges: Ranges, ids: pa.Array, places: Ints, scores: NDArray[np.float64] | None) -> pa.RecordBatch:
    """One pack per group of the pairs (n,) of users and ranges; few ranges are sorted by their digits."""
    order = np.argsort(places.astype(np.int16 if len(ranges.item) < 1 << 15 else np.int32), kind="stable")
    users = ids.take(pa.array(order))
    counts = np.bincount(places, minlength=len(ranges.item))
    found = np.flatnonzero(counts)
    groups, first, held = np.unique(ranges.group[found], return_index=True, return_counts=True)
    ends = counts[found].cumsum()[first + held - 1]
    bounds = list(zip(np.concatenate([[0], ends])[:-1].tolist(), ends.tolist(), strict=True))
    ordered = None if scores is None else scores[order]
    columns = [
        pa.array(groups.astype(np.int32)),
        ragged_array(found.astype(np.int32), held),
        ragged_array(counts[found].astype(np.int32), held),
        pa.array([packed(pa.record_batch([users[a:b]], ["user_id"])) for a, b in bounds], pa.binary()),
        pa.array([None if ordered is None else ordered[a:b].tobytes() for a, b in bounds], pa.binary()),
    ]
    return pa.record_batch(columns, schema=PACKED)
