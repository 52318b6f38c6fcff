"""What is left of a table whose creator was killed: a log without a commit, which Delta takes for a table."""

from __future__ import annotations

import time

from pyspark.sql import SparkSession

# A creator that is at work has committed by then.
PATIENCE_SECONDS = 10.0


def clear_half_made(spark: SparkSession, path: str) -> None:
    """Remove a log in which there is no commit, so that the table can be created.

    Whoever makes the table at this moment gets some seconds to commit; if it does so later, Delta refuses its commit,
    since the table is there then.

    Args:
        spark: the session; of Spark Connect it has no file systems, and nothing is done.
        path: of the table's folder.
    """
    jvm = getattr(spark, "_jvm", None)
    if jvm is None:
        return
    log = jvm.org.apache.hadoop.fs.Path(f"{path}/_delta_log")
    files = log.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    if not files.exists(log):
        return
    limit = time.monotonic() + PATIENCE_SECONDS
    while not _commits(found := [entry.getPath() for entry in files.listStatus(log)]):
        if time.monotonic() > limit:
            # Files first, then the empty folder: a commit that comes between is never deleted.
            for file in found:
                files.delete(file, False)
            if not files.listStatus(log):
                files.delete(log, False)
            return
        time.sleep(0.2)


def _commits(found: list[object]) -> bool:
    """Whether there is more than what is being written, whose names begin with a dot or an underscore."""
    return any(not str(path.getName()).startswith((".", "_")) for path in found)  # type: ignore[attr-defined]
