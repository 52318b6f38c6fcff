"""MinHash buckets of users in an Arrow UDF over `user_fields`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from ralm.arrow.arrays import column, ragged_array
from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.minhash import MinHash
from udfs.shapes import Batches, BatchUdf


def bucket_users(space: FeatureSpace, minhash: MinHash, keep: Mapping[str, str]) -> BatchUdf:
    """For `mapInArrow` over users with the columns of the feature space: their buckets, without a shuffle.

    Args:
        space: which columns are which features.
        minhash: bands, rows, seed.
        keep: column -> Spark SQL type, passed through.

    Returns:
        Rows of the kept columns and `buckets` array<bigint>: one per band, none for a user without features.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            features = space.matrix(batch)
            filled = np.diff(features.indptr) > 0  # (n,)
            buckets = ragged_array(minhash.buckets(features)[filled].ravel(), filled * minhash.bands)
            yield pa.record_batch([*(column(batch, name) for name in keep), buckets], [*keep, "buckets"])

    return BatchUdf(run, ", ".join([*(f"`{name}` {kind}" for name, kind in keep.items()), "buckets array<bigint>"]))
