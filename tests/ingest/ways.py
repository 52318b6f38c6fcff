"""One clean log written in many ways, all of which one run reads."""

from __future__ import annotations

import bz2
import csv
import datetime as dt
import gzip
import io
import json
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from ralm.config import Config
from tests.ingest.files import parts_of

EPOCH = 1704189600  # 2024-01-02 10:00:00
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


Write = Callable[[Path], dict[str, Any]]
COLUMNS = {"user_id": "uid", "item": "item", "at": "time", "clicked": "click"}


def config(folder: Path, writers: list[Write], max_bad_share: float = 0.0) -> Config:
    """One configuration of logs in many ways: each is a source of impressions."""
    impressions = []
    for number, write in enumerate(writers):
        place = folder / str(number)
        place.mkdir()
        given = {"path": "log", "format": "csv", "time_format": "epoch_s"} | write(place)
        columns = COLUMNS | given.pop("columns", {})
        shown = {"user_id": columns["user_id"], "item_id": columns["item"]}
        shown |= {"shown_at": columns["at"], "clicked": columns["clicked"]}
        impressions.append(given | {"path": f"{number}/{given['path']}", "domain": f"w{number}", "columns": shown})
    acted = {"user_id": "uid", "feature_id": "item", "event_time": "time"}
    (folder / "events").write_text(text(LOG))
    events = {"path": "events", "format": "csv", "domain": "reading", "time_format": "epoch_s", "columns": acted}
    return Config.model_validate(
        {
            "name": "ways",
            "data_root": str(folder),
            "ingest": {
                "not_after": "2024-02-01T00:00:00",
                "max_bad_share": max_bad_share,
                "events": [events],
                "impressions": impressions,
            },
            "dates": {"a0": "2024-01-02", "a1": "2024-01-03", "a2": "2024-01-04"},
            "fields": {"history": ["reading"], "item_domains": [], "strong_domain": "reading"},
        }
    )


Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Way:
    """What was read of a way: its rows in order, of which all tables are made, and how many are bad."""

    rows: Rows
    bad: int


def read_ways(spark: SparkSession, config: Config) -> list[Way]:
    found = parts_of(spark, config, "impressions")
    columns = ("user_id", "item_id", "shown_at", "clicked")
    return [
        Way(sorted(tuple(row[name] for name in columns) for row in part.good), sum(part.bad.values()))
        for part in found.values()
    ]


def moment(row: dict[str, str]) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(row["time"]), dt.UTC).replace(tzinfo=None)


SHOWN = sorted((row["uid"], row["item"], moment(row), row["click"] == "1") for row in LOG)


def plain(folder: Path) -> dict[str, Any]:
    (folder / "log").write_text(text(LOG))
    return {}


def separated(by: str) -> Write:
    def write(folder: Path) -> dict[str, Any]:
        (folder / "log").write_text(text(LOG, delimiter=by))
        return {"options": {"sep": by}}

    return write


def tsv(folder: Path) -> dict[str, Any]:
    (folder / "log").write_text(text(LOG, delimiter="\t"))
    return {"format": "tsv"}


def encoded(name: str, said: str | None = None, end: str = "\n") -> Write:
    def write(folder: Path) -> dict[str, Any]:
        (folder / "log").write_bytes(text(LOG, end=end).encode(name))
        return {"options": {"encoding": said}} if said else {}

    return write


def packed(by: Callable[[bytes], bytes], name: str) -> Write:
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
    inside = {name: f"element.{column}" for name, column in COLUMNS.items() if name != "user_id"}
    return {"format": "jsonl", "explode": "array_compact(rows)", "columns": inside}


def put_together(folder: Path) -> dict[str, Any]:
    """Files that were appended to each other, headers and byte-order marks with them."""
    (folder / "log").write_text(text(LOG[:9]) + "\ufeff" + text(LOG[9:]))
    return {}


def table(rows: list[dict[str, str]], unit: str, **types: pa.DataType) -> pa.Table:
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in NAMES}
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    columns["time"] = pa.array([int(row["time"]) * scale for row in rows], pa.int64()).cast(pa.timestamp(unit, "UTC"))
    return pa.table(
        {name: pa.array(values).cast(types[name]) if name in types else values for name, values in columns.items()}
    )


def parquet(unit: str) -> Write:
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


WAYS: dict[str, Write] = {
    "plain": plain,
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
    "put together": put_together,
    "one cell": in_one_cell,
    "json lines": jsonl,
    "parquet, ns": parquet("ns"),
    "parquet, ms": parquet("ms"),
    "parquet of several types": parquet_parts,
    "delta": delta,
    "milliseconds": milliseconds,
}
