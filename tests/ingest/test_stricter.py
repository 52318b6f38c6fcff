"""Letters, names and numbers that would silently become other users or clicks."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config.place import Place
from ralm.errors import ConfigError, DataError
from ralm.ingest import casts
from ralm.ingest.ids import trimmed
from ralm.ingest.list_content import read_cells
from ralm.ingest.list_files import list_files
from ralm.ingest.mapping import NOTE, REASON, ROW, Mapped
from ralm.ingest.meeting import meetings
from ralm.ingest.user_list import read_user_list
from tests.ingest.files import HEADER, ROWS, Files

pytestmark = pytest.mark.spark
AT = ",i1,2024-01-01 10:00:00\n"


def test_letters_of_windows_1252_are_no_blanks(files: Files) -> None:
    users = ("\u0160imek", "\u017dimek", "a\u0160b", "M\xfcller")
    files.write("ev.csv", (HEADER + "".join(user + AT for user in users)).encode("cp1252"))
    read, right = files.read_all(
        *({"path": "ev.csv", "options": {"encoding": name}} for name in ("ISO-8859-1", "windows-1252"))
    )
    remedy = "letters of windows-1252 read as ISO-8859-1: set options: {encoding: windows-1252}"
    assert read.bad == {f"invalid user_id ({remedy})": 3}
    assert read.pairs == [("M\xfcller", "i1")]
    assert [user for user, _ in right.pairs] == ["M\xfcller", "a\u0160b", "\u0160imek", "\u017dimek"]
    assert trimmed(" \x8aimek\x00\xa0") == "\x8aimek"


def test_a_list_of_another_encoding_is_refused_before_it_is_trimmed(files: Files) -> None:
    path = files.write("list.csv", b"user_id\n\x8aimek\n\x8eimek\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read_user_list(files.spark, str(path))


def test_utf8_under_another_name_and_names_that_spark_cannot_read(files: Files) -> None:
    for encoding in ("ISO-8859-1", "windows-1252"):
        files.write("ev.csv", HEADER + ROWS + "M\xfcller" + AT)
        source = {"path": "ev.csv", "options": {"encoding": encoding}}
        files.refuses(DataError, source, f"ev.csv: is UTF-8, and options.encoding says {encoding}")
    files.write("item/item=/a.csv", HEADER + ROWS)
    files.refuses(ConfigError, {"path": "item"}, "the folder item= has no value")


def test_files_that_spark_cannot_open_are_named_with_the_remedy(files: Files) -> None:
    files.write("days/2024-01-01T00:00.csv", HEADER + ROWS)
    files.refuses(DataError, {"path": "days", "format": "csv"}, "2024-01-01T00:00.csv: Spark reads no file whose name")
    pq.write_table(
        pa.table({"user_id": ["u1"], "item_id": ["i1"], "at": ["2024-01-01 10:00:00"]}),
        files.folder / "packed.parquet",
        compression="brotli",
    )
    files.refuses(DataError, {"path": "packed.parquet", "format": "parquet"}, "Spark has no Brotli here")
    files.write("table.dat", HEADER + ROWS)
    files.refuses(DataError, {"path": "table.dat", "format": "parquet"}, "or give its `format` (csv")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("a.csv", "csv"), ("d/*.CSV.gz", "csv"), ("a.tsv", "tsv"), ("a.jsonl.zst", "jsonl"), ("csv", "parquet")],
)
def test_the_ending_says_the_format(path: str, kind: str) -> None:
    assert Place(path=path).format == kind
    assert Place(path=path, format="text").format == "text"


def test_unfinished_files_of_a_folder_of_lists(files: Files) -> None:
    for name in ("a.csv", "b.csv.tmp", "c.csv~"):
        files.write(f"lists/{name}", "user_id\nu1\n")
    said: list[str] = []
    found = list_files(files.spark, str(files.folder / "lists"), said.append)
    assert [file.path.rpartition("/")[2] for file in found] == ["a.csv"]
    assert said == [f"list {files.folder}/lists: 2 files are left out as hidden or unfinished: b.csv.tmp, c.csv~"]


def test_formulas_and_formats_of_a_workbook() -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book, made = openpyxl.Workbook(), io.BytesIO()
    book.active.append(("user_id",))
    book.active.append((12,))
    book.active["A2"].number_format = "00000"
    book.save(made)
    assert read_cells(made.getvalue(), "x").rows == [["user_id"], ["00012"]]
    book.active.append(('="u1"',))
    book.save(made := io.BytesIO())
    with pytest.raises(DataError, match="A3 is a formula without a value: open and save the file in Excel"):
        read_cells(made.getvalue(), "x")


def test_flags_numbers_and_minutes_with_a_zone(spark: SparkSession) -> None:
    texts = ["1", "0", "-1", "2", "1d", "1.0f", "1.0"]
    frame = spark.createDataFrame([(text, text[:2]) for text in texts], "raw string, at string")
    kind = frame.schema["raw"].dataType
    clicked, number = casts.cast_flag(F.col("raw"), kind).value, casts.cast_number(F.col("raw"), kind).value
    as_int = F.col("raw").try_cast("int")
    typed = casts.cast_flag(as_int, frame.select(as_int.alias("raw")).schema[0].dataType).value
    times = [F.lit(f"2024-01-01{at}") for at in ("T10:00Z", " 10:00 +01:00", "T10:00:30Z")]
    read = [casts.cast_time(time, kind, None, "Asia/Tokyo").value.cast("string") for time in times]
    rows = frame.select(clicked, number, typed, *read).collect()
    assert [row[0] for row in rows] == [True, False, None, None, None, None, True]
    assert [row[1] for row in rows] == [1, 0, -1, 2, None, None, 1]
    assert [row[2] for row in rows][:4] == [True, False, None, None]
    assert list(rows[0][3:]) == ["2024-01-01 10:00:00", "2024-01-01 09:00:00", "2024-01-01 10:00:30"]


def test_users_of_events_and_impressions_that_never_meet(spark: SparkSession) -> None:
    def log(source: str, ids: list[str]) -> Mapped:
        bare = spark.createDataFrame([(user,) for user in ids], "user_id string")
        none = F.lit(None).cast("string")
        return Mapped(source, bare.withColumns({REASON: none, NOTE: none, ROW: none}))

    logs = [log("events[0]", [f"{n:04}" for n in range(30)]), log("impressions", [str(n) for n in range(30)])]
    (check,) = meetings(None, None, logs, [], [])
    assert (check.name, check.passed) == ("met:events", False)
    assert check.detail == (
        "0 of 30 users of the impressions are in the events (the impressions have '0', the events have '0000'): "
        "are ids written alike?"
    )
