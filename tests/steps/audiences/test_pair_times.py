"""Times of pairs that cannot be: refused, since a score would know what came after its pair."""

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.steps.audiences.scored_pairs import read_pairs
from ralm.errors import ConfigError, DataError

pytestmark = pytest.mark.spark
MOMENT = dt.datetime(2024, 1, 1, 10, 0, 0)


def pairs(spark: SparkSession, path: Path, at: str, user: str = "'u1 '") -> str:
    spark.sql(f"SELECT {user} AS user_id, 'i1' AS item_id, {at} AS at").coalesce(1).write.parquet(str(path / "pairs"))
    return str(path / "pairs")


@pytest.mark.parametrize(
    ("at", "form"),
    [
        ("timestamp '2024-01-01 10:00:00'", None),
        ("'2024-01-01 10:00:00'", None),
        ("1704103200L", "epoch_s"),
        ("1704103200000L", "epoch_ms"),
        ("'01/01/2024 10:00'", "dd/MM/yyyy HH:mm"),
    ],
)
def test_times_that_are_read(spark: SparkSession, tmp_path: Path, at: str, form: str | None) -> None:
    found = read_pairs(spark, pairs(spark, tmp_path, at), form).collect()
    assert [tuple(row) for row in found] == [("u1", "i1", MOMENT)]


@pytest.mark.parametrize(
    ("at", "form", "words"),
    [
        ("1704103200123L", None, ["column at is bigint", "--time-format"]),  # case 41
        ("1704103200D", None, ["column at is double"]),
        ("1704103200123L", "epoch_s", ["1 times cannot be, such as 1704103200123 (no time)"]),
        ("1704103200L", "epoch_ms", ["such as 1704103200 (1970-01-20)"]),
        ("'01/02/2024'", None, ["such as 01/02/2024 (no time)"]),
        ("timestamp '2924-01-01 10:00:00'", None, ["2924"]),
    ],
)
def test_times_that_are_refused(
    spark: SparkSession, tmp_path: Path, at: str, form: str | None, words: list[str]
) -> None:
    with pytest.raises(DataError) as raised:
        read_pairs(spark, pairs(spark, tmp_path, at), form)
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_time_and_no_format(spark: SparkSession, tmp_path: Path) -> None:
    assert (
        read_pairs(spark, pairs(spark, tmp_path, "cast(null as timestamp)", "12345D")).collect()[0]["user_id"]
        == "12345"
    )
    with pytest.raises(ConfigError, match="known are epoch_s"):
        read_pairs(spark, pairs(spark, tmp_path / "b", "1L"), "epoch_m")
