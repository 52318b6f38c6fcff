"""User fields in an Arrow UDF: vocabulary look-ups without a shuffle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from ralm.features.user_fields import FieldIndexer


def index_users(indexer: FieldIndexer) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """For `mapInArrow` over `join_profiles`; gives the columns of `output_schema`."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield indexer.index_batch(batch)

    return run
