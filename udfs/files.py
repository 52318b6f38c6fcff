"""Arrow UDFs whose workers read a table's Parquet files themselves.

Rows that Spark reads go to Python through the JVM, array elements one by one; pyarrow reads them directly into Arrow's
memory, which takes a third of the time in a job that does little else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ralm.arrow.arrays import column
from ralm.arrow.files import open_filesystem
from udfs.shapes import Batches, BatchUdf

# Rows per batch, as many as Spark sends at once.
ROWS = 10_000


def read_files(udf: BatchUdf, files: Sequence[str], columns: Sequence[str], keys: Mapping[str, str]) -> BatchUdf:
    """For `mapInArrow` over rows (id bigint), each a file's position in `files`: runs the UDF over the files' rows.

    Args:
        udf: of the columns.
        files: of a pinned snapshot, as Spark lists them, on a file system that pyarrow knows (local, hdfs, s3).
        columns: what the UDF reads.
        keys: column in the files -> the value that the wanted rows have.
    """
    wanted = list(dict.fromkeys([*columns, *keys]))

    def rows(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for place in column(batch, "id").to_pylist():
                filesystem, paths = open_filesystem([files[place]])
                with filesystem.open_input_file(paths[0]) as source:
                    # One thread: Spark has given the task only one core.
                    for found in pq.ParquetFile(source).iter_batches(ROWS, columns=wanted, use_threads=False):
                        for name, value in keys.items():
                            found = found.filter(pc.equal(found.column(name), value))
                        yield found.select(list(columns))

    return BatchUdf(lambda batches: udf.run(rows(batches)), udf.schema)
