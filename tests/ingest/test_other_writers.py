"""What other programs write: large blocks, arrays in a row, numbers with a power, optional zones, hidden files."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from ralm.config.time_formats import with_and_without
from ralm.errors import ConfigError, DataError
from ralm.ingest import heads
from ralm.ingest.files import SourceFile
from ralm.ingest.heads import read_heads
from ralm.ingest.json_heads import by_columns, hidden_values
from ralm.ingest.json_text import lines_of, with_numbers_as_texts
from ralm.ingest.list_content import read_cells
from ralm.ingest.list_files import list_files
from ralm.ingest.user_list import read_user_list
from tests.ingest.files import HEADER, ROWS, Files, parts_of

pytestmark = pytest.mark.spark
AT = '"at":"2024-01-01 10:00:00"'


def zstd(content: bytes) -> bytes:
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    return packed.getvalue().to_pybytes()


def lz4(content: bytes) -> bytes:
    """In one block, as the command `lz4` writes up to 4 MB."""
    block = pa.Codec("lz4_raw").compress(content, asbytes=True)
    return bytes.fromhex("04224d18607073") + len(block).to_bytes(4, "little") + block + bytes(4)


@pytest.mark.parametrize("pack", [zstd, lz4])
def test_a_block_that_is_larger_than_what_is_looked_at_is_not_damaged(files: Files, pack: Callable) -> None:
    """Nothing of a block is known before it is whole."""
    ids = [base64.b64encode(os.urandom(24)).decode() for _ in range(40_000)]
    text = (HEADER + "".join(f"{one},i1,2024-01-01 10:00:00\n" for one in ids)).encode()
    content, name = pack(text), pack.__name__
    assert len(content) > heads.SIZE
    found = SourceFile(str(files.write(f"ev.{name}", content)), len(content), 0, str(files.folder))
    (head,) = read_heads(files.spark, [found], None, "ev")
    assert head.content == text[: heads.SIZE]
    assert not head.whole
    cut = SourceFile(str(files.write(f"cut.{name}", content[:5000])), 5000, 0, str(files.folder))
    with pytest.raises(DataError, match=rf"cut\.{name}: its {name} is damaged"):
        read_heads(files.spark, [cut], None, "ev")


def test_endings_in_capitals(files: Files) -> None:
    """Spark unpacks by endings, in small letters only."""
    files.write("EV.CSV.GZ", gzip.compress((HEADER + ROWS).encode()))
    assert files.pairs({"path": "EV.CSV.GZ"}) == [("u1", "i1"), ("u2", "i2")]


@pytest.mark.parametrize("text", ['[{"a":1}][{"a":2}]\n', '[{"a":1}], [{"a":2}]', '{"a":1}\n[1][2]\n'])
def test_arrays_one_behind_the_other_are_several_values(text: str) -> None:
    assert "several JSON values" in str(hidden_values(text, several=False))
    assert hidden_values('[{"a":1},{"a":2}]\n{"a":3}\n', several=False) is None


def test_arrays_behind_the_head_are_seen_as_well(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    one = f'[{{"user_id":"u1","item_id":"i1",{AT}}}]'
    files.write("ev.json", f"{one}\n" * 3_000 + one + one)
    assert (files.folder / "ev.json").stat().st_size > 2 * heads.SIZE
    files.refuses(DataError, {"path": "ev.json", "format": "jsonl"}, "holds several JSON values")


def test_numbers_of_packed_json_keep_their_digits(files: Files) -> None:
    """As pandas writes ids and seconds beside a gap; Spark writes the numbers of lines that it is handed anew."""
    text = '{"user_id":12345670.0,"item_id":10000000,"at":1704103200.0}\n{"user_id":"u2","item_id":"i2","at":null}\n'
    files.write("ev.jsonl.zst", zstd(text.encode()))
    files.write("ev.jsonl", text)
    form = {"format": "jsonl", "time_format": "epoch_s"}
    packed_part, plain = files.read_all(*({"path": name, **form} for name in ("ev.jsonl.zst", "ev.jsonl")))
    assert packed_part.pairs == plain.pairs == [("12345670", "10000000")]
    assert packed_part.bad == plain.bad
    assert with_numbers_as_texts('{"a": [1.50, "é", true]}') == '{"a": ["1.50", "é", true]}'
    assert with_numbers_as_texts("{'a': 1}") == "{'a': 1}"


def test_keys_within_objects_that_differ_in_case(files: Files) -> None:
    """They stop nothing unless they are read, and then it is said where."""
    rows = [
        {"user_id": "u1", "item_id": "i1", "at": "2024-01-01", "properties": {"Plan": "a", "more": [{"X": 1}]}},
        {"user_id": "u2", "item_id": "i2", "at": "2024-01-01", "properties": {"plan": "b", "more": [{"x": 2}]}},
    ]
    files.write("ev.jsonl", "\n".join(map(json.dumps, rows)))
    assert files.pairs({"path": "ev.jsonl", "format": "jsonl"}) == [("u1", "i1"), ("u2", "i2")]
    columns = {"user_id": "user_id", "feature_id": "properties.plan", "event_time": "at"}
    files.refuses(
        DataError, {"path": "ev.jsonl", "format": "jsonl", "columns": columns}, "the keys Plan and plan differ in case"
    )


def test_a_table_by_columns_is_named(files: Files) -> None:
    text = '{"user_id":{"0":"u1","1":"u2"},"item_id":{"0":"i1","1":"i2"}}'
    assert by_columns(text)
    assert by_columns(text[:40])  # the beginning of a long line
    assert not by_columns('{"user_id":{"id":"u1"}}')
    assert not by_columns('{"scores":{"0":0.1,"1":0.9},"user_id":"u1"}\n')
    assert not by_columns('{"scores":{"0":0.1},"user_id":"u1"}\n{"scores":{"0":0.')
    files.write("ev.json", text)
    files.refuses(DataError, {"path": "ev.json", "format": "jsonl"}, "a table by columns", "orient='records'")
    with pytest.raises(DataError, match=r"list mine\.json: it is a table by columns"):
        read_cells(text.encode(), "mine.json")


def test_a_zone_that_may_be_missing(files: Files) -> None:
    """With one, a time is what it says; without, it is of the source's zone."""
    assert with_and_without("yyyy[-MM[-dd]] HH 'a[b]'[XXX]") == [
        f"yyyy{day} HH 'a[b]'{zone}" for day in ("-MM-dd", "-MM", "") for zone in ("XXX", "")
    ]
    files.write("ev.csv", HEADER + "u1,i1,2024-01-01 10:00:00\nu2,i2,2024-01-01 10:00:00+01:00\nu3,i3,2024-01-01 10\n")
    source = {"path": "ev.csv", "time_format": "yyyy-MM-dd HH:mm:ss[XXX]", "time_zone": "Europe/Berlin"}
    (part,) = files.read_all(source)
    assert {row["user_id"]: f"{row['event_time']:%H:%M}" for row in part.good} == {"u1": "09:00", "u2": "09:00"}
    assert sum(part.bad.values()) == 1


def test_padded_ids_are_no_numbers(files: Files) -> None:
    files.write("ev.csv", HEADER + "".join(f"{user},i1,2024-01-01 10:00:00\n" for user in ("7", "007", "+7", "8.0")))
    config = files.config({"path": "ev.csv"}).model_copy(update={"user_id_type": "bigint"})
    part = parts_of(files.spark, config)["events[0]"]
    assert sorted(row["user_id"] for row in part.good) == [7, 8]
    assert sum(part.bad.values()) == 2
    assert any("user_id" in reason for reason in part.bad)


def test_bytes_that_are_no_letters_are_not_kept(files: Files) -> None:
    """Of a file of text and of Parquet, whose readers look at no letters."""
    files.write("ev.txt", b"M\xfcll i1 2024-01-01\nu2   i2 2024-01-01\n")
    columns = {
        "user_id": "split_part(value, ' ', 1)",
        "feature_id": "split_part(trim(substring(value, 5)), ' ', 1)",
        "event_time": "right(value, 10)",
    }
    (part,) = files.read_all({"path": "ev.txt", "format": "text", "columns": columns})
    assert part.pairs == [("u2", "i2")]
    assert list(part.bad.values()) == [1]


def test_lists_of_other_spreadsheets_and_lines_with_odd_separators() -> None:
    for inside, words in (("mimetype", "an OpenDocument spreadsheet"), ("xl/workbook.bin", "a binary Excel workbook")):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr(inside, "x")
            archive.writestr("[Content_Types].xml", "x")
        with pytest.raises(DataError, match=f"list out: it is {words}.*: save it as .xlsx or CSV"):
            read_cells(made.getvalue(), "out")
    rows = '{"user_id":"u1","note":"a\u2028b"}\n{"user_id":"u2","note":"c\x85d"}\n'.encode()
    assert [row[0] for row in read_cells(rows, "mine.jsonl").rows] == ["u1", "u2"]
    assert lines_of("a\u2028b\r\nc\rd\n") == ["a\u2028b", "c", "d", ""]


def test_hidden_files_and_broken_links_among_lists_are_said(files: Files) -> None:
    """Whoever opted out would stay in."""
    said: list[str] = []
    files.write("lists/a.csv", "user_id\nu1\n")
    files.write("lists/_part2.csv", "user_id\nu2\n")
    files.write("lists/_SUCCESS", "")
    files.write("hidden/_out.csv", "user_id\nu2\n")
    assert len(list_files(files.spark, str(files.folder / "lists"), said.append)) == 1
    assert said == [f"list {files.folder}/lists: 1 files are left out as hidden or unfinished: _part2.csv"]
    with pytest.raises(ConfigError, match=r"only hidden files \(_out.csv\)"):
        read_user_list(files.spark, str(files.folder / "hidden"))
    (files.folder / "lists" / "b.csv").symlink_to(files.folder / "gone.csv")
    with pytest.raises(DataError, match=r"b\.csv is a link to a file that is not there"):
        list_files(files.spark, str(files.folder / "lists"))


def test_a_folder_of_parquet_lists_has_the_column_everywhere(files: Files) -> None:
    files.parquet("lists/a.parquet", user_id=pa.array([1, 2], pa.int32()))
    files.parquet("lists/b.parquet", user_id=pa.array([3], pa.int64()), note=["x"])
    found = read_user_list(files.spark, str(files.folder / "lists")).ids.collect()
    assert sorted(row["id"] for row in found) == ["1", "2", "3"]
    files.parquet("lists/c.parquet", uid=pa.array([4], pa.int64()))
    with pytest.raises(DataError, match=r"c\.parquet: no column 'user_id', which others have"):
        read_user_list(files.spark, str(files.folder / "lists"))


def test_pairs_are_read_by_the_rules_of_logs(spark: SparkSession, tmp_path: Path) -> None:
    from jobs.steps.audiences.scored_pairs import read_pairs

    at = pa.array([1_704_103_200 * 10**9], pa.timestamp("ns"))  # as pandas writes times
    (tmp_path / "pairs" / "item_id=0012").mkdir(parents=True)
    pq.write_table(pa.table({"USER_ID": ["u1"], "At": at}), tmp_path / "pairs" / "item_id=0012" / "a.parquet")
    said: list[str] = []
    (row,) = read_pairs(spark, str(tmp_path / "pairs"), say=said.append).collect()
    assert (row["user_id"], row["item_id"], f"{row['at']:%Y-%m-%d %H}") == ("u1", "0012", "2024-01-01 10")
    assert not said
    pq.write_table(pa.table({"user_id": ["u1"], "item_id": ["i1"], "shown_at": at}), tmp_path / "b.parquet")
    (row,) = read_pairs(spark, str(tmp_path / "b.parquet"), say=said.append).collect()
    assert row["at"] is None
    assert said == [
        f"--pairs {tmp_path}/b.parquet: no column at (shown_at): every pair is scored as of the newest date"
    ]
