"""Raw files as people have them: what each class of input gives, or the one line that refuses it.

Over 300 lines because all classes of input are cases of one table.
"""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import lzma
from collections.abc import Callable

import pyarrow as pa
import pytest

from ralm.errors import ConfigError, DataError, MissingInputError
from tests.ingest.files import HEADER, ROWS, Files, bad, pairs, read

pytestmark = pytest.mark.spark


def test_each_file_is_read_by_its_own_header(files: Files) -> None:
    files.write("ev/1.csv", HEADER + ROWS)
    files.write("ev/2.csv", "item_id,at,user_id,more\ni3,2024-01-02 10:00:00,u1,x\ni1,2024-01-02 11:00:00,u2,y\n")
    assert files.pairs({"path": "ev"}) == [("u1", "i1"), ("u1", "i3"), ("u2", "i1"), ("u2", "i2")]


def test_a_file_without_a_column_that_others_have_is_named(files: Files) -> None:
    files.write("ev/1.csv", HEADER + ROWS)
    files.write("ev/2.csv", "user,item_id,at\nu3,i3,2024-01-02 10:00:00\n")
    files.refuses(DataError, {"path": "ev"}, "ev/2.csv: no column 'user_id' in its header user, item_id, at")


def test_a_header_without_rows_decides_nothing(files: Files) -> None:
    files.write("ev/1.csv", "something,else\n")
    files.write("ev/2.csv", "")
    files.write("ev/3.csv", HEADER + ROWS)
    assert files.pairs({"path": "ev"}) == [("u1", "i1"), ("u2", "i2")]


def test_values_of_folders_stay_text(files: Files) -> None:
    for item in ("0012", "0345"):
        files.write(f"ev/item={item}/part-0.csv", f"user_id,at\nu{item},2024-01-01 10:00:00\n")
    files.write("ev/_SUCCESS", "")
    columns = {"user_id": "user_id", "feature_id": "item", "event_time": "at"}
    assert files.pairs({"path": "ev", "columns": columns}) == [("u0012", "0012"), ("u0345", "0345")]
    assert files.pairs({"path": "ev/item=*/*.csv", "columns": columns, "where": "item = '0345'"}) == [("u0345", "0345")]


def test_values_of_folders_stay_text_in_every_format(files: Files) -> None:
    columns = {"user_id": "user_id", "feature_id": "item", "event_time": "at"}
    files.parquet("p/item=007/a.parquet", user_id=["u1"], at=["2024-01-01 10:00:00"])
    files.write("j/item=007/a.jsonl", '{"user_id": "u1", "at": "2024-01-01 10:00:00"}\n')
    files.write("t/item=007/a.txt", "u1 2024-01-01\n\n")
    words = columns | {"user_id": "split(value, ' ')[0]", "event_time": "split(value, ' ')[1]"}
    found = files.read_all(
        {"path": "p", "format": "parquet", "columns": columns},
        {"path": "j", "format": "jsonl", "columns": columns},
        {"path": "t", "format": "text", "columns": words},
    )
    assert [result.pairs for result in found] == [[("u1", "007")]] * 3


def test_a_folder_named_as_a_column_of_the_files(files: Files) -> None:
    files.write("ev/item_id=i7/a.csv", HEADER + ROWS)
    assert files.pairs({"path": "ev"}) == [("u1", "i7"), ("u2", "i7")]


def test_letters_of_another_encoding_are_not_one_user(files: Files) -> None:
    text = HEADER + "".join(f"M{letter}ller,i1,2024-01-01 10:00:00\n" for letter in "üöä") + ROWS
    files.write("ev.csv", text.encode("latin-1"))
    result = files.read({"path": "ev.csv"})
    assert pairs(result) == [("u1", "i1"), ("u2", "i2")]
    reason, count = bad(result).popitem()
    assert (reason, count) == ("invalid user_id (not UTF-8: set options: {encoding: windows-1252} or the like)", 3)
    assert len(files.pairs({"path": "ev.csv", "options": {"encoding": "ISO-8859-1"}})) == 5


ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32")
PACKS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress,
    "zstd": lambda content: by_arrow(content, "zstd"), "lz4": lambda content: by_arrow(content, "lz4"),
}  # fmt: skip


def by_arrow(content: bytes, codec: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


@pytest.mark.long
def test_encodings_and_compressions_that_files_show(files: Files) -> None:
    """Files of one folder, each in a way of its own, whatever its ending."""
    known = []
    for encoding in ENCODINGS:
        text = f"{HEADER}ü-{encoding},i3,2024-01-01 10:00:00\n{encoding},é,2024-01-01 10:00:00\n"
        files.write(f"ev/{encoding}.csv", text.replace("\n", "\r\n").encode(encoding))
        known += [(f"ü-{encoding}", "i3"), (encoding, "é")]
    for ending in ("csv", "csv.gz", "csv.bz2", "csv.zst"):
        for name, pack in PACKS.items():
            user = f"{ending}-{name}"
            files.write(f"ev/{name}.{ending}", pack(f"{HEADER}{user},i1,2024-01-01 10:00:00\n".encode()))
            known.append((user, "i1"))
    assert files.pairs({"path": "ev"}) == sorted(known)


def test_json_lines_of_another_encoding(files: Files) -> None:
    files.write("ev.jsonl", '{"user_id": "ü", "item_id": "i1", "at": "2024-01-01 10:00:00"}\n'.encode("latin-1"))
    source = {"path": "ev.jsonl", "format": "jsonl"}
    files.refuses(DataError, source, "ev.jsonl is not UTF-8: set options: {encoding: …}")
    assert files.pairs(source | {"options": {"encoding": "ISO-8859-1"}}) == [("ü", "i1")]


def test_a_zero_byte_in_an_id(files: Files) -> None:
    files.write("ev.csv", HEADER + ROWS * 100 + "u3,i\x003,2024-01-01 10:00:00\n")
    assert bad(files.read({"path": "ev.csv"})) == {"invalid feature_id (a zero byte in it)": 1}


def test_parquet_columns_that_differ_in_case(files: Files) -> None:
    files.parquet("ev.parquet", user_id=["u1"], item_id=["i1"], at=["2024-01-01 10:00:00"], X=[1], x=["2"])
    source = {"path": "ev.parquet", "format": "parquet"}
    assert files.pairs(source) == [("u1", "i1")]
    files.refuses(DataError, source | {"where": "x = '2'"}, "another column has this name in other letters")


def test_compressed_json_lines_under_a_plain_name(files: Files) -> None:
    files.write("ev.jsonl", gzip.compress(b'{"user_id": "u1", "item_id": "i1", "at": "2024-01-01 10:00:00"}\n{"user\n'))
    result = files.read({"path": "ev.jsonl", "format": "jsonl"})
    assert pairs(result) == [("u1", "i1")]
    assert bad(result) == {"unreadable row": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PAR1....", "is a Parquet file: format: parquet"),
        (b"PK\x03\x04....", "is a zip archive or an Excel file"),
        (b"\x00\x01\x02\x00" * 9, "is no text"),
        (gzip.compress(b"abc" * 9, mtime=0)[:3] + b"\xff" * 30, "damaged"),
    ],
)
def test_files_that_are_no_text(files: Files, content: bytes, said: str) -> None:
    files.write("ev.csv", content)
    files.refuses(DataError, {"path": "ev.csv"}, "ev.csv", said)


BROKEN: list[tuple[str, dict[str, int]]] = [
    ("u3,i3,2024-01-01 10:00:00,a,b\n", {"unreadable row": 1}),  # too many cells
    ("u3,i3\n", {"unreadable row": 1}),  # too few
    ('u3,"i3,2024-01-01 10:00:00\n', {"unreadable row": 1}),  # a quote left open
    ('u3,"i3,2024\nu4,i4,2024-01-01 10:00:00\nu5,i5",2024-01-01\n', {"unreadable row": 1}),  # … over a whole row
    ('u3,"i3\nu4,i4",2024-01-01 10:00:00\n', {"invalid feature_id (a line break in it)": 1}),
    ('u3,"i"3",2024-01-01 10:00:00\n', {"null feature_id": 1}),  # text after a closing quote
    (",,\n\n  \n,\n", {}),  # no rows
]


@pytest.mark.long
def test_rows_that_cannot_be_read_are_counted(files: Files) -> None:
    for number, (line, _) in enumerate(BROKEN):
        files.write(f"{number}.csv", HEADER + line + ROWS)
    found = files.read_all(*({"path": f"{number}.csv"} for number in range(len(BROKEN))))
    for result, (line, refused) in zip(found, BROKEN, strict=True):
        assert result.bad == refused, line
        assert len(result.good) == 2
        assert result.pairs == [("u1", "i1"), ("u2", "i2")]


def test_an_open_quote_does_not_swallow_the_rest(files: Files) -> None:
    good = "".join(f'u{n},i{n},2024-01-01 10:00:00,"said ""{n}"""\n' for n in range(50))
    files.write("ev.csv", "user_id,item_id,at,note\n" + 'x,y,2024-01-01 10:00:00,"left open\n' + good)
    result = files.read({"path": "ev.csv"})
    assert bad(result) == {"unreadable row": 1}
    assert len(pairs(result)) == 50


@pytest.mark.parametrize("size", [1, 4_000])
def test_line_breaks_inside_quotes(files: Files, size: int) -> None:
    text = "user_id,note,item_id,at\n" + 'u1,"two\nlines, ""here""",i1,2024-01-01 10:00:00\n' * size
    files.write("ev.csv", text + "u2,,i2,2024-01-01 11:00:00\n")
    result = files.read({"path": "ev.csv"})
    assert pairs(result) == [("u1", "i1"), ("u2", "i2")]
    assert result.counts["events[0].rows"] == size + 1
    assert bad(result) == {}


def test_a_bad_row_is_not_hidden_by_a_condition(files: Files) -> None:
    files.write("ev.csv", "user_id,item_id,at,action\nu1,i1,2024-01-01 10:00:00,click\nu2,i2\n")
    assert bad(files.read({"path": "ev.csv", "where": "action = 'click'"})) == {"unreadable row": 1}


def test_unfinished_and_hidden_files_are_named(files: Files) -> None:
    files.write("ev/a.csv", HEADER + ROWS)
    for name in ("b.csv.tmp", "b.csv~", "b.csv.crc", "_b.csv", ".c.csv"):
        files.write(f"ev/{name}", HEADER + "u9,i9,2024-01-01 10:00:00\n")
    result = files.read({"path": "ev"})
    assert pairs(result) == [("u1", "i1"), ("u2", "i2")]
    assert result.told == [
        f"ingest.events[0]: 5 files of {files.folder}/ev are left out as hidden or unfinished: "
        ".c.csv, _b.csv, b.csv.crc, b.csv.tmp, b.csv~"
    ]


def test_only_hidden_files(files: Files) -> None:
    files.write("ev/_b.csv", HEADER + ROWS)
    files.refuses(ConfigError, {"path": "ev"}, "only hidden files (_b.csv)", "rename")


def test_sub_folders_are_read(files: Files) -> None:
    files.write("ev/2024/01/01/x.csv", HEADER + "u1,i1,2024-01-01 10:00:00\n")
    files.write("ev/y.csv", HEADER + "u2,i2,2024-01-01 10:00:00\n")
    assert files.pairs({"path": "ev"}) == [("u1", "i1"), ("u2", "i2")]


def test_a_name_that_exists_is_no_pattern(files: Files) -> None:
    names = ("ev[1].csv", "ev {a}.csv", "ev*.csv", "ev%20+#?.csv", "ev\\[x.csv")
    for number, name in enumerate(names):
        files.write(name, f"{HEADER}u{number},i1,2024-01-01 10:00:00\n")
    files.write("ev1.csv", HEADER + "u9,i9,2024-01-01 10:00:00\n")
    found = files.read_all(*({"path": name} for name in names))
    assert [result.pairs for result in found] == [[(f"u{number}", "i1")] for number in range(len(names))]


@pytest.mark.parametrize("path", ["gone.csv", "ev[1].csv", "gone/*.csv"])
def test_nothing_at_the_path(files: Files, path: str) -> None:
    files.refuses(MissingInputError, {"path": path}, "ingest.events[0].path", path, "no such file")


def test_nanoseconds(files: Files) -> None:
    time = dt.datetime(2024, 1, 1, 10)
    files.parquet(
        "ev.parquet",
        user_id=["u1"], item_id=["i1"],
        at=pa.array([time], pa.timestamp("ns")), seen=pa.array([time], pa.timestamp("ns", "UTC")),
        clock=pa.array([dt.time(1)], pa.time64("ns")), half=pa.array([1.5], pa.float16()),
        nothing=pa.array([None], pa.null()),
    )  # fmt: skip
    for column in ("at", "seen"):
        columns = {"user_id": "user_id", "feature_id": "item_id", "event_time": column}
        result = files.read({"path": "ev.parquet", "format": "parquet", "columns": columns})
        assert [row["event_time"] for row in result.events.collect()] == [time]
    files.refuses(
        DataError,
        {"path": "ev.parquet", "format": "parquet", "where": "clock is not null"},
        "ev.parquet", "column clock cannot be read",
    )  # fmt: skip


def test_a_time_in_nanoseconds_without_a_zone_is_of_the_source_s(files: Files) -> None:
    files.parquet(
        "ev.parquet", user_id=["u1"], item_id=["i1"], at=pa.array([dt.datetime(2024, 1, 1)], pa.timestamp("ns"))
    )
    result = files.read({"path": "ev.parquet", "format": "parquet", "time_zone": "America/New_York"})
    assert [row["event_time"] for row in result.events.collect()] == [dt.datetime(2024, 1, 1, 5)]


def test_types_that_differ_are_widened(files: Files) -> None:
    at = ["2024-01-01 10:00:00"]
    files.parquet("ev/a.parquet", user_id=pa.array([1], pa.int32()), item_id=["i1"], at=at, other=[1])
    files.parquet("ev/b.parquet", user_id=pa.array([2**40], pa.int64()), item_id=["i1"], at=at, other=["x"])
    files.parquet("ev/c.parquet", other=[[1]], at=at, item_id=["i1"], user_id=pa.array([None], pa.null()))
    files.parquet("ev/d.parquet", user_id=pa.array([], pa.float64()), item_id=pa.array([], pa.null()))
    result = files.read({"path": "ev", "format": "parquet"})
    assert pairs(result) == [("1", "i1"), (str(2**40), "i1")]
    assert bad(result) == {"null user_id": 1}
    assert '"user_id":null' in result.quarantine.collect()[0]["row"]


@pytest.mark.parametrize(("other", "name"), [(pa.float64(), "double"), (pa.string(), "string")])
def test_types_that_do_not_meet_are_named(files: Files, other: pa.DataType, name: str) -> None:
    at = ["2024-01-01 10:00:00"]
    files.parquet("ev/a.parquet", user_id=[1234567890123], item_id=["i1"], at=at)
    files.parquet("ev/b.parquet", user_id=pa.array([1234567890124], pa.int64()).cast(other), item_id=["i1"], at=at)
    files.refuses(
        DataError, {"path": "ev", "format": "parquet"}, "b.parquet", f"column user_id is {name}", "bigint", "a.parquet"
    )


def test_days_take_the_source_s_zone_beside_times_without_one(files: Files) -> None:
    day, time = pa.array([dt.date(2024, 1, 2)]), [dt.datetime(2024, 1, 2, 10)]
    files.parquet("a/a.parquet", user_id=["u1"], item_id=["i1"], at=day)
    files.parquet("a/b.parquet", user_id=["u2"], item_id=["i1"], at=pa.array(time, pa.timestamp("us")))
    (part,) = files.read_all({"path": "a", "format": "parquet", "time_zone": "America/New_York"})
    assert [row["event_time"].hour for row in part.good] == [5, 15]
    files.parquet("b/a.parquet", user_id=["u1"], item_id=["i1"], at=day)
    files.parquet("b/b.parquet", user_id=["u2"], item_id=["i1"], at=pa.array(time, pa.timestamp("us", "UTC")))
    source = {"path": "b", "format": "parquet"}
    files.refuses(DataError, source, "column at is timestamp, but date in", "with a zone times alone")


def test_a_parquet_file_without_a_column_is_named(files: Files) -> None:
    files.parquet("ev/a.parquet", user_id=["u1"], item_id=["i1"], at=["2024-01-01 10:00:00"])
    files.parquet("ev/b.parquet", user_id=["u1"], at=["2024-01-01 10:00:00"])
    files.refuses(DataError, {"path": "ev", "format": "parquet"}, "b.parquet", "no column 'item_id'")


def test_a_cell_that_does_not_cast_costs_its_row(files: Files) -> None:
    rows = "".join(f"u{n},i{n},{n % 5},2024-01-03 10:00:00\n" for n in range(99))
    files.write("imp.csv", "user_id,item_id,stars,shown_at\n" + rows + "u99,i99,x,2024-01-03 10:00:00\n")
    files.write("ev.csv", HEADER + ROWS)
    config = files.config({"path": "ev.csv"}, max_bad_share=0.01)
    assert config.ingest is not None
    config.ingest.impressions.columns["clicked"] = "stars >= 4 and cast(stars as int) > 0"
    result = read(files.spark, config)
    assert result.impressions.count() == 99
    assert result.impressions.where("clicked").count() == 19
    row = result.quarantine.collect()[0]
    assert row["reason"] == "invalid clicked (`stars >= 4 and cast(stars as int) > 0` fails)"
    assert '"stars":"x"' in row["row"]


def test_a_condition_that_cannot_be_decided_costs_its_row(files: Files) -> None:
    files.write("ev.csv", "user_id,item_id,at,stars\nu1,i1,2024-01-01 10:00:00,5\nu2,i2,2024-01-01 10:00:00,x\n")
    result = files.read({"path": "ev.csv", "where": "cast(stars as int) > 3"})
    assert pairs(result) == [("u1", "i1")]
    assert bad(result) == {"invalid where (`cast(stars as int) > 3` fails)": 1}


def test_too_many_failing_cells_stop_with_the_cause(files: Files) -> None:
    files.write("ev.csv", HEADER + ROWS)
    config = files.config({"path": "ev.csv", "where": "cast(at as int) > 3"}, max_bad_share=0.1)
    with pytest.raises(DataError, match=r"ingest\.events\[0\]\.where: `cast\(at as int\)`: The value '2024") as raised:
        read(files.spark, config)
    assert "max_bad_share" in str(raised.value)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("explode(split(user_id, ' '))", "explode"),
        ("split(explode(array(user_id)), ' ')[0]", "explode"),
        ("max(user_id)", "aggregate"),
    ],
)
def test_one_row_gives_one_value(files: Files, expression: str, said: str) -> None:
    files.write("ev.csv", HEADER + ROWS)
    columns = {"user_id": expression, "feature_id": "item_id", "event_time": "at"}
    files.refuses(ConfigError, {"path": "ev.csv", "columns": columns}, "events[0].columns.user_id", said)


@pytest.mark.parametrize(
    "content", [b"PAR1" + bytes(200) + b"PAR1", b"PAR1", bytes(64), b"PAR1" + b"\xff" * 200 + b"PAR1"]
)
def test_a_damaged_parquet_file_is_named(files: Files, content: bytes) -> None:
    files.parquet("ev/a.parquet", user_id=["u1"], item_id=["i1"], at=["2024-01-01 10:00:00"])
    files.write("ev/b.parquet", content)
    files.refuses(DataError, {"path": "ev", "format": "parquet"}, "ev/b.parquet cannot be read", "damaged")


def test_whole_cells_of_other_files_stay_when_one_has_a_line_break(files: Files) -> None:
    files.write("ev/a.csv", "user_id,item_id,at,note\n" + "u1,i1,2024-01-01 10:00:00,a\n" * 3_000)
    files.write("ev/b.csv", 'item_id,user_id,note,at\ni2,u2,"a\nb",2024-01-01 11:00:00\n')
    result = files.read({"path": "ev"})
    assert pairs(result) == [("u1", "i1"), ("u2", "i2")]
    assert bad(result) == {}
