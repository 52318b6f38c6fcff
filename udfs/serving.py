"""Records of a key-value store in Arrow UDFs: made from rows, and written shard by shard from the executors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ralm.arrow.arrays import blob_array, column, matrix, scalars
from ralm.serving.export import item_records
from ralm.serving.manifest import Layer
from ralm.serving.records import encode_users
from ralm.serving.stores import open_store
from udfs.shapes import Batches, BatchUdf, StreamedGroupUdf

RECORDS = "key string, record binary"


def user_rows() -> BatchUdf:
    """For `mapInArrow` over rows of `target_embeddings`: (key, record)."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                records = blob_array(encode_users(scalars(batch, "bias"), matrix(batch, "embedding")))
                yield _rows(column(batch, "user_id").cast(pa.string()), records)

    return BatchUdf(run, RECORDS)


def item_rows(weights: Mapping[str, NDArray[Any]]) -> BatchUdf:
    """For `mapInArrow` over rows of `seed_clusters` with their `cutoff` (NULL: none): (key, record).

    Args:
        weights: of the look-alike model, as `ralm.models.weights.export_weights` gives them.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if not batch.num_rows:
                continue
            sizes = matrix(batch, "sizes").astype(np.int32)  # (n, k)
            centroids = matrix(batch, "centroids").reshape(*sizes.shape, -1)
            cutoffs = pc.fill_null(column(batch, "cutoff"), np.nan).to_numpy(zero_copy_only=False)
            records = [record.encode() for record in item_records(weights, centroids, sizes, cutoffs)]
            yield _rows(column(batch, "item_id"), pa.array(records, pa.binary()))

    return BatchUdf(run, RECORDS)


def write_shard(url: str, kind: str, layer: Layer) -> StreamedGroupUdf:
    """For `groupBy("shard").applyInArrow` over (shard, key, record): writes the shard, and reports what it holds.

    A task holds one batch of a shard at a time. A repeated run replaces what an earlier try wrote.

    Returns:
        Rows (shard, records, bytes).
    """

    def run(group: tuple[pa.Scalar, ...], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        shard, sizes = group[0].as_py(), [0]

        def rows() -> Iterator[tuple[str, bytes]]:
            for batch in batches:
                keys, records = batch.column("key").to_pylist(), batch.column("record").to_pylist()
                sizes.append(sum(map(len, records)))
                yield from zip(keys, records, strict=True)

        count = open_store(url).write(kind, layer, shard, rows())
        yield pa.RecordBatch.from_pydict({"shard": [shard], "records": [count], "bytes": [sum(sizes)]})

    return StreamedGroupUdf(run, "shard bigint, records bigint, bytes bigint")


def _rows(keys: pa.Array, records: pa.Array) -> pa.RecordBatch:
    return pa.record_batch([keys, records], ["key", "record"])
