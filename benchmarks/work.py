"""A Spark session on this machine and a folder for a benchmark's tables."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession

from ralm.config import Spark
from ralm.spark.session import get_session

# Where the tables go, up to 20 GB; by default the folder of temporary files (TMPDIR).
FOLDER = "RALM_BENCHMARK_FOLDER"


@contextmanager
def workspace(
    name: str, driver_memory: str = "8g", conf: Mapping[str, str] | None = None
) -> Iterator[tuple[SparkSession, str]]:
    """A session on all cores, and a folder that is removed at the end.

    Args:
        name: of the application and the folder.
        driver_memory: of the session.
        conf: further settings of the session; `{folder}` in a value is the folder.
    """
    with tempfile.TemporaryDirectory(prefix=f"ralm-{name}-", dir=os.environ.get(FOLDER)) as folder:
        settings = Spark(
            driver_memory=driver_memory,
            shuffle_partitions=8,
            conf={key: value.replace("{folder}", folder) for key, value in (conf or {}).items()},
        )
        spark = get_session(f"benchmark {name}", settings)
        try:
            yield spark, folder
        finally:
            spark.stop()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def saved(frame: DataFrame, path: str, *partition: str) -> DataFrame:
    """Write a Delta table, partitioned by the named columns, replacing what is there, and read it."""
    writer = frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer.partitionBy(*partition).save(path)
    return frame.sparkSession.read.format("delta").load(path)
