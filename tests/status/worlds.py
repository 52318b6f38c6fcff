"""Small warehouses written by delta-rs, as `runs`, `checks` and `releases` of real nights look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from ralm.runs.record import Record

NIGHT = dt.datetime(2024, 1, 12, 2, 0)
DAY = dt.date(2024, 1, 11)
UTC = pa.timestamp("us", tz="UTC")
COUNTS = pa.map_(pa.string(), pa.int64())
RUNS = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("run_id", "step", "state", "token", "config_hash", "message", "application")
        ),
        *((name, COUNTS) for name in ("inputs", "outputs", "counts")),
        ("as_of", pa.date32()),
        ("attempt", pa.int64()),
        ("started_at", UTC),
        ("ended_at", UTC),
        ("after", pa.map_(pa.string(), pa.string())),
    ]
)


def record(step: str, state: str = "done", minute: int = 0, as_of: dt.date | None = None, **rest: Any) -> Record:
    """A record that began so many minutes into the night, and took one."""
    began = NIGHT + dt.timedelta(minutes=minute)
    given: dict[str, Any] = {"inputs": {}, "outputs": {}, "counts": {}, "token": f"t{step}", "attempt": 1, **rest}
    return Record(
        run_id=f"{step}/{as_of or '-'}/c",
        step=step,
        as_of=as_of,
        state=state,
        config_hash="c",
        started_at=began,
        ended_at=None if state == "started" else began + dt.timedelta(minutes=1),
        **{"application": "ralm pipeline tiny local-1", "after": {}, **given},
    )


def write(path: Path, table: str, rows: Sequence[dict[str, Any]], schema: pa.Schema | None = None) -> None:
    """Append rows to a table."""
    write_deltalake(str(path / table), pa.Table.from_pylist(list(rows), schema), mode="append")


def write_runs(path: Path, *records: Record) -> None:
    """Append records to `runs`, the start of each before its end."""
    starts = [vars(r) | {"state": "started", "ended_at": None, "outputs": {}, "counts": {}} for r in records]
    write(path, "runs", [*starts, *(vars(r) for r in records if r.state != "started")], RUNS)
