"""Arrow UDFs that rank users for items, from packs of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ralm.arrow.streams import narrow
from ralm.scoring.best_first import best_first
from udfs.packs import Part, unpacked_ranges
from udfs.shapes import Batches, BatchUdf

# Rows of a ranking that a worker returns at once.
RANKED_ROWS = 100_000


class Places(NamedTuple):
    """What becomes of the rows of each range (ranges,).

    Attributes:
        item_ids: of the range's item.
        buckets: of the item.
        above: rows of the item in better ranges.
        most: rows to take.
    """

    item_ids: Sequence[str]
    buckets: NDArray[np.int64]
    above: NDArray[np.int64]
    most: NDArray[np.int64]


def rank_packs(places: Places, user_id_type: str) -> BatchUdf:
    """For `mapInArrow` over packs, all of a group in one partition: one worker holds its pairs, some 50 bytes each.

    Returns:
        Rows (item_id, user_id, score, rank int, bucket int) in the order of the ranges, best users first, ties by user.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for place, users, scores in _candidates(batches):
            best = best_first(scores, users)[: max(0, places.most[place])]
            bucket = pa.scalar(int(places.buckets[place]), pa.int32())
            for start in range(0, len(best), RANKED_ROWS):
                rows = best[start : start + RANKED_ROWS]
                ids = users.take(pa.array(rows))
                ranks = places.above[place] + start + np.arange(1, len(rows) + 1)
                yield pa.record_batch(
                    [
                        pa.repeat(places.item_ids[place], len(rows)),
                        ids.cast(narrow(ids.type)),
                        pa.array(scores[rows]),
                        pa.array(ranks.astype(np.int32)),
                        pa.repeat(bucket, len(rows)),
                    ],
                    ["item_id", "user_id", "score", "rank", "bucket"],
                )

    return BatchUdf(run, f"item_id string, user_id {user_id_type}, score double, rank int, bucket int")


def count_packs() -> BatchUdf:
    """For `mapInArrow` over such packs: rows (range int, count bigint), how many users are left in each range."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        counts = {place: len(users) for place, users, _ in _candidates(batches)}
        yield pa.record_batch(
            [pa.array(list(counts), pa.int32()), pa.array(list(counts.values()), pa.int64())], ["range", "count"]
        )

    return BatchUdf(run, "range int, count bigint")


def _candidates(batches: Batches) -> Iterator[tuple[int, pa.Array, NDArray[np.float64]]]:
    """The ranges of a partition in their order, each with its users and scores, without those left out."""
    parts, left_out = unpacked_ranges(batches)
    for place in sorted(parts):
        users, scores = _joined(parts.pop(place))
        if place in left_out:
            kept = pc.invert(pc.is_in(users, value_set=pa.concat_arrays(left_out[place])))
            users, scores = users.filter(kept), scores[kept.to_numpy(zero_copy_only=False)]
        yield place, users, scores


def _joined(parts: Sequence[Part]) -> tuple[pa.Array, NDArray[np.float64]]:
    return pa.concat_arrays([users for users, _ in parts]), np.concatenate([scores for _, scores in parts])
