"""Writes that happen once: all of Delta's transaction options are set here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from ralm.errors import RalmError
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.warehouse import Warehouse

# Delta's own check compares each written row with a thousand listed values one by one, which took half of a round of
# `refresh`; the filter that stands in its place is a look-up in a set.
UNCHECKED = {"spark.databricks.delta.replaceWhere.constraintCheck.enabled": "false"}


@dataclass(frozen=True)
class Except:
    """Stands in a partition for all values of a column but these."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        return "others"


@dataclass(frozen=True)
class Commit:
    """A write: its version, the rows it wrote by Delta's own metrics (no job counts them), whether it was just made."""

    version: int
    rows: int
    new: bool


def replace(
    warehouse: Warehouse,
    name: str,
    frame: DataFrame,
    partition: dict[str, Any],
    *,
    app_id: str,
    attempt: int,
    run_id: str,
) -> Commit:
    """Replace one logical partition atomically, exactly once for (app_id, attempt).

    `partition` gives columns their values; a `range` or list stands for all that it holds, `Except` for all others.

    Returns:
        The commit; an old one where Delta skipped a write that an earlier try of the same attempt had made.
    """
    frame = warehouse.conform(name, frame)
    listed = {column.name for column in TABLES[name].columns}
    warehouse.create(name, StructType([f for f in frame.schema.fields if f.name not in listed]))
    before = warehouse.version(name)
    metadata = json.dumps({"app_id": app_id, "run_id": run_id, "attempt": attempt})
    condition = " AND ".join(_equals(c, v) for c, v in partition.items())
    listed_values = any(isinstance(value, list) for value in partition.values())
    if listed_values:
        frame = frame.where(condition)
    writer = (
        frame.write.format("delta")
        .mode("overwrite")
        .option("txnAppId", app_id)
        .option("txnVersion", attempt)
        .option("userMetadata", metadata)
    )
    writer = (
        writer.option("replaceWhere", condition)
        if partition
        # A schema that is overwritten takes its partitioning from the writer.
        else writer.option("overwriteSchema", "true").partitionBy(*TABLES[name].partition)
    )
    with session_settings(warehouse.spark, UNCHECKED if listed_values else {}):
        writer.save(warehouse.table_path(name))
    return _commit(warehouse, name, metadata, before)


def append(warehouse: Warehouse, name: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Append a few rows that the driver holds (run records, checks)."""
    warehouse.create(name)
    schema = TABLES[name].schema(warehouse.user_id)
    named = [dict(zip(schema.names, row, strict=True)) for row in rows]
    # As an Arrow table the rows go with the plan: no job distributes them first.
    frame = warehouse.spark.createDataFrame(
        pa.Table.from_pylist(named, to_arrow_schema(schema, timezone="UTC")), schema
    )
    frame.write.format("delta").mode("append").save(warehouse.table_path(name))


def append_once(warehouse: Warehouse, name: str, frame: DataFrame, *, app_id: str, number: int) -> None:
    """Append a frame exactly once for (app_id, number): a batch of a stream, a round."""
    writer = warehouse.conform(name, frame).write.format("delta").mode("append")
    writer.option("txnAppId", app_id).option("txnVersion", number).save(warehouse.table_path(name))


def merge_once(
    warehouse: Warehouse, name: str, rows: DataFrame, same: str, gone: str, *, app_id: str, number: int, metadata: str
) -> None:
    """Merge rows into a table exactly once for (app_id, number).

    Args:
        warehouse: has the table.
        name: the table.
        rows: with all of its columns.
        same: SQL condition under which a row `new` takes the place of a row `old` of the table.
        gone: SQL condition on a row `new` that deletes its `old` one; such a row is not inserted.
        app_id: of the stream.
        number: of the batch.
        metadata: of the commit, for the table's history.
    """
    spark = rows.sparkSession  # a stream's batches have a session of their own
    target = DeltaTable.forPath(spark, warehouse.table_path(name)).alias("old")
    merge = target.merge(rows.alias("new"), same).whenMatchedDelete(gone).whenMatchedUpdateAll()
    prefix = "spark.databricks.delta"  # a MERGE has no writer to give options to
    settings = {
        f"{prefix}.write.txnAppId": app_id,
        f"{prefix}.write.txnVersion": str(number),
        f"{prefix}.commitInfo.userMetadata": metadata,
    }
    with session_settings(spark, settings):
        merge.whenNotMatchedInsertAll(f"NOT ({gone})").execute()


def insert_new(warehouse: Warehouse, name: str, rows: DataFrame, key: str) -> None:
    """Insert the rows whose key the table lacks; of two writers at once one fails, since both read the whole table."""
    target = DeltaTable.forPath(warehouse.spark, warehouse.table_path(name)).alias("old")
    target.merge(rows.alias("new"), f"old.{key} = new.{key}").whenNotMatchedInsertAll().execute()


def _commit(warehouse: Warehouse, name: str, metadata: str, before: int) -> Commit:
    """The newest commit with this user metadata: the last one, unless another application has written since."""
    newest = warehouse.newest_commit(name)
    if newest is None or newest[1].get("userMetadata") != metadata:
        history = warehouse.history(name).select("version", "userMetadata", "operationMetrics")
        row = history.where(F.col("userMetadata") == metadata).orderBy(F.desc("version")).first()
        newest = None if row is None else (int(row["version"]), row.asDict())
    if newest is not None:
        rows = int((newest[1].get("operationMetrics") or {}).get("numOutputRows", 0))
        return Commit(newest[0], rows, new=newest[0] > before)
    raise RalmError(f"table '{name}': the commit {metadata} is not in its history any more; run with --force")


@contextmanager
def session_settings(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Settings of the session inside the block: for what has no options of its own."""
    for key, value in settings.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key in settings:
            spark.conf.unset(key)


def _equals(column: str, value: Any) -> str:
    if isinstance(value, range):
        return f"{column} >= {value.start} AND {column} < {value.stop}"
    if isinstance(value, Except):
        listed = ", ".join(map(_literal, value.values))
        return f"{column} NOT IN ({listed})" if listed else "true"
    if isinstance(value, list):
        return f"{column} IN ({', '.join(map(_literal, value))})"
    return f"{column} = {_literal(value)}"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
