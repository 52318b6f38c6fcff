"""Lists of users as people have them: any kind of file or table, plain or hashed."""

import hashlib
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ralm.errors import DataError
from ralm.ingest.user_list import ListReport, match_users, read_user_list

pytestmark = pytest.mark.spark
ROWS = ["u1", "u2", "u1", "nobody", "", " u3 "]


@pytest.mark.parametrize("kind", ["txt", "csv", "parquet", "delta", "table"])
def test_any_kind_of_list(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"list.{kind}"
    frame = spark.createDataFrame([(row, 1) for row in ROWS], "user_id string, campaign int").coalesce(1)
    if kind == "txt":
        path.write_text("\n".join(ROWS) + "\n", encoding="utf-8")
    elif kind == "csv":
        path.write_text("user_id,campaign\n" + "".join(f'"{row}",1\n' for row in ROWS), encoding="utf-8")
    elif kind == "table":
        frame.write.mode("overwrite").saveAsTable("listed_users")
    else:
        frame.write.format(kind).save(str(path))
    source = "listed_users" if kind == "table" else str(path)
    users = spark.createDataFrame([(f"u{i}",) for i in range(5)], "user_id string")
    matched, report = match_users(read_user_list(spark, source), users, source, hashed=False)
    assert sorted(row["user_id"] for row in matched.collect()) == ["u1", "u2", "u3"]
    assert report == ListReport(read=6, empty=1, duplicates=1, matched=3, unmatched=1)


def test_numbers_and_digests(spark: SparkSession, tmp_path: Path) -> None:
    """Ids that are numbers are hashed as their digits; upper case digits are the same digest."""
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in (3, 4, 99)]
    path = tmp_path / "hashed.txt"
    path.write_text("\n".join([*digests, digests[0].upper()]), encoding="utf-8")
    users = spark.range(10).withColumnRenamed("id", "user_id")
    matched, report = match_users(read_user_list(spark, str(path)), users, str(path), hashed=True)
    assert sorted(row["user_id"] for row in matched.collect()) == [3, 4]
    assert report == ListReport(read=4, empty=0, duplicates=1, matched=2, unmatched=1)
    with pytest.raises(DataError, match="10 ids are not SHA-256 digests"):
        match_users(users.selectExpr("cast(user_id as string) id"), users, "plain", hashed=True)
