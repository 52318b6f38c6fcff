"""Rows, and parts of rows, that leave a table in one commit, and the files of earlier versions.

All are MERGEs over a list of keys that is sent to all executors, so a table is looked through once whatever the number
of users. Files are written anew, without deletion vectors, which other readers of Delta refuse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from delta.tables import DeltaMergeBuilder, DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.warehouse.once import session_settings
from ralm.warehouse.warehouse import Warehouse

MARK = "forgotten"
METADATA = "spark.databricks.delta.commitInfo.userMetadata"
# Delta would gather each partition's rows in one task before it writes them: of a table of users, all of them.
AS_IT_LIES = {"spark.databricks.delta.merge.repartitionBeforeWrite.enabled": "false"}
# VACUUM lists folders in as many tasks as this says: 10,000 by default, however few folders there are.
LISTING = "spark.sql.sources.parallelPartitionDiscovery.parallelism"
PARALLEL = "spark.databricks.delta.vacuum.parallelDelete.enabled"
# The house sets the time: Delta would refuse a shorter one than its own, and take its own in place of any but 0.
IGNORED = "spark.databricks.delta.vacuum.retentionWindowIgnore.enabled"
CHECK = "spark.databricks.delta.retentionDurationCheck.enabled"


@dataclass(frozen=True)
class Erased:
    """What a commit erased: rows deleted or changed, files that were written anew or went, the table's new version."""

    rows: int
    files: int
    version: int


def erase_rows(warehouse: Warehouse, name: str, key: str, keys: DataFrame, mark: int) -> Erased | None:
    """Delete the rows of some keys; None: there are none.

    Args:
        warehouse: has the table.
        name: the table.
        key: SQL over a row `old` of the table.
        keys: (key), each once.
        mark: version of `forgotten`, kept in the commit.
    """
    rows = warehouse.read(name).alias("old").select(F.expr(key).alias("key"))
    if rows.join(keys, "key", "left_semi").isEmpty():
        return None
    merge = _target(warehouse, name).merge(keys.alias("new"), f"{key} = new.key").whenMatchedDelete()
    return _commit(warehouse, name, merge, mark)


def change_rows(
    warehouse: Warehouse,
    name: str,
    rows: DataFrame,
    same: Sequence[str],
    changed: Mapping[str, str],
    empty: str,
    mark: int,
) -> Erased | None:
    """Change some rows of a table; None: there are none.

    Args:
        warehouse: has the table.
        name: the table.
        rows: the columns `same`, and what `changed` needs.
        same: the columns that tell the table's rows apart.
        changed: column -> its new value, in SQL over `old` and `new`.
        empty: SQL over both: rows of which nothing is left go.
        mark: version of `forgotten`, kept in the commit.
    """
    found = rows.persist()
    try:
        if found.isEmpty():
            return None
        condition = " AND ".join(f"old.{column} = new.{column}" for column in same)
        merge = _target(warehouse, name).merge(F.broadcast(found).alias("new"), condition)
        merge = merge.whenMatchedDelete(empty).whenMatchedUpdate(set=dict(changed))
        return _commit(warehouse, name, merge, mark)
    finally:
        found.unpersist()


def last_erased(warehouse: Warehouse, name: str) -> int | None:
    """The last version of a table that erased something; None: none did that its log knows of."""
    if not warehouse.exists(name):
        return None
    marked = F.get_json_object("userMetadata", f"$.{MARK}").isNotNull()
    row = warehouse.history(name).where(marked).agg(F.max("version")).first()
    return None if row is None or row[0] is None else int(row[0])


def vacuum(warehouse: Warehouse, name: str, hours: float) -> None:
    """Delete the files of a table that no version of the last hours needs."""
    tasks = str(warehouse.spark.sparkContext.defaultParallelism)
    settings = {CHECK: "false", IGNORED: "false", PARALLEL: "true", LISTING: tasks}
    with session_settings(warehouse.spark, settings):
        DeltaTable.forPath(warehouse.spark, warehouse.table_path(name)).vacuum(hours)


def _target(warehouse: Warehouse, name: str) -> DeltaTable:
    return DeltaTable.forPath(warehouse.spark, warehouse.table_path(name)).alias("old")


def _commit(warehouse: Warehouse, name: str, merge: DeltaMergeBuilder, mark: int) -> Erased:
    with session_settings(warehouse.spark, {METADATA: json.dumps({MARK: mark}), **AS_IT_LIES}):
        merge.execute()
    own = F.get_json_object("userMetadata", f"$.{MARK}") == str(mark)
    last = warehouse.history(name).where(own).orderBy(F.desc("version")).select("version", "operationMetrics").first()
    assert last is not None  # another application may have written since, so it need not be the newest
    found = last["operationMetrics"]
    rows = sum(int(found.get(f"numTargetRows{what}", 0)) for what in ("Deleted", "Updated"))
    return Erased(rows, int(found.get("numTargetFilesRemoved", 0)), int(last["version"]))
