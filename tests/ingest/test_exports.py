"""Exports of spreadsheets and files put together from others: the right rows, or one line that says what is wrong."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import unicodedata

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ralm.errors import DataError
from tests.ingest.files import Files, bad

pytestmark = pytest.mark.spark
COLUMNS = {"user_id": "Kunden Nr", "feature_id": "Gewählt", "event_time": "at"}


def test_an_export_with_titles_formulas_and_a_sum(files: Files) -> None:
    """Ids in formulas, separators at the ends of rows, letters in two parts and hard blanks in the header."""
    header = unicodedata.normalize("NFD", "Kunden\u00a0Nr;Gewählt;at")
    rows = [f'="{n:03d}";="a{n % 3}";2024-01-01 10:00:{n:02d},5;' for n in range(30)]
    text = [
        "Bericht",
        "von;05.02.2024;;",
        header,
        *rows[:20],
        header,
        *rows[20:],
        "Summe;;;30",
        "'x';[1, 2];2024-01-01;",
    ]
    files.write("ev.csv", "\ufeff" + "\r\n".join(text) + "\r\n")
    result = files.read({"path": "ev.csv", "options": {"sep": ";"}, "columns": COLUMNS})
    found = {(row["user_id"], row["feature_id"], row["event_time"]) for row in result.events.collect()}
    expected = {(f"{n:03d}", f"a{n % 3}", dt.datetime(2024, 1, 1, 10, 0, n, 500_000)) for n in range(30)}
    assert found == expected | {("'x'", "[1, 2]", dt.datetime(2024, 1, 1))}
    assert bad(result) == {"null feature_id": 1}
    told = " ".join(result.told)
    assert "2 lines above the header are left out, such as 'Bericht'" in told
    assert "30 of 32 rows, formulas round user_id" in told
    assert "apostrophes round user_id" in told


def test_a_header_that_comes_again_is_no_row(files: Files) -> None:
    """Without times, nothing else tells it from a user."""
    part = b"user_id,item_id\nu1,i1\nu2,i2\n"
    files.write("a/1.csv.gz", gzip.compress(part) + gzip.compress(part.replace(b"u", b"v").replace(b"vser", b"user")))
    files.write("a/2.csv", "item_id,user_id\ni3,u3\n" + '\ufeff"item_id",user_id\ni4,u4\n')
    columns = {"user_id": "user_id", "feature_id": "item_id"}
    shown = {"path": "a/2.csv", "format": "csv", "columns": {"user_id": "user_id", "item_id": "item_id"}}
    keys = {"untimed": True, "impressions": shown}
    result = files.read({"path": "a", "columns": columns}, **keys)
    assert {row["user_id"] for row in result.events.collect()} == {"u1", "u2", "v1", "v2", "u3", "u4"}
    assert bad(result) == {}
    files.write("b.csv", "user_id,item_id\nu1,i1\nitem_id,user_id\ni2,u2\n")
    with pytest.raises(DataError, match=r"b\.csv: a second header line, in another order"):
        files.read({"path": "b.csv", "columns": columns}, **keys)


def test_parquet_columns_with_any_name(files: Files) -> None:
    at = pa.array([1_704_103_200_000_000_000], pa.timestamp("ns"))
    pq.write_table(pa.table({"Kunden Nr": ["u1"], "Gewählt": ["i1"], "at": at, "a;b (c)=d": [1]}), files.folder / "p")
    result = files.read({"path": "p", "format": "parquet", "columns": COLUMNS})
    assert [tuple(row) for row in result.events.select("user_id", "feature_id", "event_time").collect()] == [
        ("u1", "i1", dt.datetime(2024, 1, 1, 10))
    ]


def test_json_values_that_would_be_left_out(files: Files) -> None:
    rows = [json.dumps({"user_id": f"u{n}", "item_id": "i1", "at": "2024-01-01 10:00:00"}) for n in range(3)]
    files.write("a.jsonl", rows[0] + rows[1] + "\n" + rows[2] + "\n")
    files.refuses(DataError, {"path": "a.jsonl", "format": "jsonl"}, "a.jsonl: line 1 holds several JSON values")
    files.write("b.jsonl", ",\n".join(rows))
    assert files.pairs({"path": "b.jsonl", "format": "jsonl"}) == [("u0", "i1"), ("u1", "i1"), ("u2", "i1")]


def test_labels_and_flags_of_spreadsheets(files: Files) -> None:
    shown = "user_id,item_id,shown_at,clicked\nu1,i2,2024-01-03 10:00:00,1.0\nu2,i1,2024-01-04 10:00:00,0.0\n"
    files.write("imp.csv", shown)
    files.write(
        "ev.csv", "user_id,item_id,at,kind\nu1,i1,2024-01-01 10:00:00,reading \nu2,i1,2024-01-01 10:00:00,reading\n"
    )
    columns = {"user_id": "user_id", "feature_id": "item_id", "event_time": "at", "domain": "kind"}
    result = files.read({"path": "ev.csv", "columns": columns, "domain": None})
    assert {row["domain"] for row in result.events.collect()} == {"reading"}
    assert {(row["user_id"], row["clicked"]) for row in result.impressions.collect()} == {("u1", True), ("u2", False)}
