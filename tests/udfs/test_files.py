"""Workers that read a table's files themselves give what they give on Spark's rows."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.steps.users.file_scan import held_files, map_files
from ralm.arrow.arrays import column, matrix
from udfs.files import rows_with
from udfs.shapes import Batches, BatchUdf

pytestmark = pytest.mark.spark


def totals(batches: Batches) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        assert batch.schema.names == ["user_id", "numbers"]
        sums = matrix(batch, "numbers").sum(axis=1)
        yield pa.record_batch([column(batch, "user_id"), pa.array(sums, pa.int64())], ["user_id", "total"])


UDF = BatchUdf(totals, "user_id string, total bigint")
COLUMNS = ["user_id", "numbers"]


@pytest.fixture(scope="module")
def table(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two dates, two versions in the same files, a space in a partition's name, and tombstoned files beside them."""
    path = str(tmp_path_factory.mktemp("tables") / "fields")
    rows = spark.range(25_000, numPartitions=3).select(
        F.concat(F.lit("u"), "id").alias("user_id"),
        F.array("id", F.col("id") * 2).alias("numbers"),
        F.when(F.col("id") % 5 == 0, "new one").otherwise("old").alias("date"),
        F.when(F.col("id") % 3 == 0, "v1").otherwise("v2").alias("version"),
    )
    for _ in range(2):
        rows.write.format("delta").mode("overwrite").partitionBy("date").save(path)
    return path


@pytest.mark.long
@pytest.mark.parametrize("date", ["old", "new one"])
def test_what_spark_reads_is_what_workers_read(spark: SparkSession, table: str, date: str) -> None:
    scan = spark.read.format("delta").load(table).where(F.col("date") == date)
    found = map_files(scan, COLUMNS, UDF).orderBy("user_id").collect()
    assert found == scan.select(*COLUMNS).mapInArrow(*UDF).orderBy("user_id").collect()
    assert len(found) == (20_000 if date == "old" else 5_000)


def test_rows_of_another_key_are_left_out(spark: SparkSession, table: str) -> None:
    scan = spark.read.format("delta").load(table).where("date = 'old' AND version = 'v1'")
    found = map_files(scan, COLUMNS, UDF, version="v1").orderBy("user_id").collect()
    assert found == scan.select(*COLUMNS).mapInArrow(*UDF).orderBy("user_id").collect()
    assert 0 < len(found) < 20_000


def test_no_file_gives_no_rows(spark: SparkSession, table: str) -> None:
    scan = spark.read.format("delta").load(table).where("date = 'neither'")
    assert map_files(scan, COLUMNS, UDF).collect() == []
    assert held_files(scan, COLUMNS, UDF).num_rows == 0


def test_the_driver_reads_what_workers_read(spark: SparkSession, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = spark.read.format("delta").load(table).where("date = 'new one'").select(*COLUMNS)
    wanted = pa.array([f"u{5 * at}" for at in range(0, 100, 7)] + ["nobody"])
    udf = rows_with("user_id", wanted, "user_id string, numbers array<bigint>")
    here = held_files(scan, COLUMNS, udf).sort_by("user_id").to_pylist()
    monkeypatch.setattr("jobs.steps.users.file_scan.on_one_machine", lambda spark: False)
    assert held_files(scan, COLUMNS, udf).sort_by("user_id").to_pylist() == here
    assert {row["user_id"]: row["numbers"] for row in here} == {
        f"u{5 * at}": [5 * at, 10 * at] for at in range(0, 100, 7)
    }
