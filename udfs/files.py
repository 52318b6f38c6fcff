"""Arrow UDFs whose workers read a table's Parquet files themselves (`ralm.arrow.files`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ralm.arrow.arrays import column, rows_of
from ralm.arrow.files import file_batches
from udfs.shapes import Batches, BatchUdf


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
                for found in file_batches(files[place], wanted):
                    for name, value in keys.items():
                        found = found.filter(pc.equal(found.column(name), value))
                    yield found.select(list(columns))

    return BatchUdf(lambda batches: udf.run(rows(batches)), udf.schema)


def rows_with(name: str, values: pa.Array, schema: str) -> BatchUdf:
    """For `mapInArrow`: the rows of a schema whose column has one of some values, which travel with the function."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield rows_of(batch, name, values)

    return BatchUdf(run, schema)
