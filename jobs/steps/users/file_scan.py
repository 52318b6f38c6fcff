"""Work over all rows of a table's partition by Python workers that read its files themselves."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from udfs.files import read_files
from udfs.shapes import BatchUdf


def map_files(scan: DataFrame, columns: Sequence[str], udf: BatchUdf, **keys: str) -> DataFrame:
    """`scan.select(columns).mapInArrow(*udf)`, a task a file, without the way of the rows through the JVM.

    Args:
        scan: a pinned Delta snapshot, with conditions on its partition columns and on `keys` alone.
        columns: what the UDF reads, none of them a partition column.
        udf: over these columns.
        keys: conditions on columns that are in the files: column -> value.
    """
    files = sorted(scan.inputFiles())
    places = scan.sparkSession.range(0, len(files), 1, max(1, len(files)))
    return places.mapInArrow(*read_files(udf, files, columns, keys))
