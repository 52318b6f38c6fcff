"""Work over all rows of a table's partition by Python workers, or the driver, which read the files themselves."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pyspark.sql import DataFrame

from ralm.arrow.files import file_batches
from ralm.scoring.kmeans import single_thread
from ralm.spark.session import on_one_machine
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


def held_files(scan: DataFrame, columns: Sequence[str], udf: BatchUdf) -> pa.Table:
    """`map_files(scan, columns, udf).toArrow()`, whose rows the driver can hold.

    On one machine the driver does the work: it has the libraries in memory, which new workers import for longer than a
    million users take.
    """
    if on_one_machine(scan.sparkSession):
        files = sorted(scan.inputFiles())
        with single_thread():  # as in a task: threads that share a core wait for each other at every product
            found = list(udf.run(batch for file in files for batch in file_batches(file, columns)))
        if found:
            return pa.Table.from_batches(found)
    return map_files(scan, columns, udf).toArrow()
