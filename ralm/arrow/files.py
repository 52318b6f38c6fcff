"""Parquet files as Spark lists them, opened and read by pyarrow: in training ranks and in Python workers.

Rows that Spark reads go to Python through the JVM, array elements one by one; pyarrow reads them directly into Arrow's
memory, which takes a third of the time in a job that does little else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from ralm.storage.filesystem import open_filesystem

# Rows per batch, as many as Spark sends at once.
ROWS = 10_000


def file_batches(file: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a file on a file system that pyarrow knows (local, hdfs, s3), in batches.

    Args:
        file: as Spark lists it.
        columns: that are read.
    """
    filesystem, paths = open_filesystem([file])
    with filesystem.open_input_file(paths[0]) as source:
        # One thread: Spark has given the task only one core.
        yield from pq.ParquetFile(source).iter_batches(ROWS, columns=list(columns), use_threads=False)
