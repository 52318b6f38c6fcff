"""Files of other programs that are read, or refused with what they are: JSON of any shape, archives, odd headers."""

from __future__ import annotations

import datetime as dt
import io
import json
import tarfile
from typing import Any

import pyarrow as pa
import pytest

from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.ingest.expressions import together
from ralm.ingest.headers import find_header
from ralm.ingest.json_heads import no_json, over_lines
from ralm.ingest.text_records import Style
from tests.ingest.files import HEADER, ROWS, SHOWN, Files, bad, pairs

pytestmark = pytest.mark.spark
AT = '"at":"2024-01-01"'
SPELLINGS = f'{{"user_id":"u1","item_id":"i1",{AT}}}\n{{"User_ID":"u2","item_id":"i1",{AT}}}\n'


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": 1}\n{"a": 2}\n', None),
        ('[{"a": 1}, {"a": 2}]', None),
        ('\ufeff{\n "a": 1\n}\n', "object"),
        ('{"data": [\n{"a": 1}\n]}', "object"),
        ('[\n{"a": 1},\n{"a": 2}\n]', "array"),
        ('[{"a": 1},\n{"a": 2}]', "array"),
        ('{"a": "[{"}\n{"a": 2}\n', None),
        ("{'a': 1}\n", None),
        ("", None),
    ],
)
def test_json_over_several_lines(text: str, what: str | None) -> None:
    assert over_lines(text) == what


def test_what_is_no_json_is_shown() -> None:
    assert no_json("{'a': 1, 'b': None}\n").endswith("is written by Python and no JSON: write json.dumps(row)")
    assert no_json("\n a;b\n") == "'a;b' is no JSON object"
    assert no_json(" \n") == ""


def test_a_header_with_a_line_break(files: Files) -> None:
    """A name in quotes may have one, as in spreadsheets; the file is then read by the reader of such files."""
    text = '"User\nID","Item ""no""",at\n' + ROWS
    assert find_header(text, True, Style(), True, []).names == ("User ID", 'Item "no"', "at")
    assert find_header('"open,b\nc,d\n', True, Style(), True, []).names == ('"open', "b")
    files.write("ev.csv", text)
    columns = {"user_id": "User ID", "feature_id": 'Item "no"', "event_time": "at"}
    assert files.pairs({"path": "ev.csv", "columns": columns}) == [("u1", "i1"), ("u2", "i2")]


def archive(content: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as packed:
        member = tarfile.TarInfo("ev.csv")
        member.size = len(content)
        packed.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "kind", "said"),
    [
        ("ev.tar.gz", archive(b"user_id\n"), DataError, "ev.tar.gz: is a tar archive: unpack it"),
        ("ev.orc", b"ORC\x00" * 9, DataError, "ev.orc is an ORC file: write it as Parquet or CSV"),
        ("ev.avro", b"Obj\x01" * 9, DataError, "ev.avro is an Avro file"),
        ("ev.xlsx", b"PK\x03\x04" * 9, DataError, "ev.xlsx is a zip archive or an Excel file"),
        ("ev.csv", b"version https://git-lfs.github.com/spec/v1\n", DataError, "is a pointer of Git LFS, not the file"),
        ("ev.parquet", b"version https://git-lfs.github.com/spec/v1\n", DataError, "run git lfs pull"),
        ("ev.csv", b"<!DOCTYPE html><html></html>", DataError, "is an HTML or XML page"),
        ("ev.json", json.dumps({"data": [{"user_id": 1}]}, indent=1).encode(), DataError,
         "is one JSON object over several lines: options: {multiLine: 'true'}"),
        ("ev.json", b"{'user_id': 'u1', 'x': None}\n", DataError, "is written by Python and no JSON"),
        ("ev.json", SPELLINGS.encode(), DataError,
         "the keys User_ID and user_id differ in case only: write them alike"),
        ("ev.csv", (HEADER + ROWS).replace(",", ";").encode(), ConfigError,
         "its columns: user_id;item_id;at; if cells end in ';': options: {sep: \";\"}"),
        ("ev.csv", ROWS.encode(), ConfigError, "if the first line is no header: options: {header: 'false'}"),
    ],
)  # fmt: skip
def test_it_is_refused_with_the_remedy(
    files: Files, name: str, content: bytes, kind: type[ConfigError | DataError], said: str
) -> None:
    files.write(name, content)
    form: dict[str, Any] = {"format": "jsonl"} if name.endswith("json") else {}
    form = form or {"format": "csv" if name.endswith(("csv", "gz")) else "parquet"}
    files.refuses(kind, {"path": name, **form}, said)


def test_values_of_json_that_are_no_ids_are_said(files: Files) -> None:
    rows = (f'{{"user_id":{{"id":"u1"}},"item_id":["i1"],{AT}}}', f'{{"user_id":"{{u2}}","item_id":"i2","x":1,{AT}}}',
            f'{{"user_id":"u3","item_id":"i2","X":2,{AT}}}')  # fmt: skip
    files.write("ev.jsonl", "\n".join(rows))
    result = files.read({"path": "ev.jsonl", "format": "jsonl"})
    assert [user for user, _ in pairs(result)] == ["u3", '{"id":"u1"}', "{u2}"]
    told = " ".join(result.told)
    assert "1 of 3 rows, lists or objects in feature_id" in told or "1 of 3 rows, lists or objects in user_id" in told


def test_quotes_after_backslashes_are_told(files: Files) -> None:
    """As MySQL and Hive write them: the rows cannot be read, and the setting by which they can is said."""
    rows = "".join(f'u{n},"so \\"x\\", y",i1,2024-01-01 10:00:00\n' for n in range(3))
    files.write("ev.csv", "user_id,title,item_id,at\n" + rows)
    said = "quotes within cells are written \\\" there: set options: {escape: '\\'}"
    with pytest.raises(DataError) as caught:
        files.read({"path": "ev.csv"}, max_bad_share=0.1)
    assert said in str(caught.value)
    assert bad(files.read({"path": "ev.csv", "options": {"escape": "\\"}})) == {}


def test_files_that_are_not_there(files: Files) -> None:
    """A link without a file would be left out without a word; a name that is nearly right is said."""
    files.write("ev/a.csv", HEADER + ROWS)
    (files.folder / "ev" / "b.csv").symlink_to("nowhere.csv")
    files.refuses(DataError, {"path": "ev"}, "ev/b.csv is a link to a file that is not there: remove it")
    files.write("Events_2024.csv", HEADER)
    files.write("Bu\u0308cher.csv", HEADER)
    for path, said in (
        ("events_2024.csv", "; there is 'Events_2024.csv'"),
        ("Event_2024.csv", "; there is 'Events_2024.csv'"),
        ("B\xfccher.csv", "; there is 'Bu\u0308cher.csv', of which a letter is written in two parts"),
        ("a.csv,b.csv", "; several files are a pattern, such as {a,b}.csv"),
        ("logs/ev.csv", f"; there is no folder {files.folder}/logs"),
    ):
        files.refuses(MissingInputError, {"path": path}, f"no such file or folder{said}")


def test_columns_that_are_missing_are_named_together() -> None:
    place = "not found in ev.csv; its columns: a;b; if cells end in ';': options: {sep: \";\"}"
    several = [f"x.user_id: column 'u' {place}", f"x.item_id: column 'it''s' {place}", "x.where: `b`: no"]
    assert together(several) == f"x.user_id, x.item_id: columns 'u', 'it''s' {place}; x.where: `b`: no"
    assert together(several[:1]) == several[0]


def test_a_click_that_is_missing_has_a_remedy(files: Files) -> None:
    """A join of impressions and clicks leaves nothing where there was no click."""
    files.write("ev.csv", HEADER + ROWS)
    files.write("imp.csv", SHOWN + "u3,i1,2024-01-03 10:00:00,\n")
    with pytest.raises(DataError, match=r"null clicked: 1.*if an empty cell means no click: write coalesce"):
        files.read({"path": "ev.csv"}, max_bad_share=0.1)


def test_days_of_excel_are_no_seconds(files: Files) -> None:
    files.write("ev.csv", "user_id,item_id,at\nu1,i1,45292.5\nu2,i2,45293\n")
    said = ("45292 looks like Excel's count of days, as epoch_s it is 1970-01-01", "cast(timestamp_seconds(")
    files.refuses(ConfigError, {"path": "ev.csv", "time_format": "epoch_s"}, *said)
    with pytest.raises(DataError, match=r"'45292\.5' looks like Excel's count of days: write cast"):
        files.read({"path": "ev.csv"}, max_bad_share=0.1)


def test_columns_with_names_of_ours(files: Files) -> None:
    """Spark writes `_corrupt_record` itself; it says nothing of the rows of this file."""
    files.write("ev.csv", "user_id,item_id,at,_corrupt_record,_failed\nu1,i1,2024-01-01,,x\nu2,i2,2024-01-01,oops,\n")
    files.parquet("ev.parquet", user_id=["u1"], item_id=["i1"], at=["2024-01-01"], _failed=[True], _unjoined=["x"])
    columns = {"user_id": "user_id", "feature_id": "item_id", "event_time": "at"}
    text, typed = files.read_all(
        {"path": "ev.csv", "columns": columns}, {"path": "ev.parquet", "format": "parquet", "columns": columns}
    )
    assert (text.pairs, text.bad) == ([("u1", "i1"), ("u2", "i2")], {})
    assert (typed.pairs, typed.bad) == ([("u1", "i1")], {})


def test_nanoseconds_inside_of_structs_and_lists(files: Files) -> None:
    """As pandas writes sessions with their events: times with and without a zone, a missing list, a missing struct."""
    at = dt.datetime(2024, 1, 1, 10, 0, 0, 5)
    inner = pa.struct([("item", pa.string()), ("at", pa.timestamp("ns")), ("n", pa.int64())])
    seen = pa.struct([("first", pa.timestamp("ns", "Asia/Tokyo"))])
    files.parquet(
        "ev.parquet",
        user_id=["u1", "u2"],
        events=pa.array([[{"item": "i1", "at": at, "n": 1}, {"item": "i2", "at": at, "n": 2}], None], pa.list_(inner)),
        seen=pa.array([{"first": at}, None], seen),
    )
    source = {"path": "ev.parquet", "format": "parquet"}
    exploded = {"explode": "events", "columns": {"user_id": "user_id", "feature_id": "element.item",
                                                 "event_time": "element.at"}, "time_zone": "Asia/Tokyo"}  # fmt: skip
    plain = {"columns": {"user_id": "user_id", "feature_id": "events[0].n", "event_time": "seen.first"}}
    listed, whole = files.read_all(source | exploded, source | plain)
    assert listed.pairs == [("u1", "i1"), ("u1", "i2")]
    assert {row["event_time"] for row in listed.good} == {at - dt.timedelta(hours=9)}
    assert [(row["feature_id"], row["event_time"]) for row in whole.good] == [("1", at)]
    assert sum(whole.bad.values()) == 1
