"""Scores of any look-alike system in Arrow UDFs over users: scores above the cuts, best items, samples, given pairs.

The items come from a scoring bundle that every worker process memory-maps; UDFs identify an item by its row there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import blob_array, column, ragged_array, scalars
from ralm.arrow.streams import narrow, packed, unpacked
from ralm.errors import DataError
from ralm.scoring.bundle import cached_scorer
from ralm.scoring.contract import BLOCK
from ralm.scoring.ranges import Ranges
from ralm.scoring.scorer import published
from ralm.scoring.thresholds import histogram
from udfs.packs import PACKED, PACKS, WaitingPairs
from udfs.shapes import Batches, BatchUdf


def score_users(bundle: str, user_id_type: str, ranges: Ranges, *, top_m: int = 0, block: int = BLOCK) -> BatchUdf:
    """For `mapInArrow` over users (user_id and the scorer's columns): audiences and recommendations in one pass.

    Args:
        bundle: path of a scoring bundle; its cuts say which scores are emitted.
        user_id_type: 'string' or 'bigint'.
        ranges: of the bundle's items.
        top_m: best items per user, whatever their score; 0: none.
        block: users per matrix product.

    Returns:
        Packs (`udfs/packs.py`) of the users whose published score is at or above the item's cut; and, where items are
        wanted, rows with `best` alone: users with their best items as an Arrow stream (`best_items`).
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        pairs = WaitingPairs(ranges)
        scorer, cuts = cached_scorer(bundle, block)
        for batch in batches:
            scores = scorer.score_batch(batch)  # (n, items)
            if top_m:
                best = packed(_best_items(column(batch, "user_id"), scores, top_m))
                yield pa.RecordBatch.from_pylist([{"best": best}], schema)
            rows, items, passed = passing(scores, cuts)
            yield from map(complete, pairs.add(column(batch, "user_id").take(pa.array(rows)), items, passed))
        yield from map(complete, pairs.packs())

    def complete(packs: pa.RecordBatch) -> pa.RecordBatch:
        return pa.record_batch([*packs.columns, pa.nulls(len(packs), pa.binary())], schema=schema)

    schema = pa.schema([*PACKED, ("best", pa.binary())])
    return BatchUdf(run, f"{PACKS}, best binary")


def best_items(user_id_type: str) -> BatchUdf:
    """For `mapInArrow` over rows (best binary): each user's best items, as `score_users` has packed them.

    Returns:
        Rows (user_id, top_items array<int>, top_scores array<double>), best first, ties by item row; none of a user
        who is a candidate for no item.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for blob in column(batch, "best"):
                table = unpacked(blob).combine_chunks()
                ids = column(table, "user_id")
                columns = [ids.cast(narrow(ids.type)), column(table, "top_items"), column(table, "top_scores")]
                yield pa.record_batch(columns, table.column_names)

    return BatchUdf(run, f"user_id {user_id_type}, top_items array<int>, top_scores array<double>")


def _best_items(users: pa.Array, scores: NDArray[np.floating[Any]], top_m: int) -> pa.RecordBatch:
    rounded = published(scores)
    best = top_items(rounded, top_m)  # (n, top)
    best_scores = np.take_along_axis(rounded, best, axis=1)
    listed = np.isfinite(best_scores)
    lengths = listed.sum(axis=1)
    kept = np.flatnonzero(lengths)
    columns = [ragged_array(values[listed], lengths[kept]) for values in (best, best_scores)]
    return pa.record_batch([users.take(pa.array(kept)), *columns], ["user_id", "top_items", "top_scores"])


def score_all(bundle: str, user_id_type: str, *, block: int = BLOCK) -> BatchUdf:
    """For `mapInArrow` over a probe or sample of such users: the published score with every item.

    Returns:
        Rows (user_id, scores binary): float64, one score per item row of the bundle (`blob_matrix`).
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        scorer, _ = cached_scorer(bundle, block)
        for batch in batches:
            scores = published(scorer.score_batch(batch))
            yield pa.record_batch([column(batch, "user_id"), blob_array(scores)], ["user_id", "scores"])

    return BatchUdf(run, f"user_id {user_id_type}, scores binary")


def score_histograms(bundle: str, edges: NDArray[np.float64], *, block: int = BLOCK) -> BatchUdf:
    """For `mapInArrow` over users: counts of published scores per bin, one part per partition.

    Args:
        bundle: path of a scoring bundle.
        edges: (bins + 1,), the same for the whole run (`thresholds.histogram_edges`).
        block: users per matrix product.

    Returns:
        Rows (item int, bin int, count bigint) of the bins that are not empty; sum them by item and bin.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        counts: NDArray[np.int64] | int = 0
        scorer, _ = cached_scorer(bundle, block)
        for batch in batches:
            counts = counts + histogram(published(scorer.score_batch(batch)), edges)
        if isinstance(counts, int):
            return
        item, place = np.nonzero(counts)
        yield pa.record_batch(
            [pa.array(item.astype(np.int32)), pa.array(place.astype(np.int32)), pa.array(counts[item, place])],
            ["item", "bin", "count"],
        )

    return BatchUdf(run, "item int, bin int, count bigint")


def score_pairs(bundle: str, keep: dict[str, str], *, block: int = BLOCK) -> BatchUdf:
    """For `mapInArrow` over given pairs (the scorer's columns, item_index, and the columns to keep): adds their score.

    Args:
        bundle: path of a scoring bundle.
        keep: column -> Spark SQL type, passed through.
        block: pairs per matrix product.

    Returns:
        Rows of the kept columns and `score` double, published.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            scorer, _ = cached_scorer(bundle, block)
            item = scalars(batch, "item_index")
            if len(item) and not 0 <= item.min() <= item.max() < scorer.items:
                raise DataError(f"item_index: {item.min()} to {item.max()} found, the bundle has {scorer.items} items")
            pairs = scorer.score_pairs(batch, item)
            yield pa.record_batch(
                [*(column(batch, name) for name in keep), pa.array(published(pairs))], [*keep, "score"]
            )

    return BatchUdf(run, ", ".join([*(f"`{name}` {kind}" for name, kind in keep.items()), "score double"]))


def passing(
    scores: NDArray[np.float32], cuts: NDArray[np.float64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Users' rows, item rows and published scores of all pairs at or above the item's cut, by user and item.

    Rounding all scores would cost more than rounding only those near the cut or above it.

    Args:
        scores: (n, items), not yet rounded; -inf: not a candidate.
        cuts: (items,), of published scores; None: nothing passes.
    """
    if cuts is None:
        cuts = np.full(scores.shape[1], np.inf)
    near = np.nextafter((cuts - 1e-6).astype(np.float32), np.float32(-np.inf))  # rounding adds half a millionth
    found = np.flatnonzero(scores >= near)  # in one dimension, which takes less than half of the time
    values = published(scores.ravel()[found])
    users, items = np.divmod(found, scores.shape[1])
    kept = (values >= cuts[items]) & np.isfinite(values)
    return users[kept], items[kept].astype(np.int32), values[kept]


def top_items(scores: NDArray[np.floating[Any]], top_m: int) -> NDArray[np.int32]:
    """The rows of the best items of every user, best first, ties by item row.

    Args:
        scores: (n, items), published: multiples of 1e-6; -inf (not a candidate) comes last.
        top_m: items wanted; all items if there are fewer.

    Returns:
        (n, min(top_m, items)).
    """
    count, items = scores.shape
    top = min(top_m, items)
    if top == 0 or count == 0:
        return np.zeros((count, top), dtype=np.int32)
    # Distinct whole numbers within a row make the selection unique, and cheaper than a stable sort.
    finite = np.isfinite(scores)
    lowest = scores.min(initial=0.0, where=finite) - 1.0
    keys = np.arange(items) - np.round(np.where(finite, scores, lowest) * 1e6).astype(np.int64) * items
    chosen = np.argpartition(keys, top - 1, axis=1)[:, :top]
    order = np.take_along_axis(keys, chosen, axis=1).argsort(axis=1)
    return np.take_along_axis(chosen, order, axis=1).astype(np.int32)
