"""Every Delta operation that the tables live by, once, with the options that the jobs give it.

Patch versions of Spark and Delta have broken each other at run time (delta-io/delta#6867, #5697): a Delta built for
Spark 4.1.0 missed a constructor of 4.1.2, and said so when it read a checkpoint's schema and at no time before. No job
runs OPTIMIZE or RESTORE, but the people who keep a warehouse do.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.steps.sources.streaming import begin

pytestmark = pytest.mark.spark
COLUMNS = {"day": "int", "item": "string", "clicks": "int"}
PROPERTIES = {
    "delta.enableChangeDataFeed": "true",  # as `impressions`
    "delta.enableDeletionVectors": "true",  # as `live_seeds` of earlier releases
    "delta.constraints.clicks_positive": "clicks > 0",
}
Content = set[tuple[int, str, int]]


class Table:
    """A Delta table of clicks per item and day, and what the jobs do to theirs."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.path, self.checkpoint = spark, folder / "clicks", str(folder / "checkpoint")
        builder = DeltaTable.createIfNotExists(spark).location(str(self.path)).partitionedBy("day")
        for name, kind in COLUMNS.items():
            builder = builder.addColumn(name, kind, nullable=False)
        for key, value in PROPERTIES.items():
            builder = builder.property(key, value)
        builder.execute()

    @property
    def delta(self) -> DeltaTable:
        return DeltaTable.forPath(self.spark, str(self.path))

    def frame(self, *rows: tuple[int, str | None, int | None]) -> DataFrame:
        return self.spark.createDataFrame(list(rows), "day int, item string, clicks int").coalesce(1)

    def content(self, version: int | None = None) -> Content:
        reader = self.spark.read.format("delta")
        reader = reader if version is None else reader.option("versionAsOf", version)
        return {(row["day"], row["item"], row["clicks"]) for row in reader.load(str(self.path)).collect()}

    def version(self) -> int:
        return max(int(commit.stem) for commit in (self.path / "_delta_log").glob("*.json"))

    def replace(self, frame: DataFrame, where: str, attempt: int) -> None:
        writer = frame.write.format("delta").mode("overwrite").option("replaceWhere", where)
        writer = writer.option("txnAppId", "step").option("txnVersion", attempt)
        writer.option("userMetadata", f"attempt {attempt}").save(str(self.path))

    def append(self, frame: DataFrame, batch: int) -> None:
        writer = frame.write.format("delta").mode("append")
        writer.option("txnAppId", "landing").option("txnVersion", batch).save(str(self.path))

    def merge(self, frame: DataFrame, batch: int) -> None:
        """Clicks as they are to be; NULL deletes the row."""
        prefix = "spark.databricks.delta"
        settings = {f"{prefix}.write.txnAppId": "stream", f"{prefix}.write.txnVersion": str(batch)}
        with self.set(settings | {f"{prefix}.commitInfo.userMetadata": f"batch {batch}"}):
            same = "old.day IN (1, 2) AND old.day = new.day AND old.item = new.item"
            found = self.delta.alias("old").merge(frame.alias("new"), same).whenMatchedDelete("new.clicks IS NULL")
            found.whenMatchedUpdateAll().whenNotMatchedInsertAll("new.clicks IS NOT NULL").execute()

    def changes(self) -> set[tuple[str, str, int]]:
        """The change feed since the last call, as a stream that goes on from its checkpoint."""
        found: set[tuple[str, str, int]] = set()

        def take(batch: DataFrame, number: int) -> None:
            found.update((row["_change_type"], row["item"], row["clicks"]) for row in batch.collect())

        feed = self.spark.readStream.format("delta").option("readChangeFeed", "true").option("maxBytesPerTrigger", "1m")
        writer = feed.load(str(self.path)).writeStream.option("checkpointLocation", self.checkpoint)
        begin(writer.foreachBatch(take), None).awaitTermination()
        return found

    @contextmanager
    def set(self, settings: dict[str, str]) -> Iterator[None]:
        for key, value in settings.items():
            self.spark.conf.set(key, value)
        try:
            yield
        finally:
            for key in settings:
                self.spark.conf.unset(key)

    def refuses(self, match: str, write: Callable[[], None]) -> None:
        before = self.version()
        with pytest.raises(Exception, match=match):
            write()
        assert self.version() == before


@pytest.fixture
def table(spark: SparkSession, tmp_path: Path) -> Table:
    return Table(spark, tmp_path)


@pytest.mark.long
def test_writes_that_are_made_once(table: Table) -> None:
    table.append(table.frame((2, "c", 5)), batch=1)
    table.append(table.frame((2, "c", 5)), batch=1)
    table.replace(table.frame((1, "a", 1), (1, "b", 2)), "day = 1", attempt=1)
    table.replace(table.frame((1, "a", 9)), "day = 1", attempt=1)
    assert table.version() == 2  # both replays were skipped
    assert table.content() == {(1, "a", 1), (1, "b", 2), (2, "c", 5)}
    table.replace(table.frame((1, "a", 3), (1, "b", 4)), "day = 1", attempt=2)
    assert table.content() == {(1, "a", 3), (1, "b", 4), (2, "c", 5)}
    assert table.content(version=2) == {(1, "a", 1), (1, "b", 2), (2, "c", 5)}
    commit = table.delta.history(1).first()
    assert commit is not None
    assert (commit["userMetadata"], commit["operationMetrics"]["numOutputRows"]) == ("attempt 2", "2")

    # Of listed items also those go that get no new row.
    with table.set({"spark.databricks.delta.replaceWhere.constraintCheck.enabled": "false"}):
        table.replace(table.frame((1, "d", 7)), "day = 1 AND item IN ('b', 'd')", attempt=3)
    assert table.content() == {(1, "a", 3), (1, "d", 7), (2, "c", 5)}

    table.refuses("clicks_positive", lambda: table.append(table.frame((1, "x", 0)), batch=2))
    table.refuses("(?i)not.null", lambda: table.append(table.frame((1, None, 1)), batch=2))
    table.refuses("REPLACE_WHERE", lambda: table.replace(table.frame((2, "x", 1)), "day = 1", attempt=4))


@pytest.mark.long
def test_a_merge_and_its_change_feed(table: Table) -> None:
    table.append(table.frame((1, "a", 1), (1, "b", 2), (2, "c", 5)), batch=1)
    assert table.changes() == {("insert", "a", 1), ("insert", "b", 2), ("insert", "c", 5)}
    changed = table.frame((1, "a", None), (1, "b", 3), (2, "d", 4), (2, "gone", None))
    table.merge(changed, batch=1)
    merged = table.version()
    table.merge(table.frame((1, "b", 8)), batch=1)
    assert table.version() == merged  # the replay was skipped
    assert table.content() == {(1, "b", 3), (2, "c", 5), (2, "d", 4)}
    assert table.delta.history(1).first()["userMetadata"] == "batch 1"  # type: ignore[index]
    assert table.changes() == {
        ("delete", "a", 1),
        ("update_preimage", "b", 2),
        ("update_postimage", "b", 3),
        ("insert", "d", 4),
    }


@pytest.mark.long
def test_upkeep_and_a_checkpoint(table: Table) -> None:
    expected: Content = set()
    for batch in range(1, 11):  # with the table's creation eleven commits: Delta writes a checkpoint every ten
        table.append(table.frame((1, f"i{batch}", batch)), batch)
        expected.add((1, f"i{batch}", batch))
    log = table.path / "_delta_log"
    assert (log / "_last_checkpoint").exists()
    assert list(log.glob("*.checkpoint*.parquet"))
    for pointer in ("with", "without"):
        if pointer == "without":
            (log / "_last_checkpoint").unlink()  # Delta then asks the checkpoint itself for its schema
        _forget(table.spark)
        assert table.content() == expected
    # The optimizer asks for the size of both sides, which rebuilds the table's state from the checkpoint.
    other = table.frame(*expected).select("item")
    assert table.delta.toDF().join(other, "item").count() == len(expected)

    appended = table.version()
    assert table.delta.optimize().executeCompaction().first()["metrics"]["numFilesRemoved"] == 10  # type: ignore[index]
    assert table.content() == expected
    table.delta.delete("clicks > 3")
    assert len(table.content()) == 3
    table.delta.restoreToVersion(appended)
    assert table.content() == expected

    table.spark.sql(f"ALTER TABLE delta.`{table.path}` ADD COLUMNS (note string)")
    assert table.delta.toDF().where(F.col("note").isNull()).count() == len(expected)
    writer = table.frame((3, "z", 1)).write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer.partitionBy("day").save(str(table.path))
    assert table.content() == {(3, "z", 1)}
    with table.set({"spark.databricks.delta.retentionDurationCheck.enabled": "false"}):
        table.delta.vacuum(0)
    assert table.content() == {(3, "z", 1)}
    assert len(list(table.path.glob("day=*/*.parquet"))) == 1


def _forget(spark: SparkSession) -> None:
    """Drop what Delta keeps of its tables in memory: the next read begins at the log's files."""
    jvm = spark._jvm
    assert jvm is not None
    jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
