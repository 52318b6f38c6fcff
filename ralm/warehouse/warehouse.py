"""How the tables under one path are created and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from delta.tables import DeltaTable
from py4j.java_gateway import JavaClass
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from ralm.errors import DataError, MissingInputError
from ralm.spark.causes import is_conflict
from ralm.spark.errors import user_errors
from ralm.warehouse.catalog import NamedTables
from ralm.warehouse.constraints import add_constraints
from ralm.warehouse.half_made import clear_half_made
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.table import STATISTICS, Table

# Commits whose files are read one by one; of more, the history is asked.
READ_COMMITS = 100


def is_delta(spark: SparkSession, path: str) -> bool:
    """Whether a Delta table lies there."""
    return bool(DeltaTable.isDeltaTable(spark, path))


def matching(frame: DataFrame, keys: Mapping[str, Any]) -> DataFrame:
    """The rows with the given values of columns."""
    for column, value in keys.items():
        frame = frame.where(F.col(column) == F.lit(value))
    return frame


def _types(table: Table) -> set[str]:
    return {column.type.removesuffix("!") for column in table.columns if column.name not in table.partition}


class Warehouse:
    """The tables under one path, on any file system that Spark knows.

    Args:
        spark: the session.
        path: of their folder.
        user_id: the type of user ids.
        names: the schema in which the tables have names, too.
    """

    def __init__(
        self, spark: SparkSession, path: str, user_id: str = "string", names: NamedTables | None = None
    ) -> None:
        self.spark = spark
        self.path = path.rstrip("/")
        self.user_id = user_id
        self.names = names
        self._checked: set[str] = set()

    def table_path(self, name: str) -> str:
        """Where a table lies."""
        return f"{self.path}/{name}"

    def quoted(self, name: str) -> str:
        """A table's name in SQL."""
        return "delta.`{}`".format(self.table_path(name).replace("`", "``"))

    def exists(self, name: str) -> bool:
        """Whether the table was created; not if whoever creates it was killed, or has not come to the first commit."""
        return self._found(name) is not None

    def _found(self, name: str) -> int | None:
        """The table's version, -1 where only the history can tell it; None: its log is not there, or empty."""
        if not is_delta(self.spark, self.table_path(name)):
            return None
        log = self._log(name)
        if log is None:
            return -1
        version = int(log._2().version())
        return version if version >= 0 else None

    def has_path(self, path: str) -> bool:
        """Whether there is a file or folder at a path, on the file system that the path names."""
        jvm = self.spark._jvm
        assert jvm is not None
        place = jvm.org.apache.hadoop.fs.Path(path)
        return bool(place.getFileSystem(self.spark.sparkContext._jsc.hadoopConfiguration()).exists(place))

    def create(self, name: str, extra: StructType | None = None) -> None:
        """Create a table with its constraints if it is missing; `extra` columns go into an open table.

        A table of an earlier release gets the columns that it lacks, where they may be NULL, and the constraints. What
        is there is looked at once per application.

        Raises:
            DataError: it is there without columns that it must have, or with rows that may not be: another release
                wrote it.
        """
        table = TABLES[name]
        if self.exists(name):
            if name in self._checked:
                return
            schema = self.spark.read.format("delta").load(self.table_path(name)).schema
            stored = schema.names
            missing = [column.name for column in table.columns if column.required and column.name not in stored]
            if missing:
                raise DataError(
                    f"table '{name}': no column {', '.join(missing)} at {self.table_path(name)}, as another release "
                    "wrote it; remove the table's folder, or set another `warehouse`"
                )
            if any(column.name not in stored for column in table.columns):
                added = StructType([f for f in table.schema(self.user_id) if f.name not in stored])
                self.spark.sql(f"ALTER TABLE {self.quoted(name)} ADD COLUMNS ({added.toDDL()})")
            self._keep_statistics(name)
            add_constraints(self.spark, self.quoted(name), table, schema, self.properties(name))
            self._made(name)
            return
        clear_half_made(self.spark, self.table_path(name))
        if self.exists(name):  # another application has made it meanwhile
            self.create(name, extra)
            return
        builder = (
            DeltaTable.createIfNotExists(self.spark)
            .location(self.table_path(name))
            .comment(table.description)
            .addColumns(table.schema(self.user_id))
        )
        if extra is not None:
            builder = builder.addColumns(extra)
        if table.partition:
            builder = builder.partitionedBy(*table.partition)
        for key, value in table.properties.items():
            if value:
                builder = builder.property(key, value)
        for check, condition in table.conditions.items():
            builder = builder.property(f"delta.constraints.{check}", condition)
        try:
            builder.execute()
        except (PySparkException, Py4JJavaError) as error:
            if not (is_conflict(error) and self.exists(name)):
                raise
            self.create(name, extra)  # another application has made it meanwhile
            return
        self._made(name)

    def _made(self, name: str) -> None:
        if self.names is not None:
            self.names.name(name, self.table_path(name))
        self._checked.add(name)

    def _keep_statistics(self, name: str) -> None:
        """Give a table of an earlier release the statistics that all readers understand."""
        if "boolean" not in _types(TABLES[name]):
            return
        wanted = ",".join(TABLES[name].statistics)
        if self.properties(name).get(STATISTICS) != wanted:
            self.spark.sql(f"ALTER TABLE {self.quoted(name)} SET TBLPROPERTIES ('{STATISTICS}' = '{wanted}')")

    def properties(self, name: str) -> dict[str, str]:
        """The properties of a table, its constraints among them."""
        log = self._log(name)
        if log is None:
            row = DeltaTable.forPath(self.spark, self.table_path(name)).detail().select("properties").first()
            return {} if row is None else dict(row[0])
        found = log._2().metadata().configuration().iterator()
        pairs = []
        while found.hasNext():
            pairs.append(found.next())
        return {str(pair._1()): str(pair._2()) for pair in pairs}

    def version(self, name: str) -> int:
        """The table's current version.

        Raises:
            MissingInputError: the table does not exist.
        """
        found = self._found(name)
        if found is None:
            raise MissingInputError(
                f"table '{name}': not found at {self.table_path(name)}; run the job that makes it (see `pipeline`)"
            )
        return int(self.history(name, 1).select("version").first()[0]) if found < 0 else found  # type: ignore[index]

    def _log(self, name: str) -> Any | None:
        """The driver's copy of Delta's log of a table and its newest snapshot; None where there is none.

        The history takes a query of a quarter of a second; the log looks for newer commits and has the answer. Its
        class is open-source Delta's own: sessions of Spark Connect and other builds of Delta lack it.
        """
        jvm = getattr(self.spark, "_jvm", None)
        log = None if jvm is None else jvm.org.apache.spark.sql.delta.DeltaLog
        if not isinstance(log, JavaClass):
            return None
        with user_errors(f"table '{name}'"):
            return log.forTableWithSnapshot(self.spark._jsparkSession, self.table_path(name))

    def newest_commit(self, name: str) -> tuple[int, dict[str, Any]] | None:
        """The newest commit's version and what its writer said of it, None where only the history can tell.

        The history takes two queries; the commit's file begins with the same.
        """
        log = self._log(name)
        if log is None:
            return None
        version = int(log._2().version())
        said = self._said(log._1(), version)
        return None if said is None else (version, said)

    def commits(self, name: str, since: int, at: int) -> list[tuple[int, dict[str, Any]]] | None:
        """The commits after one version up to another, as `newest_commit`; None where only the history can tell."""
        log = self._log(name)
        if log is None or at - since > READ_COMMITS:
            return None
        found = [(version, self._said(log._1(), version)) for version in range(since + 1, at + 1)]
        return None if any(said is None for _, said in found) else [(v, said) for v, said in found if said is not None]

    def _said(self, log: Any, version: int) -> dict[str, Any] | None:
        """What a commit's writer said of it; None: the log has it no more, or it said nothing."""
        jvm = self.spark._jvm
        assert jvm is not None  # where there is a log, there is a JVM
        path = jvm.org.apache.spark.sql.delta.util.FileNames.unsafeDeltaFile(log.logPath(), version)
        try:
            lines = log.store().read(path, log.newDeltaHadoopConf())
        except Py4JJavaError:
            return None
        said: dict[str, Any] | None = json.loads(lines.head()).get("commitInfo")
        return said

    def history(self, name: str, limit: int | None = None) -> DataFrame:
        """Delta's history of a table, newest commit first."""
        table = DeltaTable.forPath(self.spark, self.table_path(name))
        return table.history() if limit is None else table.history(limit)

    def read(self, name: str, version: int | None = None) -> DataFrame:
        """A table, at a pinned version if one is given."""
        pinned = self.version(name) if version is None else version
        return self.spark.read.format("delta").option("versionAsOf", pinned).load(self.table_path(name))

    def changes(self, name: str, most_bytes: str) -> DataFrame:
        """The changes of a `followed` table as a stream: its columns, `_change_type` and `_commit_version`.

        Args:
            name: of the table.
            most_bytes: how much a micro-batch takes at a time, as in `stream.max_bytes`.
        """
        feed = self.spark.readStream.format("delta").option("readChangeFeed", "true")
        return feed.option("maxBytesPerTrigger", most_bytes).load(self.table_path(name))

    def files(self, name: str, version: int, **partition: Any) -> list[str]:
        """The data files of a pinned snapshot that hold the given partition values, sorted."""
        return sorted(matching(self.read(name, version), partition).inputFiles())

    def conform(self, name: str, frame: DataFrame) -> DataFrame:
        """The frame with the table's columns first, cast to its types; further columns only for an open table.

        Columns that may be NULL may be left out. The columns carry the table's comments: an overwritten schema would
        lose them.

        Raises:
            DataError: columns are missing or unexpected; all of them are named at once.
        """
        table = TABLES[name]
        listed = [column.name for column in table.columns]
        missing = [column.name for column in table.columns if column.required and column.name not in frame.columns]
        further = [column for column in frame.columns if column not in listed]
        if missing or (further and not table.open):
            raise DataError(f"table '{name}': missing columns {missing}, unexpected columns {further}")
        fields = table.schema(self.user_id).fields
        given = [F.col(field.name) if field.name in frame.columns else F.lit(None) for field in fields]
        chosen = [
            value.cast(field.dataType).alias(field.name, metadata=field.metadata)
            for value, field in zip(given, fields, strict=True)
        ]
        return frame.select(*chosen, *further)
