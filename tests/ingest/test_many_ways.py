"""One clean log written in many ways gives the same four tables; each corruption of it is counted or refused."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from ralm.config import Config
from ralm.errors import RalmError
from ralm.ingest.tables import IngestResult, ingest

pytestmark = pytest.mark.spark

EPOCH = 1704189600  # 2024-01-02 10:00:00
TABLES = ("users", "items", "events", "impressions")
LOG: list[dict[str, str]] = [
    {
        "uid": f"0{n % 7}",
        "item": f"00{n % 5}ü",
        "time": str(EPOCH + 3600 * n),
        "click": str(n % 2),
        "note": f'n, "{n}";\t|x',
    }
    for n in range(24)
]
NAMES = ("uid", "item", "time", "click", "note")


def text(rows: list[dict[str, str]], names: tuple[str, ...] = NAMES, end: str = "\n", **style: Any) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, names, lineterminator=end, extrasaction="ignore", **style)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def config(folder: Path, source: dict[str, Any], max_bad_share: float = 0.0) -> Config:
    columns = {"user_id": "uid", "item_id": "item", "shown_at": "time", "clicked": "click"}
    times = {"time_format": "epoch_s"}
    shown = {"path": "log", "format": "csv", "columns": columns} | times | source
    columns = {"user_id": "uid", "feature_id": "item", "event_time": shown["columns"]["shown_at"]}
    acted = {**shown, "domain": "reading", "columns": columns, "where": "click = '1'"}
    return Config.model_validate(
        {
            "name": "ways",
            "data_root": str(folder),
            "ingest": {
                "not_after": "2024-02-01T00:00:00",
                "max_bad_share": max_bad_share,
                "events": [acted],
                "impressions": shown,
            },
            "dates": {"a0": "2024-01-02", "a1": "2024-01-03", "a2": "2024-01-04"},
            "fields": {"history": ["reading"], "item_domains": ["reading"], "strong_domain": "reading"},
        }
    )


def content(result: IngestResult) -> dict[str, list[str]]:
    return {name: sorted(str(tuple(row)) for row in getattr(result, name).collect()) for name in TABLES}


def plain(folder: Path) -> dict[str, Any]:
    (folder / "log").write_text(text(LOG))
    return {}


def separated(by: str) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        (folder / "log").write_text(text(LOG, delimiter=by))
        return {"options": {"sep": by}}

    return write


def tsv(folder: Path) -> dict[str, Any]:
    (folder / "log").write_text(text(LOG, delimiter="\t"))
    return {"format": "tsv"}


def encoded(name: str, said: str | None = None, end: str = "\n") -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        (folder / "log").write_bytes(text(LOG, end=end).encode(name))
        return {"options": {"encoding": said}} if said else {}

    return write


def packed(by: Callable[[bytes], bytes], name: str) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        (folder / name).write_bytes(by(text(LOG).encode()))
        return {"path": name}

    return write


def split_up(folder: Path) -> dict[str, Any]:
    """Files with other orders of columns, in sub-folders, one of them compressed, one in UTF-16, one empty."""
    (folder / "log" / "b" / "c").mkdir(parents=True)
    (folder / "log" / "1.csv").write_text(text(LOG[:6]))
    (folder / "log" / "b" / "2.csv").write_text(
        text(LOG[6:12], ("time", "click", "note", "item", "uid"), quoting=csv.QUOTE_ALL)
    )
    (folder / "log" / "b" / "3.csv.gz").write_bytes(
        gzip.compress(text(LOG[12:18], ("item", "uid", "time", "click")).encode())
    )
    (folder / "log" / "b" / "c" / "4.csv").write_bytes(
        text(LOG[18:], ("click", "uid", "item", "time")).encode("utf-16")
    )
    (folder / "log" / "5.csv").write_text("")
    (folder / "log" / "6.csv.tmp").write_text(text(LOG[:1]))
    return {}


def in_folders(folder: Path) -> dict[str, Any]:
    for row in LOG:
        place = folder / "log" / f"uid={row['uid']}" / f"item={row['item']}"
        place.mkdir(parents=True, exist_ok=True)
        same = [other for other in LOG if other["uid"] == row["uid"] and other["item"] == row["item"]]
        (place / "part.csv").write_text(text(same, ("time", "click")))
    return {}


def with_line_breaks(folder: Path) -> dict[str, Any]:
    (folder / "log").write_text(text([row | {"note": f'a\n"b"\n{row["note"]}'} for row in LOG]))
    return {}


def jsonl(folder: Path) -> dict[str, Any]:
    (folder / "log").write_text("".join(json.dumps(row) + "\n" for row in LOG))
    return {"format": "jsonl"}


def in_one_cell(folder: Path) -> dict[str, Any]:
    """A user per line, with the rows in an array."""
    users = sorted({row["uid"] for row in LOG})
    lines = [{"uid": user, "rows": [row for row in LOG if row["uid"] == user]} for user in users]
    (folder / "log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {"format": "jsonl", "explode": "array_compact(rows)"}


def table(rows: list[dict[str, str]], unit: str, **types: pa.DataType) -> pa.Table:
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in NAMES}
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    columns["time"] = pa.array([int(row["time"]) * scale for row in rows], pa.int64()).cast(pa.timestamp(unit, "UTC"))
    return pa.table(
        {name: pa.array(values).cast(types[name]) if name in types else values for name, values in columns.items()}
    )


def parquet(unit: str) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        pq.write_table(table(LOG, unit), folder / "log")
        return {"format": "parquet", "time_format": None}

    return write


def parquet_parts(folder: Path) -> dict[str, Any]:
    """Parts whose units and orders differ, and an empty one of other types."""
    (folder / "log").mkdir()
    pq.write_table(table(LOG[:8], "ms"), folder / "log" / "a.parquet")
    pq.write_table(table(LOG[8:], "ns").select(["time", "click", "item", "uid"]), folder / "log" / "b.parquet")
    pq.write_table(pa.table({"uid": pa.array([], pa.float64())}), folder / "log" / "c.parquet")
    return {"format": "parquet", "time_format": None}


def delta(folder: Path) -> dict[str, Any]:
    spark = SparkSession.getActiveSession()
    assert spark is not None
    rows = spark.createDataFrame([tuple(row[name] for name in NAMES) for row in LOG], list(NAMES))
    rows.union(rows).write.format("delta").save(str(folder / "log"))
    rows.write.format("delta").mode("overwrite").save(str(folder / "log"))
    return {"format": "delta"}


def milliseconds(folder: Path) -> dict[str, Any]:
    (folder / "log").write_text(text([row | {"time": row["time"] + "000"} for row in LOG]))
    return {"time_format": "epoch_ms"}


WAYS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ";": separated(";"),
    "|": separated("|"),
    "tsv": tsv,
    "\\r\\n": encoded("utf-8", end="\r\n"),
    "\\r": encoded("utf-8", end="\r"),
    "utf-8-sig": encoded("utf-8-sig"),
    "utf-16": encoded("utf-16", end="\r\n"),
    "latin-1": encoded("latin-1", "ISO-8859-1"),
    "cp1252": encoded("cp1252", "windows-1252"),
    "gzip": packed(gzip.compress, "log.csv.gz"),
    "bzip2": packed(bz2.compress, "log.bz2"),
    "gzip without its ending": packed(gzip.compress, "log.csv"),
    "no gzip under its ending": packed(bytes, "log.csv.gz"),
    "xz": packed(lzma.compress, "log.xz"),
    "files of other orders": split_up,
    "folders": in_folders,
    "line breaks": with_line_breaks,
    "json lines": jsonl,
    "parquet, ns": parquet("ns"),
    "parquet, ms": parquet("ms"),
    "parquet of several types": parquet_parts,
    "delta": delta,
    "milliseconds": milliseconds,
}


@pytest.fixture(scope="module")
def clean(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("clean")
    found = content(ingest(spark, config(folder, plain(folder))))
    assert len(found["impressions"]) == len(LOG)
    assert len(found["users"]) == 7
    return found


@pytest.mark.parametrize("way", WAYS)
def test_the_same_tables(spark: SparkSession, tmp_path: Path, clean: dict[str, list[str]], way: str) -> None:
    result = ingest(spark, config(tmp_path, WAYS[way](tmp_path)))
    assert result.quarantine.isEmpty()
    assert content(result) == clean


def lines() -> list[str]:
    return text(LOG).splitlines(keepends=True)


def replaced(place: int, line: str) -> bytes:
    return "".join([*lines()[:place], line, *lines()[place + 1 :]]).encode()


CORRUPTIONS: dict[str, bytes] = {
    "a cell more": replaced(5, lines()[5].rstrip("\n") + ",more\n"),
    "a cell fewer": replaced(5, "01,003ü,1704189600,1\n"),
    "cut off in a row": "".join(lines()[:-1]).encode() + b"02,003\xc3\xbc,17041",
    "cut off in a letter": "".join(lines()[:-1]).encode() + b"02,003\xc3",
    "a quote left open": replaced(5, '01,"003ü,1704189600,1,x\n'),
    "a quote too many": replaced(5, '01,"00"3ü",1704189600,1,x\n'),
    "a byte of another encoding": replaced(5, "@").replace(b"@", b"01,00\xfc,1704189600,1,x\n"),
    "a user of another encoding": replaced(5, "@").replace(b"@", b"M\xfcller,001,1704189600,1,x\n"),
    "no user": replaced(5, ",003ü,1704189600,1,x\n"),
    "no item": replaced(5, "01, ,1704189600,1,x\n"),
    "no time": replaced(5, "01,003ü,,1,x\n"),
    "a word for a time": replaced(5, "01,003ü,soon,1,x\n"),
    "a word for a click": replaced(5, "01,003ü,1704189600,perhaps,x\n"),
    "a time to come": replaced(5, "01,003ü,1804189600,1,x\n"),
    "milliseconds among seconds": replaced(5, "01,003ü,1704189600000,1,x\n"),
    "the header again": replaced(5, lines()[0]),
    "an id over two lines": replaced(5, '01,"003\nü",1704189600,1,x\n'),
    "cells moved to the right": replaced(5, "x,01,003ü,1704189600,1\n"),
    "no header": "".join(lines()[1:]).encode(),
    "another header": b"user,thing,when,clicked,note\n" + "".join(lines()[1:]).encode(),
    "half of a gzip": gzip.compress("".join(lines() * 9).encode())[:-40],
    "an archive": b"PK\x03\x04" + "".join(lines()).encode(),
    "zero bytes": "".join(lines()[:5]).encode() + bytes(512),
}


def attempt(spark: SparkSession, folder: Path) -> IngestResult | RalmError:
    try:
        result = ingest(spark, config(folder, {}, max_bad_share=0.5))
        result.quarantine.count()  # what fails in a later pass fails here
    except RalmError as error:
        return error
    return result


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_corruptions_are_counted_or_refused(
    spark: SparkSession, tmp_path: Path, clean: dict[str, list[str]], what: str
) -> None:
    (tmp_path / "log").write_bytes(CORRUPTIONS[what])
    result = attempt(spark, tmp_path)
    if isinstance(result, RalmError):
        assert "ingest." in str(result) or "/log: " in str(result)
        assert "\n" not in str(result)
        return
    found = content(result)
    assert result.quarantine.where("source = 'impressions'").count() >= 1
    assert set(found["impressions"]) < set(clean["impressions"])
    assert len(found["impressions"]) >= len(LOG) - 2
    assert set(found["events"]) <= set(clean["events"])
