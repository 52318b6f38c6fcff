"""Lists of users as people have them: any kind of file or table, plain or hashed."""

import bz2
import datetime as dt
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.ingest.list_content import read_cells
from ralm.ingest.list_match import ListReport, compared, few_matched, match_users
from ralm.ingest.user_list import read_user_list

pytestmark = pytest.mark.spark
ROWS = ["u1", "u2", "u1", "nobody", "", " u3 "]


@pytest.fixture
def matched(spark: SparkSession, tmp_path: Path) -> Callable[..., tuple[list[str], ListReport]]:
    """Users and report of a list that holds these bytes; users are u0 to u4, or numbers from 12340 on."""

    def run(
        name: str, content: bytes | str, column: str | None = None, numbers: bool = False, hashed: bool = False
    ) -> tuple[list[str], ListReport]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        known = spark.range(12_340, 12_350).selectExpr("cast(id as string) user_id")
        users = known if numbers else spark.createDataFrame([(f"u{i}",) for i in range(5)], "user_id string")
        found, report = match_users(read_user_list(spark, str(path), column), users, hashed=hashed)
        return sorted(row["user_id"] for row in found.collect()), report

    return run


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
    matched, report = match_users(read_user_list(spark, source), users, hashed=False)
    assert sorted(row["user_id"] for row in matched.collect()) == ["u1", "u2", "u3"]
    assert report == ListReport(read=6, empty=1, duplicates=1, matched=3, unmatched=1)


def zipped(content: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("list.csv", content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("no header.csv", "u1\nu2\nu3\n"),  # case 40c: the first id is none the less an id
        ("windows.csv", b"u1\r\nu2\r\nu3\r\n"),
        ("mac.csv", b"u1\ru2\ru3\r"),
        ("other header.csv", "Kunde\nu1\nu2\nu3\n"),
        ("header.csv", "User ID;name\nu1;A\nu2;B;\nu3;C\n"),  # 40f
        ("tabs.tsv", "user_id\tname\nu1\tA\nu2\tB\nu3\tC\n"),
        ("bars.csv", "name|user_id\nA|u1\nB|u2\nC|u3\n"),
        ("sep.csv", "sep=;\nuser_id;name\nu1;A\nu2;B\nu3;C\n"),
        ("quoted.csv", '"user_id","name"\n"u1","A, ""the"" first"\n"u2","two\nlines"\n" u3",\n'),
        ("quoted.txt", '"u1"\n"u2"\n"u3"\n'),
        ("mark.csv", b"\xef\xbb\xbfuser_id\nu1\nu2\nu3\n"),
        ("mark no header.csv", b"\xef\xbb\xbfu1\nu2\nu3\n"),
        ("utf16.txt", "user_id\tname\r\nu1\tJosé\r\nu2\tB\r\nu3\tC\r\n".encode("utf-16")),
        ("utf16 no mark.csv", "u1\nu2\nu3\n".encode("utf-16-le")),
        ("utf16 other end.csv", "u1\nu2\nu3\n".encode("utf-16-be")),
        ("latin names.csv", "user_id,name\nu1,José\nu2,B\nu3,C\n".encode("latin-1")),
        ("lines.jsonl", '{"user_id": "u1", "x": {"y": 1}}\n{"user_id": "u2"}\n\n{"x": 1, "user_id": "u3"}\n'),
        ("one.json", '{"user_id": "u1"}\n{"user_id": "u2"}\n{"user_id": "u3"}'),
        ("array.json", '["u1", "u2", "u3", "u3"]'),
        ("objects.json", '[{"user_id": "u1"},\n {"user_id": "u2"}, {"user_id": "u3", "n": null}]'),
        ("packed.csv.gz", gzip.compress(b"user_id,name\nu1,A\nu2,B\nu3,C\n", mtime=0)),
        ("packed without saying.csv", gzip.compress(b"u1\nu2\nu3\n", mtime=0)),
        ("packed.txt.bz2", bz2.compress(b"u1\nu2\nu3\n")),
        ("packed.zip", zipped("user_id,n\nu1,1\nu2,2\nu3,3\n")),
        ("no ending", "u1\nu2\nu3\n"),
        ("browser[1] {copy}*.csv", "u1\nu2\nu3\n"),  # 33c
        ("blanks.txt", "\n \n\u00a0u1\u00a0\n\tu2\u200b\n\n  \nu3\n\n"),
        ("last line.csv", "user_id,name\nu1,A\nu2,B\nu3,C"),
        ("gone.csv", "user_id,name\nu1\nu2,B\nu3,C"),
    ],
)
def test_files_of_any_form(
    matched: Callable[..., tuple[list[str], ListReport]], name: str, content: bytes | str
) -> None:
    users, report = matched(name, content)
    assert users == ["u1", "u2", "u3"]
    assert report.unmatched == 0
    assert report.read - report.empty - report.duplicates == 3
    assert report.header in (None, "Kunde")


def test_columns_are_named_or_numbered(matched: Callable[..., tuple[list[str], ListReport]]) -> None:
    assert matched("a.csv", "Kunde;Ort\nu1;A\nu2;B\n", "kunde")[0] == ["u1", "u2"]
    assert matched("b.csv", "A;u1\nB;u2\n", "2")[0] == ["u1", "u2"]
    assert matched("c.csv", "Ort;Kunde\nA;u1\nB;u2\n", "2")[0] == ["u1", "u2"]
    with pytest.raises(
        ConfigError, match=r"name its column of user ids with --column; it has u1, A; in a file without"
    ):
        matched("d.csv", "u1;A\nu2;B\n")
    with pytest.raises(ConfigError, match=r"e\.csv \(CSV with semicolons .*\): no column id; it has Kunde, Ort"):
        matched("e.csv", "Kunde;Ort\nu1;A\n", "id")
    with pytest.raises(ConfigError, match="name its column of user ids with --column; it has a, b"):
        matched("f.jsonl", '{"a": "u1", "b": 1}\n{"a": "u2"}\n')


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"users": ["u1", "u2"]}', "users is a list or an object: .* such as by jq"),
        ("b.jsonl", '{"user": {"id": "u1"}}\n{"user": {"id": "u2"}}', "user is a list or an object"),
        ("open.csv", 'user_id,name\nu1,"A\nu2,B\n', "line 3: quotes left open"),
        ("long.csv", "user_id,name\nu1,A,B\nu2,B\n", "line 2 has 3 cells, the first line 2"),
        ("latin.csv", "user_id\nMüller\nMöller\n".encode("latin-1"), "not UTF-8, .*save it as UTF-8"),
        ("half.csv.gz", gzip.compress(b"u1\nu2\n" * 1000, mtime=0)[:-9], "damaged: not all of its gzip content"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"old form \(\.xls\): save it as CSV or \.xlsx"),
        ("page.xls", "<html><table><tr><td>u1</td></tr></table>", "an HTML or XML page"),
        ("bytes.csv", b"u1\x00\x01\x02\x03u2\x00", "a binary file of no known format"),
        ("broken.json", '[{"user_id": "u1"}, {"user_id"', "it begins as JSON and is none"),
        ("floats.json", "[true]", "a value that is no id: true"),
        ("large.csv", "user_id\n1.23457E+11\n", r"the id 1\.23457E\+11 has lost digits in a spreadsheet"),
    ],
)
def test_what_cannot_be_read_rightly_is_refused(
    matched: Callable[..., tuple[list[str], ListReport]], name: str, content: bytes | str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        matched(name, content)


def test_decimals_are_whole_numbers_or_refused(
    spark: SparkSession, tmp_path: Path, matched: Callable[..., tuple[list[str], ListReport]]
) -> None:
    """Case 40d: pandas and Excel write 12345 as 12345.0 or 1.2345E+04."""
    users, report = matched("x.csv", "user_id\n12345.0\n1.2346E+04\n12347\n12345\n", numbers=True)
    assert users == ["12345", "12346", "12347"]
    assert (report.decimals, report.duplicates) == (2, 1)
    assert "2 decimals such as 12345.0 taken as whole numbers" in str(report)
    known = spark.createDataFrame([("12345.0",)], "user_id string")  # a user may really be called so
    found, report = match_users(read_user_list(spark, str(tmp_path / "x.csv")), known, hashed=False)
    assert [row["user_id"] for row in found.collect()] == ["12345.0"]
    path = str(tmp_path / "double")
    spark.sql("SELECT explode(array(12345.0D, double('NaN'), null)) AS user_id").write.parquet(path)
    numbers = spark.range(12_340, 12_350).withColumnRenamed("id", "user_id")
    found, report = match_users(read_user_list(spark, path), numbers, hashed=False)
    assert [row["user_id"] for row in found.collect()] == [12345]
    assert (report.read, report.empty) == (3, 2)
    spark.sql("SELECT 12345.5D AS user_id").write.parquet(f"{path} 2")
    with pytest.raises(DataError, match=r"column user_id is double, and 12345\.5 is no id"):
        read_user_list(spark, f"{path} 2")


def test_markers_of_missing_ids_are_none_unless_a_user_is_called_so(
    spark: SparkSession, tmp_path: Path, matched: Callable[..., tuple[list[str], ListReport]]
) -> None:
    found, report = matched("x.csv", "user_id\nu1\nNULL\n\\N\nnan\nn/a\n-\n\ngone\n")
    assert found == ["u1"]
    assert (report.read, report.empty, report.unmatched, report.decimals) == (8, 6, 1, 0)
    known = spark.createDataFrame([("nan",)], "user_id string")
    users, report = match_users(read_user_list(spark, str(tmp_path / "x.csv")), known, hashed=False)
    assert [row["user_id"] for row in users.collect()] == ["nan"]
    assert report.empty == 5


def test_workbooks(matched: Callable[..., tuple[list[str], ListReport]], tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "Kunden"
    for row in (
        ("User_ID", "since"),
        (12345, dt.datetime(2024, 1, 1)),
        (12346.0, None),
        ("12347 ", None),
        (None, None),
    ):
        book.active.append(row)
    path = tmp_path / "made.xlsx"
    book.create_sheet("empty")
    book.save(path)
    users, report = matched("list.xlsx", path.read_bytes(), numbers=True)
    assert users == ["12345", "12346", "12347"]
    assert report.read == 3
    assert read_cells(path.read_bytes(), "x").form == "an Excel workbook, sheet 'Kunden'"
    book["empty"].append(("12348",))
    book.save(path)
    with pytest.raises(DataError, match=r"several sheets hold rows \(Kunden, empty\)"):
        matched("list.xlsx", path.read_bytes(), numbers=True)
    book.remove(book["empty"])
    book.active.append((1234567890123456789,))
    book.save(path)
    with pytest.raises(DataError, match="has lost digits in a spreadsheet"):
        matched("list.xlsx", path.read_bytes(), numbers=True)
    with pytest.raises(DataError, match=r"cannot be read; it is damaged|cannot be opened"):
        matched("cut.xlsx", path.read_bytes()[:-200], numbers=True)


def test_a_reader_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    made = io.BytesIO()
    openpyxl.Workbook().save(made)
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(ConfigError, match=r"install openpyxl \(pip install 'ralm\[excel\]'\)"):
        read_cells(made.getvalue(), "list.xlsx")


def test_both_sides_are_shown_when_little_matches(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("user_id;name\nx1;A\nx2;B\n", encoding="utf-8")
    users = spark.createDataFrame([("u1",), ("u2",)], "user_id string")
    given = read_user_list(spark, str(path))
    report = match_users(given, users, hashed=False)[1]
    assert few_matched(report)
    assert compared(given, users, hashed=False) == (
        "it was taken for CSV with semicolons between its columns, UTF-8; first ids as read: 'x1', 'x2'; "
        "users as known: 'u1', 'u2'"
    )


def test_folders_and_missing_files(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for name, text in {"a.csv": "user_id\nu1\n", "b.csv": "user_id\nu2\n", "_SUCCESS": "", ".a.crc": "u9"}.items():
        (tmp_path / "parts" / name).write_text(text, encoding="utf-8")
    users = spark.createDataFrame([("u1",), ("u2",)], "user_id string")
    for source in ("parts", "parts/*.csv"):
        report = match_users(read_user_list(spark, str(tmp_path / source)), users, hashed=False)[1]
        assert (report.read, report.matched) == (2, 2)
    (tmp_path / "nothing").mkdir()
    assert match_users(read_user_list(spark, str(tmp_path / "nothing")), users, hashed=False)[1].read == 0
    with pytest.raises(MissingInputError, match="no such file, Delta table or table of the catalog"):
        read_user_list(spark, str(tmp_path / "none"))
    spark.createDataFrame([("u1",)], "user_id string").write.parquet(str(tmp_path / "odd[1]{2}"))
    assert match_users(read_user_list(spark, str(tmp_path / "odd[1]{2}")), users, hashed=False)[1].matched == 1


def test_numbers_and_digests(spark: SparkSession, tmp_path: Path) -> None:
    """Ids that are numbers are hashed as their digits; upper case digits are the same digest."""
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in (3, 4, 99)]
    path = tmp_path / "hashed.txt"
    path.write_text("\n".join([*digests, digests[0].upper()]), encoding="utf-8")
    users = spark.range(10).withColumnRenamed("id", "user_id")
    matched, report = match_users(read_user_list(spark, str(path)), users, hashed=True)
    assert sorted(row["user_id"] for row in matched.collect()) == [3, 4]
    assert report == ListReport(read=4, empty=0, duplicates=1, matched=2, unmatched=1)
    path.write_text("digest\n" + "\n".join(digests), encoding="utf-8")
    assert match_users(read_user_list(spark, str(path)), users, hashed=True)[1].matched == 2
    path.write_text(json.dumps([str(i) for i in range(10)]), encoding="utf-8")
    with pytest.raises(DataError, match="10 ids are not SHA-256 digests"):
        match_users(read_user_list(spark, str(path)), users, hashed=True)
