"""Clicked items as bits, per user, in an Arrow UDF."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from ralm.arrow.arrays import column, list_array
from ralm.models.clicked_bits import clicked_bits
from udfs.shapes import Batches, BatchUdf


def clicked_bitmaps(words: int, user_id_type: str) -> BatchUdf:
    """For `mapInArrow` over users (user_id, items array<int>): the bits of their items.

    Args:
        words: of `clicked_words`, at least 1.
        user_id_type: 'string' or 'bigint'.

    Returns:
        Rows (user_id, clicked array<int>), `words` numbers each.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            items = column(batch, "items")
            bits = clicked_bits(items.flatten().to_numpy(), pc.list_value_length(items).to_numpy(), words)
            yield pa.record_batch([column(batch, "user_id"), list_array(bits)], ["user_id", "clicked"])

    return BatchUdf(run, f"user_id {user_id_type}, clicked array<int>")
