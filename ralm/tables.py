"""The Delta tables: their schemas, constraints, partitioning, and how they are read and written.

Column names here are the contract with downstream readers (docs/tables.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from delta.tables import DeltaTable
from py4j.java_gateway import JavaClass
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import DataType, StructField, StructType

from ralm.errors import DataError, MissingInputError, RalmError


@dataclass(frozen=True)
class Table:
    """A table of the warehouse.

    `columns` are (name, Spark SQL type); a type that ends in `!` is NOT NULL. `open` tables take more columns than
    are listed (profile columns, one column a field): which ones, the configuration says. User ids stay as they came:
    `uid` stands for the configured type, string or bigint.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    partition: tuple[str, ...] = ()
    checks: dict[str, str] = field(default_factory=dict)
    open: bool = False
    properties: dict[str, str] = field(default_factory=dict)

    def types(self, user_id: str) -> dict[str, str]:
        """Column -> Spark SQL type, with user ids of the given type."""
        return {name: re.sub(r"\buid\b", user_id, kind.removesuffix("!")) for name, kind in self.columns}

    def schema(self, user_id: str) -> StructType:
        """The listed columns as a Spark schema, with user ids of the given type."""
        required = {name for name, kind in self.columns if kind.endswith("!")}
        return StructType(
            [
                StructField(name, DataType.fromDDL(kind), name not in required)
                for name, kind in self.types(user_id).items()
            ]
        )


def _table(name: str, columns: str, partition: str = "", **rest: Any) -> Table:
    pairs = tuple((c.split(" ", 1)[0], c.split(" ", 1)[1]) for c in columns.split("; "))
    return Table(name, pairs, tuple(partition.split()), **rest)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _table("users", "as_of date!; user_id uid!", "as_of", open=True),
        _table("items", "item_id string!; published_at timestamp; categories array<string>", open=True),
        _table(
            "events",
            "user_id uid!; domain string!; feature_id string!; event_time timestamp!; event_date date!",
            "event_date",
        ),
        _table(
            "impressions",
            "user_id uid!; item_id string!; shown_at timestamp!; clicked boolean!; domain string!; shown_date date!",
            "shown_date",
            properties={"delta.enableChangeDataFeed": "true"},
        ),
        _table("quarantine", "source string!; reason string!; row string; run_id string!", "source"),
        _table(
            "vocabularies",
            "vocabulary_version string!; field string!; feature_id string!; index int!; frequency bigint!",
            "vocabulary_version",
            checks={"index_positive": "index > 0", "frequency_positive": "frequency > 0"},
        ),
        _table("histories", "as_of date!; user_id uid!", "as_of", open=True),
        _table("user_fields", "as_of date!; vocabulary_version string!; user_id uid!", "as_of", open=True),
        _table(
            "user_samples",
            "representation string!; as_of date!; validation boolean!; user_key bigint!; positives array<int>!; "
            "negatives array<int>!",
            "representation as_of validation",
            open=True,
        ),
        _table(
            "user_embeddings",
            "as_of date!; model_version string!; user_id uid!; embedding array<float>!",
            "as_of model_version",
        ),
        _table(
            "item_seeds",
            "as_of date!; purpose string!; item_id string!; draw int!; seed_count int!; clickers bigint!; "
            "seeds array<struct<user_id:uid,clicked_at:timestamp>>!",
            "as_of purpose",
            checks={"seed_count_is_size": "seed_count = size(seeds)"},
        ),
        _table(
            "live_seeds",
            "item_id string!; seeds array<struct<user_id:uid,clicked_at:timestamp>>!; seed_count int!; "
            "clickers bigint!; sketch binary!; changes bigint!; changed_at timestamp!; item_bucket int!",
            "item_bucket",
            checks={"seed_count_is_size": "seed_count = size(seeds)"},
            # A merge then marks the rows that it replaces and writes no others.
            properties={"delta.enableDeletionVectors": "true"},
        ),
        _table(
            "lookalike_samples",
            "as_of date!; model_version string!; validation boolean!; embedding array<float>!; item_index int!; "
            "label float!; log_rows float!; clicked array<int>!",
            "as_of model_version validation",
        ),
        _table(
            "seed_clusters",
            "as_of date!; purpose string!; model_version string!; round int!; item_id string!; draw int!; "
            "centroids array<float>!; sizes array<int>!; inertia double!; cluster_metric string!; "
            "global_embedding array<float>",
            "as_of purpose model_version",
        ),
        _table(
            "target_embeddings",
            "as_of date!; model_version string!; user_id uid!; bias float!; embedding array<float>!",
            "as_of model_version",
        ),
        _table(
            "audiences",
            "as_of date!; item_id string!; user_id uid!; score double!; percentile double!; system string!; "
            "scored_at timestamp!; item_bucket int!",
            "as_of system item_bucket",
            checks={"percentile_range": "percentile >= 0 AND percentile <= 1"},
        ),
        _table(
            "recommendations",
            "as_of date!; system string!; user_id uid!; item_ids array<string>!; scores array<double>!",
            "as_of system",
        ),
        _table(
            "thresholds",
            "as_of date!; system string!; item_id string!; cutoff double!; probe_size bigint!; "
            "top_fraction double!; quantiles array<double>!; realised double; realised_low double; "
            "realised_high double; realised_users bigint",
            "as_of system",
        ),
        _table(
            "score_histograms",
            "as_of date!; system string!; item_id string!; bin int!; low double!; high double!; count bigint!",
            "as_of system",
        ),
        _table(
            "freshness",
            "as_of date!; model_version string!; release_id string!; item_id string!; system string!; "
            "seed_count int!; changes bigint!; clicked_at timestamp!; scored_at timestamp!; published_at timestamp!",
            "as_of",
        ),
        _table(
            "live_exposures",
            "round int!; policy string!; user_id uid!; item_id string!; shown_at timestamp!; clicked boolean!; "
            "explored boolean!",
            "round",
        ),
        _table(
            "live_items",
            "round int!; at timestamp!; item_id string!; published_at timestamp!; categories array<string>!; "
            "seeds int!; system string; audience bigint!",
            "round",
        ),
        _table(
            "scored_pairs",
            "as_of date!; pairs string!; user_id uid!; item_id string!; at timestamp; score double!; system string!",
            "pairs as_of",
        ),
        _table(
            "feature_rankings",
            "as_of date!; system string!; item_id string!; rank int!; feature string!; weight double!",
            "as_of system",
        ),
        _table(
            "runs",
            "run_id string!; step string!; as_of date; state string!; token string!; attempt bigint!; "
            "config_hash string!; inputs map<string,bigint>!; outputs map<string,bigint>!; counts map<string,bigint>!; "
            "started_at timestamp!; ended_at timestamp; message string",
        ),
        _table("checks", "run_id string!; step string!; name string!; passed boolean!; value double; detail string"),
        _table(
            "releases",
            "release_id string!; created_at timestamp!; as_of date!; tables map<string,bigint>!; "
            "models map<string,string>!; metrics map<string,double>!; current boolean!",
        ),
        _table(
            "comparison_pairs",
            "as_of date!; split string!; family string!; item_id string!; user_id uid!; role string!; position int!; "
            "weak boolean!",
            "as_of split family",
            checks={"known_role": "role IN ('seed', 'held_out', 'shown')"},
        ),
        _table(
            "comparisons",
            "as_of date!; split string!; family string!; system string!; protocol string!; item_id string!; "
            "segment string!; metric string!; value double!",
            "as_of split family system",
        ),
        _table(
            "metrics",
            "run_id string!; as_of date!; system string!; protocol string!; split string!; metric string!; "
            "value double!; low double; high double; items bigint",
            "as_of",
        ),
    )
}


@dataclass(frozen=True)
class Commit:
    """A write: its version, the rows it wrote by Delta's own metrics (no job counts them), whether it was just made."""

    version: int
    rows: int
    new: bool


class Warehouse:
    """The tables under one path, on any file system that Spark knows."""

    def __init__(self, spark: SparkSession, path: str, user_id: str = "string") -> None:
        self.spark = spark
        self.path = path.rstrip("/")
        self.user_id = user_id

    def table_path(self, name: str) -> str:
        """Where a table lies."""
        return f"{self.path}/{name}"

    def exists(self, name: str) -> bool:
        """Whether the table was created."""
        return DeltaTable.isDeltaTable(self.spark, self.table_path(name))

    def create(self, name: str, extra: StructType | None = None) -> None:
        """Create a table with its constraints if it is missing; `extra` columns go into an open table.

        A table of an earlier release gets the columns that it lacks, where they may be NULL.

        Raises:
            DataError: it is there without columns that it must have: another release wrote it.
        """
        table = TABLES[name]
        if self.exists(name):
            stored = self.spark.read.format("delta").load(self.table_path(name)).columns
            missing = [column for column, kind in table.columns if kind.endswith("!") and column not in stored]
            if missing:
                raise DataError(
                    f"table '{name}': no column {', '.join(missing)} at {self.table_path(name)}, as another release "
                    "wrote it; remove the table's folder, or set another `warehouse`"
                )
            types = table.types(self.user_id)
            added = ", ".join(f"`{column}` {types[column]}" for column, _ in table.columns if column not in stored)
            if added:
                self.spark.sql(f"ALTER TABLE delta.`{self.table_path(name)}` ADD COLUMNS ({added})")
            return
        builder = (
            DeltaTable.createIfNotExists(self.spark)
            .location(self.table_path(name))
            .addColumns(table.schema(self.user_id))
        )
        if extra is not None:
            builder = builder.addColumns(extra)
        if table.partition:
            builder = builder.partitionedBy(*table.partition)
        for key, value in table.properties.items():
            builder = builder.property(key, value)
        for check, condition in table.checks.items():
            builder = builder.property(f"delta.constraints.{check}", condition)
        builder.execute()

    def version(self, name: str) -> int:
        """The table's current version.

        Raises:
            MissingInputError: the table does not exist.
        """
        if not self.exists(name):
            raise MissingInputError(
                f"table '{name}': not found at {self.table_path(name)}; run the job that makes it (see `pipeline`)"
            )
        known = self._logged_version(name)
        return int(self.history(name, 1).select("version").first()[0]) if known is None else known  # type: ignore[index]

    def _logged_version(self, name: str) -> int | None:
        """The current version from the driver's copy of Delta's log, None where there is none.

        The history takes a query of a quarter of a second; the log looks for newer commits and has the answer. Its
        class is open-source Delta's own: sessions of Spark Connect and other builds of Delta lack it.
        """
        jvm = getattr(self.spark, "_jvm", None)
        log = None if jvm is None else jvm.org.apache.spark.sql.delta.DeltaLog
        if not isinstance(log, JavaClass):
            return None
        return int(log.forTableWithSnapshot(self.spark._jsparkSession, self.table_path(name))._2().version())

    def history(self, name: str, limit: int | None = None) -> DataFrame:
        """Delta's history of a table, newest commit first."""
        table = DeltaTable.forPath(self.spark, self.table_path(name))
        return table.history() if limit is None else table.history(limit)

    def read(self, name: str, version: int | None = None) -> DataFrame:
        """A table, at a pinned version if one is given."""
        pinned = self.version(name) if version is None else version
        return self.spark.read.format("delta").option("versionAsOf", pinned).load(self.table_path(name))

    def files(self, name: str, version: int, **partition: Any) -> list[str]:
        """The data files of a pinned snapshot that hold the given partition values, sorted."""
        frame = self.read(name, version)
        for column, value in partition.items():
            frame = frame.where(F.col(column) == F.lit(value))
        return sorted(frame.inputFiles())

    def conform(self, name: str, frame: DataFrame) -> DataFrame:
        """The frame with the table's columns first, cast to its types; further columns only for an open table.

        Columns that may be NULL may be left out.

        Raises:
            DataError: columns are missing or unexpected; all of them are named at once.
        """
        table = TABLES[name]
        listed = [column for column, _ in table.columns]
        required = [column for column, kind in table.columns if kind.endswith("!")]
        missing = [column for column in required if column not in frame.columns]
        further = [column for column in frame.columns if column not in listed]
        if missing or (further and not table.open):
            raise DataError(f"table '{name}': missing columns {missing}, unexpected columns {further}")
        types = table.types(self.user_id)
        given = {column: F.col(column) if column in frame.columns else F.lit(None) for column in listed}
        chosen = [value.cast(DataType.fromDDL(types[column])).alias(column) for column, value in given.items()]
        return frame.select(*chosen, *further)


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

    `partition` gives columns their values; a `range` or list stands for all that it holds.

    Returns:
        The commit; an old one where Delta skipped a write that an earlier try of the same attempt had made.
    """
    frame = warehouse.conform(name, frame)
    listed = {column for column, _ in TABLES[name].columns}
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
    with _unchecked(warehouse.spark) if listed_values else nullcontext():
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


@contextmanager
def merged_once(spark: SparkSession, app_id: str, number: int, metadata: str) -> Iterator[None]:
    """Delta skips a MERGE inside that was made before for (app_id, number): it has no writer to give options to."""
    prefix = "spark.databricks.delta"
    settings = {
        f"{prefix}.write.txnAppId": app_id,
        f"{prefix}.write.txnVersion": str(number),
        f"{prefix}.commitInfo.userMetadata": metadata,
    }
    for key, value in settings.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key in settings:
            spark.conf.unset(key)


def _commit(warehouse: Warehouse, name: str, metadata: str, before: int) -> Commit:
    """The newest commit with this user metadata: the last one, unless another application has written since."""
    for limit in (1, None):
        history = warehouse.history(name, limit).select("version", "userMetadata", "operationMetrics")
        own = history if limit == 1 else history.where(F.col("userMetadata") == metadata).orderBy(F.desc("version"))
        row = own.first()
        if row is not None and row["userMetadata"] == metadata:
            rows = int(row["operationMetrics"].get("numOutputRows", 0))
            return Commit(int(row["version"]), rows, new=int(row["version"]) > before)
    raise RalmError(f"table '{name}': the commit {metadata} is not in its history any more; run with --force")


@contextmanager
def _unchecked(spark: SparkSession) -> Iterator[None]:
    """Without Delta's own check of every written row against the replaced values.

    It compares a row with a thousand listed values one by one, which took half of a round of `refresh`; the filter
    that stands in its place is a look-up in a set.
    """
    key = "spark.databricks.delta.replaceWhere.constraintCheck.enabled"
    spark.conf.set(key, "false")
    try:
        yield
    finally:
        spark.conf.unset(key)


def _equals(column: str, value: Any) -> str:
    if isinstance(value, range):
        return f"{column} >= {value.start} AND {column} < {value.stop}"
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
