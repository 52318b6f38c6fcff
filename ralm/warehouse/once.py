"""Writes that happen once: all of Delta's transaction options are set here."""

from __future__ import annotations

import json
import uuid
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
from ralm.warehouse.meanwhile import Written, other_run, retried, said
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
    """A write.

    Attributes:
        version: of the table.
        rows: that it wrote, by Delta's own metrics (no job counts them).
        new: whether it was just made.
        run_id: of the run that made it: another one's where Delta skipped a write whose number was taken.
        after: the run that had written to the same rows first, so that the write was made again; None: there was none.
    """

    version: int
    rows: int
    new: bool
    run_id: str
    after: str | None = None


def replace(
    warehouse: Warehouse,
    name: str,
    frame: DataFrame,
    partition: dict[str, Any],
    *,
    app_id: str,
    attempt: int,
    run_id: str,
    since: int | None = None,
) -> Commit:
    """Replace one logical partition atomically, exactly once for (app_id, attempt).

    `partition` gives columns their values; a `range` or list stands for all that it holds, `Except` for all others.
    With `since`, the rows follow from what the table held at that version: they are written while it is the newest, or
    not at all.

    Returns:
        The commit; an old one where Delta skipped a write that an earlier try of the same attempt had made.

    Raises:
        RalmError: another application has written to the table: since that version, or at each try. Nothing is written.
    """
    frame = warehouse.conform(name, frame)
    listed = {column.name for column in TABLES[name].columns}
    warehouse.create(name, StructType([f for f in frame.schema.fields if f.name not in listed]))
    before, write_id = warehouse.version(name), uuid.uuid4().hex
    metadata = json.dumps({"app_id": app_id, "run_id": run_id, "attempt": attempt, "write_id": write_id})
    condition = " AND ".join(_equals(c, v) for c, v in partition.items())
    listed_values = any(isinstance(value, list) for value in partition.values())
    if listed_values:
        frame = frame.where(condition)
    # Of writes that name the same version, the first takes the number; Delta skips the others.
    transaction = (app_id, attempt) if since is None else (name, since + 1)
    writer = (
        frame.write.format("delta")
        .mode("overwrite")
        .option("txnAppId", transaction[0])
        .option("txnVersion", transaction[1])
        .option("userMetadata", metadata)
    )
    writer = (
        writer.option("replaceWhere", condition)
        if partition
        # A schema that is overwritten takes its partitioning from the writer.
        else writer.option("overwriteSchema", "true").partitionBy(*TABLES[name].partition)
    )
    refusals = 0

    def write() -> None:
        nonlocal refusals
        refusals += 1
        with session_settings(warehouse.spark, UNCHECKED if listed_values else {}):
            writer.save(warehouse.table_path(name))

    def refused() -> RalmError:
        return _refused(warehouse, name, before, write_id)

    retried(write, refused)
    found = _commit(
        warehouse,
        name,
        write_id,
        {"write_id": write_id} if since is not None else {"app_id": app_id, "attempt": str(attempt)},
    )
    if found is None and since is not None:
        raise _refused(warehouse, name, since, write_id)
    if found is None:
        raise RalmError(f"table '{name}': the commit {metadata} is not in its history any more; run with --force")
    after = other_run(warehouse, name, before, write_id) if refusals > 1 else None
    return Commit(found.version, found.rows, found.write_id == write_id, found.run_id, after)


def _refused(warehouse: Warehouse, name: str, since: int, own: str) -> RalmError:
    other = other_run(warehouse, name, since, own)
    return RalmError(
        f"table '{name}': {f'run {other}' if other else 'another application'} has written to it meanwhile; nothing is "
        "lost: run the same command again when it has ended"
    )


def append(warehouse: Warehouse, name: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Append a few rows that the driver holds (run records, checks)."""
    schema = TABLES[name].schema(warehouse.user_id)
    named = [dict(zip(schema.names, row, strict=True)) for row in rows]
    # As an Arrow table the rows go with the plan: no job distributes them first.
    frame = warehouse.spark.createDataFrame(
        pa.Table.from_pylist(named, to_arrow_schema(schema, timezone="UTC")), schema
    )

    def write() -> None:
        warehouse.create(name)
        frame.write.format("delta").mode("append").save(warehouse.table_path(name))

    # Of appends, only those conflict that two applications begin by creating the table.
    retried(write, lambda: _refused(warehouse, name, -1, ""))


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


def _commit(warehouse: Warehouse, name: str, write_id: str, sought: Mapping[str, str]) -> Written | None:
    """The newest commit with these user metadata; None: there is none.

    It is the last one, unless another application has written since, or the write was skipped.
    """
    newest = warehouse.newest_commit(name)
    if newest is None or said(newest[1].get("userMetadata")).get("write_id") != write_id:
        history = warehouse.history(name).select("version", "userMetadata", "operationMetrics")
        for key, value in sought.items():
            history = history.where(F.get_json_object("userMetadata", f"$.{key}") == value)
        row = history.orderBy(F.desc("version")).first()
        newest = None if row is None else (int(row["version"]), row.asDict())
    if newest is None:
        return None
    metadata = said(newest[1].get("userMetadata"))
    rows = int((newest[1].get("operationMetrics") or {}).get("numOutputRows", 0))
    # Commits of earlier releases have no id of their own.
    return Written(newest[0], rows, metadata["run_id"], metadata.get("write_id", ""))


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
