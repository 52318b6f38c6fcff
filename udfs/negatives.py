"""Training rows of the user model's labels in an Arrow UDF: positives in rows of one width, with their negatives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import column, list_array, scalars
from ralm.config import UserSamples
from ralm.features.negatives import draw_negatives
from udfs.shapes import Batches, BatchUdf


def label_rows(items: int, config: UserSamples, seed: int, user_id_type: str) -> BatchUdf:
    """For `mapInArrow` over (user_id, user_key bigint, positives array<int>, known array<int>).

    Args:
        items: D, the size of the label domain's vocabulary; no user knows all items.
        config: P positives per row, negatives per positive, redraws.
        seed: of the draws.
        user_id_type: Spark SQL type of user_id.

    Returns:
        Rows (user_id, user_key, positives of P, negatives of negatives·P, flat), as many as the positives need;
        0-padded.
    """
    width = config.positives_per_row

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            labels, counts = _lists(batch, "positives")
            known, known_counts = _lists(batch, "known")
            rows = -(-counts // width)  # of each user
            if not rows.sum():
                continue
            user = np.repeat(np.arange(len(counts)), rows)
            padded = np.zeros((len(user), width), np.int64)
            # A user's positives are spread in order over the user's rows.
            first = np.cumsum(rows) - rows
            within = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
            padded.reshape(-1)[np.repeat(first * width, counts) + within] = labels
            ends = np.cumsum(known_counts)
            spread = np.repeat(ends, rows), np.repeat(known_counts, rows)
            taken = _ranges(spread[0] - spread[1], spread[1])
            drawn = draw_negatives(
                scalars(batch, "user_key")[user],
                padded,
                (known[taken], np.cumsum(spread[1])),
                items,
                config.negatives,
                config.redraws,
                seed,
            )
            ids = batch.select(["user_id", "user_key"]).take(pa.array(user))
            yield pa.record_batch(
                [
                    column(ids, "user_id"),
                    column(ids, "user_key"),
                    list_array(padded.astype(np.int32)),
                    list_array(drawn.reshape(len(user), -1).astype(np.int32)),
                ],
                ["user_id", "user_key", "positives", "negatives"],
            )

    return BatchUdf(run, f"user_id {user_id_type}, user_key bigint, positives array<int>, negatives array<int>")


def _lists(batch: pa.RecordBatch, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The values of all lists (total,), and the lists' lengths (n,)."""
    array = column(batch, name)
    return array.flatten().to_numpy().astype(np.int64), array.value_lengths().to_numpy().astype(np.int64)


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """start, start + 1, … of each length, one after the other."""
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)  # type: ignore[no-any-return]
