"""What a second engine says of a warehouse: delta-rs opens the tables, DuckDB counts and hashes their rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from ralm.serving.lmdb_store import LmdbStore
from ralm.warehouse.schemas import TABLES

# Times of the clock, and names that follow from when something was written.
CLOCK = {
    *("scored_at", "changed_at", "created_at", "started_at", "ended_at", "measured_at", "made_at"),
    *("forgotten_at", "erased_at", "held_until", "run_id", "release_id"),
}
CLOCK_OF = {"freshness": {"published_at"}, "releases": {"tables", "metrics", "configuration"}}
# What tells of the runs themselves.
OF_RUNS = ("runs", "checks", "quarantine")
Content = tuple[int, int]


def tables(warehouse: Path) -> list[str]:
    """The tables that are there; one whose creation was cut off is not."""
    return [name for name in TABLES if list((warehouse / name / "_delta_log").glob("[0-9]*.json"))]


def versions(warehouse: Path) -> dict[str, int]:
    """The version of each table that is there."""
    return {name: DeltaTable(str(warehouse / name)).version() for name in tables(warehouse)}


def content(rows: object, columns: Iterable[str]) -> Content:
    """Rows, and the sum of their hashes: the same for the same rows in any order."""
    connection = duckdb.connect()
    connection.register("rows", rows)
    named = ", ".join(f'"{column}"' for column in sorted(columns))
    hashed = f"coalesce(sum(hash({named})::HUGEINT), 0)" if named else "0"
    found = connection.sql(f"SELECT count(*), {hashed} FROM rows").fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


def read(warehouse: Path, name: str, version: int | None = None, leave: Iterable[str] = ()) -> Content:
    """A table's content as delta-rs and DuckDB read it, at a version, without some columns."""
    rows = DeltaTable(str(warehouse / name), version=version).to_pyarrow_table()
    return content(rows, set(rows.column_names) - set(leave))


def result(warehouse: Path) -> dict[str, Content]:
    """What a run has made: every table without what tells of the clock, and the store of the export."""
    found = {
        name: read(warehouse, name, leave=CLOCK | CLOCK_OF.get(name, set()))
        for name in tables(warehouse)
        if name not in OF_RUNS
    }
    store = LmdbStore(str(warehouse / "_serving"))
    manifest = store.manifest()
    if manifest is not None:
        for kind, layers in manifest.layers.items():
            held: dict[bytes, bytes] = {}
            for layer in reversed(layers):
                for place in (store.folder / "layers" / layer.name).children(f"{kind}-*.lmdb"):
                    with store._open(place).begin() as transaction:  # type: ignore[union-attr]
                        held |= dict(transaction.cursor())
            rows = [{"key": key, "record": record} for key, record in held.items() if record]
            found[f"served {kind}"] = content(pa.Table.from_pylist(rows), ["key", "record"])
    return found


def disagreements(spark: SparkSession, warehouse: Path, known: dict[str, int]) -> list[str]:
    """Tables of which Spark reads another version, other rows or other values than delta-rs and DuckDB do.

    Args:
        spark: a session of its own.
        warehouse: whose tables are read.
        known: table -> version that was compared before; it gets the newest ones.
    """
    wrong = []
    for name in tables(warehouse):
        table = DeltaTable(str(warehouse / name))
        if known.get(name) == table.version():
            continue
        frame = spark.read.format("delta").load(str(warehouse / name))
        there = spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTableWithSnapshot(  # type: ignore[union-attr]
            spark._jsparkSession, str(warehouse / name)
        )
        version = int(there._2().version())
        ours, theirs = content(frame.toArrow(), frame.columns), read(warehouse, name)
        if (version, ours) != (table.version(), theirs):
            wrong.append(f"{name}: Spark has version {version} and {ours}, delta-rs {table.version()} and {theirs}")
        known[name] = table.version()
    return wrong


def done(warehouse: Path) -> dict[str, int]:
    """Title of each step whose last record says that it is done -> its attempt, read without Spark."""
    if "runs" not in tables(warehouse):
        return {}
    rows = DeltaTable(str(warehouse / "runs")).to_pyarrow_table().to_pylist()
    last: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["attempt"], row["started_at"], row["ended_at"] is not None)):
        last[row["step"] + (f" as of {row['as_of']}" if row["as_of"] else "")] = row
    return {title: row["attempt"] for title, row in last.items() if row["state"] == "done"}


def writes(warehouse: Path, name: str) -> list[tuple[int, str, int]]:
    """(version, name of the write, attempt) of the commits that steps made, newest first."""
    found = []
    for commit in DeltaTable(str(warehouse / name)).history():
        try:
            said = json.loads(commit.get("userMetadata") or "")
        except ValueError:
            continue
        if "app_id" in said:
            found.append((int(commit["version"]), str(said["app_id"]), int(said["attempt"])))
    return found


def written_twice(warehouse: Path) -> list[str]:
    """Writes of a step that were committed more than once for one attempt."""
    wrong = []
    for name in tables(warehouse):
        made = Counter((app, attempt) for _, app, attempt in writes(warehouse, name))
        wrong += [f"{name}: {app} attempt {attempt}: {n} commits" for (app, attempt), n in made.items() if n > 1]
    return wrong


def current(warehouse: Path) -> dict[str, dict[str, int]]:
    """The release that readers take -> the versions of tables that it names.

    Raises:
        AssertionError: not one release is current.
    """
    if "releases" not in tables(warehouse):
        return {}
    rows = DeltaTable(str(warehouse / "releases")).to_pyarrow_table().to_pylist()
    found = {row["release_id"]: dict(row["tables"]) for row in rows if row["current"]}
    assert len(found) == 1 or not rows, f"{len(found)} of {len(rows)} releases are current"
    return found


def released(warehouse: Path, versions: dict[str, int]) -> dict[str, Content]:
    """What a reader of a release finds: table -> its content at the version that the release names."""
    return {name: read(warehouse, name, version, leave=CLOCK) for name, version in versions.items()}


def mixed(warehouse: Path, versions: dict[str, int]) -> list[str]:
    """Whether one run made the audiences and another one the thresholds that a release names."""
    makers = {
        name: next(
            f"{app.partition('/')[0]}, attempt {attempt}"
            for version, app, attempt in writes(warehouse, name)
            if version <= versions[name] and app.startswith(("score_users/", "refresh/"))
        )
        for name in ("audiences", "thresholds")
    }
    return [f"{makers}"] if len(set(makers.values())) > 1 else []
