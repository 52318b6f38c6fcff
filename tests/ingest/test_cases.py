"""Ids and times as people's exports have them: each listed case with its right value or message."""

import datetime as dt
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config import load_config
from ralm.errors import ConfigError
from ralm.ingest import casts
from ralm.ingest.ids import BLANKS, DECIMALS, LOST_DIGITS, NOT_UTF8, read_id, stripped, trimmed
from tests.ingest.files import Read, read

pytestmark = pytest.mark.spark
SHOWN = "user_id,item_id,shown_at,clicked\nu1,i2,2024-01-03 10:00:00,1\nu2,i1,2024-01-04 10:00:00,0\n"


def log(spark: SparkSession, folder: Path, events: str, shown: str = SHOWN, *settings: str, **source: Any) -> Read:
    """A log of events and one of impressions, read; `source` are settings of the events' source."""
    (folder / "ev.csv").write_text(events, encoding="utf-8")
    (folder / "imp.csv").write_text(shown, encoding="utf-8")
    columns = {"user_id": "user_id", "feature_id": "item_id", "event_time": "at"}
    impressions = {"user_id": "user_id", "item_id": "item_id", "shown_at": "shown_at", "clicked": "clicked"}
    content = {
        "name": "c",
        "data_root": str(folder),
        "dates": {"a0": 0.3, "a1": 0.5, "a2": 0.7},
        "ingest": {
            "events": [{"path": "ev.csv", "format": "csv", "domain": "reading", "columns": columns, **source}],
            "impressions": {"path": "imp.csv", "format": "csv", "columns": impressions},
            "max_bad_share": 1.0,
        },
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(content))
    return read(spark, load_config(folder / "c.yaml", list(settings)))


def test_markers_and_blanks_of_ids(spark: SparkSession, tmp_path: Path) -> None:
    """Case 25: of all these, u1 and U1 are users."""
    missing = ["null", "NULL", "None", "NaN", "nan", "\\N", "N/A", "-", "(not set)", " ", "\u00a0", "\u200b", "\ufeff",
               "undefined", "00000000-0000-0000-0000-000000000000"]  # fmt: skip
    ids = ["u1", "u1 ", " u1", "\u00a0u1\u200b", "U1", *missing]
    text = "user_id,item_id,at\n" + "".join(f'"{uid}",i1,2024-01-01 10:00:00\n' for uid in ids)
    result = log(spark, tmp_path, text)
    assert {row["user_id"] for row in result.events.collect()} == {"u1", "U1"}
    assert result.counts["events[0].null user_id"] == len(missing)
    told = [line for line in result.told if "blanks round user_id" in line]
    assert told == [f"events[0]: 3 of {len(ids)} rows, blanks round user_id: blanks round the id were dropped"]
    own = log(spark, tmp_path, text, SHOWN, "ingest.null_markers=[U1]")
    assert {row["user_id"] for row in own.events.where("user_id != 'u1'").collect()} >= {"null", "-"}


def test_blanks_are_the_same_with_and_without_spark(spark: SparkSession) -> None:
    # All characters that Java and Python know, but surrogates, which stand for no character alone.
    points = map(chr, (*range(0xD800), *range(0xE000, 0x10000)))
    every = [one for one in points if unicodedata.category(one) == unicodedata.ucd_3_2_0.category(one)]
    frame = spark.createDataFrame([(f"{character}u 1{character}",) for character in every], "raw string")
    found = [row[0] for row in frame.select(stripped(F.col("raw"))).collect()]
    assert found == [trimmed(f"{character}u 1{character}") for character in every]


def test_ids_that_became_decimals(spark: SparkSession) -> None:
    texts = {
        "12345.0": ("12345", DECIMALS), "1.2345E+04": ("12345", DECIMALS), "-3.00": ("-3", DECIMALS),
        "1.23457E+11": (None, LOST_DIGITS), "1E+05": (None, LOST_DIGITS), "12e45": ("12e45", None),
        "0012": ("0012", None), "1.5": ("1.5", None), "v1.0": ("v1.0", None), " 7.0": ("7", DECIMALS),
        "M\ufffdller": (None, NOT_UTF8), "\tu": ("u", BLANKS),
    }  # fmt: skip
    frame = spark.createDataFrame(list(enumerate(texts)), "n int, raw string").orderBy("n")
    found = read_id(F.col("raw"), frame.schema["raw"].dataType)
    rows = frame.select(found.value, found.done).collect()
    assert {text: tuple(row) for text, row in zip(texts, rows, strict=True)} == texts
    for kind in ("double", "float", "decimal(20,2)"):
        numbers = spark.sql(
            f"SELECT cast(x AS {kind}) AS raw FROM VALUES (0, 7.0), (1, 1.5), (2, null) AS t(n, x) ORDER BY n"
        )
        value = casts.cast_id(F.col("raw"), numbers.schema["raw"].dataType, "bigint")
        assert [row[0] for row in numbers.select(value.value).collect()] == [7, None, None], kind
        assert [row[0] for row in numbers.select(value.present).collect()] == [True, True, False]
    large = spark.sql("SELECT explode(array(9007199254740993D, double('inf'), double('nan'))) AS raw")
    value = casts.cast_id(F.col("raw"), large.schema["raw"].dataType, "string")
    assert [tuple(row) for row in large.select(value.value, value.present).collect()][1:] == [
        (None, True),
        (None, False),
    ]


def test_text_of_another_encoding(spark: SparkSession, tmp_path: Path) -> None:
    """Case 10m: three users who would be one."""
    result = log(spark, tmp_path, "user_id,item_id,at\nM\ufffdller,i1,2024-01-01 10:00:00\nu1,i1,2024-01-01 10:00:00\n")
    assert {row["user_id"] for row in result.events.collect()} == {"u1"}
    assert [n for reason, n in result.counts.items() if reason.startswith("events[0].invalid user_id (not UTF-8")] == [
        1
    ]
    assert any("options: {encoding: windows-1252}" in line for line in result.told)


def test_a_busy_id_is_named(spark: SparkSession, tmp_path: Path) -> None:
    rows = [f"u{n},i{n % 40},2024-01-01 10:{n % 60:02}:00" for n in range(200)]
    rows += [f"guest,i{n % 40},2024-01-02 10:{n % 60:02}:{n // 60:02}" for n in range(60)]
    result = log(spark, tmp_path, "user_id,item_id,at\n" + "\n".join(rows))
    busy = [check for check in result.checks if check.name == "busy_id:events[0]"]
    assert len(busy) == 1
    assert "user_id 'guest' has 23% of 260 rows" in busy[0].detail
    assert not busy[0].passed
    quiet = log(spark, tmp_path, "user_id,item_id,at\n" + "\n".join(rows), SHOWN, "ingest.busy_id_share=0.3")
    assert not any(check.name.startswith(("busy_id", "users:")) for check in quiet.checks)
    devices = [f"{('ios', 'web')[n % 2]},i{n},2024-01-01 10:{n % 60:02}:00" for n in range(200)]
    told = log(spark, tmp_path, "user_id,item_id,at\n" + "\n".join(devices)).told
    assert any("200 rows are of 2 users (ios, web): is user_id mapped to the right column?" in line for line in told)


def test_nothing_is_said_of_a_clean_table_of_items(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id\n" + "\n".join(f"i{n}" for n in range(300)))
    rows = [f"u{n},i{n},2024-01-01 10:{n % 60:02}:00" for n in range(300)]
    items = "ingest.items={path: items.csv, format: csv, columns: {item_id: item_id}}"
    result = log(spark, tmp_path, "user_id,item_id,at\n" + "\n".join(rows), SHOWN, items)
    assert [line for line in result.told if line.startswith("items")] == []
    assert result.counts["items.rows"] == 300


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        # case 21a
        ("1704103200", "epoch_ms",
         ["ingest.events[0].time_format", "1704103200 looks like seconds", "1970-01-20", "epoch_s"]),
        ("1704103200123", "epoch_us", ["looks like milliseconds", "set epoch_ms"]),
        ("1704103200", "epoch_ns", ["looks like seconds"]),
    ],
)  # fmt: skip
def test_times_of_a_wrong_unit(spark: SparkSession, tmp_path: Path, value: str, unit: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        log(spark, tmp_path, f"user_id,item_id,at\nu0,i1,{value}\n", time_format=unit)
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert "\n" not in str(raised.value)


def test_times_that_do_not_meet(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"times \(2004-01-01 to 2004-01-01\) do not meet those of the impressions \(2024"
    ):
        log(spark, tmp_path, "user_id,item_id,at\nu0,i1,2004-01-01 10:00:00\n")
    late = log(spark, tmp_path, "user_id,item_id,at\nu0,i1,2024-03-01 10:00:00\n")
    assert any("are after the last impression (2024-01-04)" in line for line in late.told)
    before = log(spark, tmp_path, "user_id,item_id,at\nu0,i1,2023-12-01 10:00:00\n")
    assert before.told == []


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("1704103200123456", "epoch_us", dt.datetime(2024, 1, 1, 10, 0, 0, 123456)),  # case 21f
        ("1704103200123456000", "epoch_ns", dt.datetime(2024, 1, 1, 10, 0, 0, 123456)),
        ("Mon Jan 01 10:00:00 +0000 2024", "EEE MMM dd HH:mm:ss Z yyyy", dt.datetime(2024, 1, 1, 10)),
        ("Mon, 01 Jan 2024 10:00:00 GMT", "EEE, dd MMM yyyy HH:mm:ss z", dt.datetime(2024, 1, 1, 10)),
        ("1.7041E+12", "epoch_ms", None),
        ("1.7041032E+09", "epoch_s", None),
        ("\\N", "epoch_s", None),
        ("1704103200", ["epoch_ms", "epoch_s"], dt.datetime(2024, 1, 1, 10)),
        ("1704103200123", ["epoch_s", "epoch_ms"], dt.datetime(2024, 1, 1, 10, 0, 0, 123000)),
        ("01.01.2024 10:00", ["iso", "dd.MM.yyyy HH:mm"], dt.datetime(2024, 1, 1, 10)),
        (" 2024-01-01T10:00:00Z ", ["iso", "dd.MM.yyyy HH:mm"], dt.datetime(2024, 1, 1, 10)),
    ],
)
def test_forms_of_times(spark: SparkSession, value: str, form: Any, expected: dt.datetime | None) -> None:
    frame = spark.createDataFrame([(value,)], "raw string")
    column = casts.cast_time(F.col("raw"), frame.schema["raw"].dataType, form, "UTC").value
    assert [row[0] for row in frame.select(column).collect()] == [expected]


def test_two_units_in_a_column_are_told(spark: SparkSession, tmp_path: Path) -> None:
    rows = [f"u{n},i1,{1704103200000 + n}" for n in range(40)] + ["u99,i1,1704103200"]
    result = log(spark, tmp_path, "user_id,item_id,at\n" + "\n".join(rows), time_format="epoch_ms")
    assert any("1 of 41 times lie before 1990" in line for line in result.told)
    both = log(spark, tmp_path, "user_id,item_id,at\n" + "\n".join(rows), time_format=["epoch_ms", "epoch_s"])
    assert both.events.where("to_date(event_time) != '2024-01-01'").isEmpty()
    assert both.told == []


def test_clicks_that_say_nothing_and_domains_without_events(spark: SparkSession, tmp_path: Path) -> None:
    events = "user_id,item_id,at,kind\nu0,i1,2024-01-01 10:00:00,reading\n"
    columns = {"user_id": "user_id", "feature_id": "item_id", "event_time": "at", "domain": "kind"}
    fields = "fields={history: [reading, buying], item_domains: [reading], strong_domain: reading}"
    result = log(spark, tmp_path, events, SHOWN.replace(",0\n", ",1\n"), fields, domain=None, columns=columns)
    assert any("non-clicks are sampled" in line for line in result.told)
    assert any("no event is of the domain 'buying' (fields); there are reading 1" in line for line in result.told)
