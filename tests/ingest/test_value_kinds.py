"""Forms of times are those that Spark reads, also where days and hours have one digit."""

import datetime as dt

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.ingest.casts import cast_time
from ralm.ingest.value_kinds import PATTERNS, clock_pattern, is_clock, other_order, time_format_of

DAYS = [dt.datetime(2024, 3, 1, 0, 4) + dt.timedelta(hours=7 * step) for step in range(24)]  # eight days, in order
SHORT = {
    "M/d/yyyy H:mm": lambda t: f"{t.month}/{t.day}/{t.year} {t.hour}:{t.minute:02}",
    "d.M.yyyy H:mm": lambda t: f"{t.day}.{t.month}.{t.year} {t.hour}:{t.minute:02}",
    "M/d/yyyy h:mm a": lambda t: f"{t.month}/{t.day}/{t.year} {t.hour % 12 or 12}:{t.minute:02} {t:%p}",
    "yyyy/M/d H:mm": lambda t: f"{t.year}/{t.month}/{t.day} {t.hour}:{t.minute:02}",
    "yyyyMMddHHmm": lambda t: f"{t:%Y%m%d%H%M}",
    "yyyy-MM-dd hh:mm a": lambda t: f"{t:%Y-%m-%d %I:%M %p}",
}


@pytest.mark.spark
def test_spark_reads_every_form(spark: SparkSession) -> None:
    written = [(p, t.replace(tzinfo=dt.UTC).strftime(form), str(t.date())) for p, form in PATTERNS for t in DAYS[:2]]
    written += [(p, write(t), str(t.date())) for p, write in SHORT.items() for t in DAYS]
    frame = spark.createDataFrame(written, "pattern string, raw string, day string")
    kind = frame.schema["raw"].dataType
    value = F.lit(None).cast("timestamp")
    for pattern in {*SHORT, *dict(PATTERNS)}:
        read = cast_time(F.col("raw"), kind, pattern, "UTC").value
        value = F.when(F.col("pattern") == pattern, read).otherwise(value)
    unread = frame.withColumn("value", value).where("value IS NULL OR cast(to_date(value) AS string) != day")
    assert [row["raw"] for row in unread.collect()] == []


@pytest.mark.parametrize("pattern", SHORT)
def test_one_digit_is_told_from_two(pattern: str) -> None:
    assert time_format_of([SHORT[pattern](t) for t in DAYS]) == pattern


def test_days_and_months_are_told_apart_by_the_order_of_rows() -> None:
    for pattern, form in (("dd/MM/yyyy HH:mm", "%d/%m/%Y %H:%M"), ("MM/dd/yyyy hh:mm a", "%m/%d/%Y %I:%M %p")):
        assert time_format_of([t.strftime(form) for t in DAYS]) == pattern
        assert time_format_of([t.strftime(form) for t in reversed(DAYS)]) == pattern  # by the days that they span
    for form in ("%m/%d/%Y %H:%M", "%d/%m/%Y %I:%M %p"):
        assert time_format_of([t.strftime(form) for t in DAYS]) == {"%m": "MM/dd/yyyy HH:mm"}.get(
            form[:2], "dd/MM/yyyy hh:mm a"
        )
    assert other_order("M/d/yyyy H:mm") == "d/M/yyyy H:mm"
    assert other_order("yyyy/MM/dd") is None


def test_zones_by_short_names_are_no_iso_times() -> None:
    assert time_format_of(["2024-03-01 10:00:00 CEST"]) is None
    assert (
        time_format_of(["2024-03-01 10:00:00 UTC", "2024-03-01T10:00+05:30", "2024-03-01 10:00 Europe/Berlin"]) == "iso"
    )


@pytest.mark.parametrize(
    ("values", "pattern"),
    [(["12:02 AM", "2:05 PM"], "h:mm a"), (["14:05:33.250"], "H:mm:ss.SSS"), (["09:00", "10:30"], "H:mm")],
)
def test_times_of_the_day(values: list[str], pattern: str) -> None:
    assert is_clock(values)
    assert clock_pattern(values) == pattern
