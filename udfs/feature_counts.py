"""How many users of each item have each feature: partial counts per partition, in an Arrow UDF."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from ralm.arrow.arrays import column
from ralm.baselines.feature_space import FeatureSpace
from udfs.shapes import Batches, BatchUdf

# Counts that a worker holds before it emits them: 64 MB.
HELD_COUNTS = 4_000_000


def count_features(space: FeatureSpace, item_column: str, items: int) -> BatchUdf:
    """For `mapInArrow` over users with the columns of the feature space and a list of items.

    Args:
        space: which columns are which features.
        item_column: array<int>, the items that a user belongs to, by their row.
        items: how many items there are.

    Returns:
        Rows (item_index int, feature int, users bigint), to be summed by item and feature: the shuffle carries one row
        per partition, item and feature instead of one per user and feature. The feature after the last one counts all
        users.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        held: sparse.csr_matrix | None = None
        for batch in batches:
            lists = column(batch, item_column)
            user = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
            item = pc.list_flatten(lists).to_numpy(zero_copy_only=False)
            members = sparse.csr_matrix((np.ones(len(item), np.int64), (item, user)), shape=(items, batch.num_rows))
            features = space.matrix(batch).astype(np.int64)
            everyone = sparse.csr_matrix(np.ones((batch.num_rows, 1), np.int64))
            counts = members @ sparse.hstack([features, everyone], format="csr")  # (items, features + 1)
            held = counts if held is None else held + counts
            if held.nnz > HELD_COUNTS:
                yield _rows(held)
                held = None
        if held is not None:
            yield _rows(held)

    return BatchUdf(run, "item_index int, feature int, users bigint")


def _rows(counts: sparse.csr_matrix) -> pa.RecordBatch:
    listed = counts.tocoo()
    return pa.record_batch(
        [pa.array(listed.row.astype(np.int32)), pa.array(listed.col.astype(np.int32)), pa.array(listed.data)],
        ["item_index", "feature", "users"],
    )
