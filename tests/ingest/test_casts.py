"""Single values: what each cast makes of them, against Python's own arithmetic."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.ingest import casts
from ralm.ingest.ids import DECIMALS, GROUPED, LOST_DIGITS

pytestmark = pytest.mark.spark


def times(spark: SparkSession, texts: list[str], kind: str, time_format: str | None, zone: str) -> list[object]:
    frame = spark.createDataFrame([(n, text) for n, text in enumerate(texts)], "n int, text string")
    raw = frame.select("n", F.col("text").cast(kind).alias("raw"))
    column = casts.cast_time(F.col("raw"), raw.schema["raw"].dataType, time_format, zone).value
    return [row[0] for row in raw.select("n", column.alias("t")).orderBy("n").select("t").collect()]


def utc(text: str, zone: str = "UTC") -> dt.datetime:
    local = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(dt.UTC).replace(tzinfo=None)


def test_iso_times_use_the_zone_only_where_they_carry_none(spark: SparkSession) -> None:
    texts = ["2024-07-01 12:00:00", "2024-07-01T12:00:00Z", "2024-07-01T12:00:00.25+05:30", "2024-07-01",
             "2024-01-15 12:00", "2024-07-01 12:00:00 America/New_York", "noon", "2024", "12:00:00", ""]  # fmt: skip
    found = times(spark, texts, "string", None, "Europe/Berlin")
    assert found == [
        utc("2024-07-01 12:00", "Europe/Berlin"),
        utc("2024-07-01 12:00"),
        dt.datetime(2024, 7, 1, 6, 30, 0, 250_000),
        utc("2024-07-01", "Europe/Berlin"),
        utc("2024-01-15 12:00", "Europe/Berlin"),  # winter time
        utc("2024-07-01 12:00", "America/New_York"),
        None,
        None,
        None,
        None,
    ]


def test_epochs(spark: SparkSession) -> None:
    moment = 1_719_835_200
    expected = dt.datetime.fromtimestamp(moment, dt.UTC).replace(tzinfo=None)
    for kind in ("string", "bigint", "double"):
        assert times(spark, [str(moment)], kind, "epoch_s", "Asia/Tokyo") == [expected]
        assert times(spark, [str(moment * 1000)], kind, "epoch_ms", "Asia/Tokyo") == [expected]
    assert times(spark, [f"{moment}.5"], "string", "epoch_s", "UTC") == [expected.replace(microsecond=500_000)]
    assert times(spark, ["soon", "9" * 30, ""], "string", "epoch_ms", "UTC") == [None, None, None]


def test_patterns(spark: SparkSession) -> None:
    berlin = times(spark, ["01/07/2024 12-30", "2024-07-01"], "string", "dd/MM/yyyy HH-mm", "Europe/Berlin")
    assert berlin == [utc("2024-07-01 12:30", "Europe/Berlin"), None]
    assert times(spark, ["20240701"], "int", "yyyyMMdd", "UTC") == [utc("2024-07-01")]
    zoned = times(spark, ["01.07.2024 12:30 +0200"], "string", "dd.MM.yyyy HH:mm xx", "Asia/Tokyo")
    assert zoned == [utc("2024-07-01 10:30")]


def test_timestamps_and_dates(spark: SparkSession) -> None:
    text = ["2024-07-01 12:00:00"]
    assert times(spark, text, "timestamp", None, "Europe/Berlin") == [utc("2024-07-01 12:00")]
    assert times(spark, text, "timestamp_ntz", None, "Europe/Berlin") == [utc("2024-07-01 12:00", "Europe/Berlin")]
    assert times(spark, text, "date", None, "Europe/Berlin") == [utc("2024-07-01", "Europe/Berlin")]


def test_numbers_flags_and_categories(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("1e3",), ("NaN",), ("inf",), ("",), ("ten",)], "raw string")
    number = casts.cast_number(F.col("raw"), frame.schema[0].dataType)
    found = frame.select(number.value.alias("v"), (number.present & number.value.isNull()).alias("invalid")).collect()
    assert [tuple(r) for r in found] == [(1000.0, False), (None, False), (None, True), (None, False), (None, True)]

    frame = spark.createDataFrame([("yes",), ("0",), ("True",), ("maybe",)], "raw string")
    flag = casts.cast_flag(F.col("raw"), frame.schema[0].dataType)
    assert [r[0] for r in frame.select(flag.value).collect()] == [True, False, True, None]
    frame = spark.createDataFrame([(1,), (0,), (None,)], "raw int")
    flag = casts.cast_flag(F.col("raw"), frame.schema[0].dataType)
    assert [r[0] for r in frame.select(flag.value).collect()] == [True, False, None]

    frame = spark.createDataFrame([("a.b. a",), (None,)], "raw string")
    for separator, expected in ((".", [["a", "b"], []]), (None, [["a.b. a"], []])):
        split = casts.cast_categories(F.col("raw"), frame.schema[0].dataType, separator)
        assert [r[0] for r in frame.select(split.value).collect()] == expected
    frame = spark.createDataFrame([([3, None, 3],), (None,)], "raw array<int>")
    array = casts.cast_categories(F.col("raw"), frame.schema[0].dataType, None)
    assert [r[0] for r in frame.select(array.value).collect()] == [["3"], []]


def test_short_names_of_zones_are_no_times(spark: SparkSession) -> None:
    texts = ["2024-07-01 12:00:00 BST", "2024-07-01T12:00:00.5 EST", "2024-07-01 12:00 CST",
             "2024-07-01 12:00:00 UTC", "2024-07-01 12:00:00GMT", "2024-07-01 12:00:00 Europe/Berlin",
             "2024-07-01 12:00:00 GMT+02:00"]  # fmt: skip
    noon, before = utc("2024-07-01 12:00"), utc("2024-07-01 10:00")
    assert times(spark, texts, "string", None, "UTC") == [None, None, None, noon, noon, before, before]
    texts = ["01-JUL-2024 12:00:00 EST", "01-JUL-2024 12:00:00 UTC"]
    assert times(spark, texts, "string", "dd-MMM-yyyy HH:mm:ss z", "UTC")[0] is None
    assert times(spark, ["2024-07-01 12:00 PM MST"], "string", "yyyy-MM-dd hh:mm a z", "UTC") == [None]


@pytest.mark.parametrize(
    ("cell", "separator", "found"),
    [
        ('["Comedy", "Horror, old"]', ",", ["Comedy", "Horror, old"]),
        ("['a', 'b']", "|", ["a", "b"]),
        ('{a,"b c"}', ",", ["a", "b c"]),
        ("[1, 2]", None, ["1", "2"]),
        ("[]", ",", []),
        ("a [old], b", ",", ["a [old]", "b"]),
        ("NULL|a| n/a ", "|", ["a"]),
        ("\\N", None, []),
    ],
)
def test_categories_as_lists_and_markers(
    spark: SparkSession, cell: str, separator: str | None, found: list[str]
) -> None:
    frame = spark.createDataFrame([(cell,)], "raw string")
    column = casts.cast_categories(F.col("raw"), frame.schema[0].dataType, separator).value
    assert frame.select(column).first()[0] == found


def test_a_marker_is_no_label(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("NULL",), (" Oslo",), ("-",)], "raw string")
    found = casts.cast_label(F.col("raw"), frame.schema[0].dataType)
    assert [row[0] for row in frame.select(found.value).collect()] == [None, "Oslo", None]


def test_ids_with_a_decimal_comma(spark: SparkSession) -> None:
    texts = ["123,0", "1,000", "4,91234E+11", "1,2345E+04", "7,00"]
    frame = spark.createDataFrame([(n, text) for n, text in enumerate(texts)], "n int, raw string")
    found = casts.cast_id(F.col("raw"), frame.schema["raw"].dataType, "string")
    rows = frame.select("n", found.value.alias("value"), found.done.alias("done")).orderBy("n").collect()
    assert [row["value"] for row in rows] == ["123", "1,000", None, "12345", "7"]
    assert [row["done"] for row in rows] == [DECIMALS, GROUPED, LOST_DIGITS, DECIMALS, DECIMALS]
