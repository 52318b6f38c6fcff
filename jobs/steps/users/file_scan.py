"""Work over all rows of a table's partition by Python workers that read the table's files themselves."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from udfs.files import read_files
from udfs.shapes import BatchUdf


def map_files(scan: DataFrame, columns: Sequence[str], udf: BatchUdf, **keys: str) -> DataFrame:
    """`scan.select(columns).mapInArrow(*udf)`, one task per file, without sending rows through the JVM.

    Args:
        scan: a pinned Delta snapshot, with conditions on its partition columns and on `keys` alone.
        columns: what the UDF reads, none of them a partition column.
        udf: over these columns.
        keys: column stored in the files -> the value that its rows must have.
    """
    files = sorted(scan.inputFiles())
    places = scan.sparkSession.range(0, len(files), 1, max(1, len(files)))
    return places.mapInArrow(*read_files(udf, files, columns, keys))
