"""Ids that look the same: letters in two parts, blanks of another kind, characters without a width, alphabets."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.ingest.letters import as_seen, seen
from ralm.ingest.list_match import match_users
from ralm.ingest.user_list import read_user_list
from tests.ingest.files import HEADER, Files, bad, pairs

pytestmark = pytest.mark.spark
AT = ",i1,2024-01-01 10:00:00\n"


def two_forms(letter: str) -> bool:
    parts = unicodedata.normalize("NFD", letter)
    return len(parts) > 1 and unicodedata.normalize("NFC", parts) == letter


def test_texts_are_put_together_as_unicode_says(spark: SparkSession) -> None:
    """Against Python's own normal form, on texts of letters that have one form in parts and another in one."""
    draw = random.Random(3)
    every = map(chr, range(0xC0, 0x3100))
    whole = [one for one in every if not unicodedata.category(one).startswith("M") and two_forms(one)]
    kept = [*"aZ9 -_", "\u200d", "ß", "日", "\U0001f600"]
    texts = ["".join(draw.choice((draw.choice(whole), draw.choice(kept))) for _ in range(6)) for _ in range(300)]
    parts = [unicodedata.normalize("NFD", text) for text in texts]
    frame = spark.createDataFrame([(text,) for text in [*texts, *parts]], "raw string")
    found = [row[0] for row in frame.select(as_seen(F.col("raw"))).collect()]
    expected = [unicodedata.normalize("NFC", text) for text in texts]
    assert found[: len(texts)] == expected
    assert found[len(texts) :] == expected


def test_spark_and_python_see_the_same(spark: SparkSession) -> None:
    texts = [
        "a\u200bb",
        "a\u00adb",
        "\u202aab\u202c",
        "a\u00a0b\u3000c",
        "Mu\u0308ller",
        "a\u2060\ufeffb",
        "a\u200db",
        "ab",
    ]
    frame = spark.createDataFrame([(text,) for text in texts], "raw string")
    found = [row[0] for row in frame.select(as_seen(F.col("raw"))).collect()]
    assert found == [seen(text) for text in texts]
    assert found == ["ab", "ab", "ab", "a b c", "M\xfcller", "ab", "a\u200db", "ab"]


def test_what_looks_the_same_stays_apart_and_is_said(files: Files) -> None:
    """A reader of the audiences knows users by their own letters; blanks round one and an apostrophe are none."""
    same = ["M\xfcller", "Mu\u0308ller", "Mu\u0308l\u200bler", " M\xfcller"]
    others = ["o x", "o\u00a0x", "'007", "007", "usera", "user\u0430", "12", "１２"]
    files.write("ev.csv", HEADER + "".join(user + AT for user in [*same, *others]))
    result = files.read({"path": "ev.csv"})
    assert [user for user, _ in pairs(result)] == sorted({*same[:3], *others} - {"'007"})
    assert bad(result) == {}
    told = " ".join(result.told)
    assert "3 of 12 rows, letters in parts, or unseen ones, in user_id: parts (a + ¨), no-break spaces or" in told
    assert "1 of 12 rows, an apostrophe before user_id: Excel's ' before a number was dropped" in told
    assert "1 of 12 rows, letters of two alphabets in user_id: Latin letters beside Cyrillic" in told
    assert "1 of 12 rows, wide letters in user_id: １２ is another id than 12" in told


def test_lists_match_what_looks_the_same(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("user_id\nMu\u0308ller\no\u00a0x\n'007\nnobody\n", encoding="utf-8")
    users = spark.createDataFrame([("M\xfcller",), ("o x",), ("007",)], "user_id string")
    found, report = match_users(read_user_list(spark, str(tmp_path / "list.csv")), users, hashed=False)
    assert sorted(row["user_id"] for row in found.collect()) == ["007", "M\xfcller", "o x"]
    assert (report.matched, report.unmatched, report.decimals) == (3, 1, 0)


def test_keys_of_joins_follow_the_rule_of_ids(files: Files) -> None:
    files.write("ev.csv", "user_id,sku,at\nu1,1,2024-01-01\nu2,2,2024-01-01\nu3,NA,2024-01-01\n")
    files.write("p.csv", "sku,cat\n1.0,a\n2\u00a0,b\nNA,c\n")
    join = {"path": "p.csv", "format": "csv", "on": "sku", "columns": ["cat"]}
    columns = {"user_id": "user_id", "feature_id": "cat", "event_time": "at"}
    files.parquet("p.parquet", sku=[1.0, None, 2.0, 2.5], cat=["a", "x", "b", "c"])
    floats = join | {"path": "p.parquet", "format": "parquet"}
    texts, numbers = files.read_all(
        *({"path": "ev.csv", "join": one, "columns": columns} for one in (join, floats)),
    )
    assert texts.pairs == [("u1", "a"), ("u2", "b"), ("u3", "c")]
    assert (numbers.pairs, numbers.bad) == ([("u1", "a"), ("u2", "b")], {"null feature_id": 1})
