"""What the tables of a fixed run hold, kept in files: a change that should change nothing is compared with them.

A table's fingerprint is its number of rows, a hash of its rows without floats, times of the run and names of versions,
and the sums of its float columns. Tables without a model's part must agree everywhere. What a model made is
compared within `TOLERANCE`, because processors differ in the order of additions; on the machine that wrote the files,
RALM_GOLDEN=exact compares everything, and RALM_GOLDEN=write writes them anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, FloatType, MapType, StructType

# Names of runs, models and releases follow from the code and its settings; times, from the clock.
LEFT_OUT = ("run_id", "model_version", "vocabulary_version", "release_id", "scored_at", "created_at", "published_at")
# No model had a part in these.
EXACT = (
    *("users", "items", "events", "impressions", "quarantine", "vocabularies", "histories", "user_fields"),
    *("user_samples", "item_seeds", "comparison_pairs"),
)
TOLERANCE = 0.05
MODE = os.environ.get("RALM_GOLDEN", "")


def _has_floats(kind: DataType) -> bool:
    if isinstance(kind, StructType):
        return any(_has_floats(field.dataType) for field in kind.fields)
    return isinstance(kind, (FloatType, DoubleType)) or (isinstance(kind, ArrayType) and _has_floats(kind.elementType))


def _total(column: Column, kind: DataType) -> Column | None:
    """The sum of a float, or of an array of floats; other nested ones are left out."""
    if isinstance(kind, (FloatType, DoubleType)):
        return F.nanvl(column.cast("double"), F.lit(0.0))
    if isinstance(kind, ArrayType) and isinstance(kind.elementType, (FloatType, DoubleType)):
        return F.aggregate(
            column.cast("array<double>"), F.lit(0.0), lambda total, value: total + F.nanvl(value, F.lit(0.0))
        )
    return None


def fingerprint(frame: DataFrame) -> dict[str, Any]:
    """Rows, a hash of them whatever their order, and the sums of the float columns."""
    fields = [field for field in frame.schema.fields if field.name not in LEFT_OUT]
    hashed = [f.name for f in fields if not _has_floats(f.dataType) and not isinstance(f.dataType, MapType)]
    sums = {f.name: _total(F.col(f.name), f.dataType) for f in fields if _has_floats(f.dataType)}
    totals = [F.sum(total).alias(f"sum {name}") for name, total in sums.items() if total is not None]
    digest = F.sum(F.xxhash64(*hashed).cast("decimal(38,0)")).cast("string") if hashed else F.lit("")
    row = frame.agg(F.count("*").alias("rows"), digest.alias("hash"), *totals).first()
    assert row is not None
    return row.asDict()


def compare(kept: dict[str, dict[str, Any]], found: dict[str, dict[str, Any]]) -> list[str]:
    """One line per difference."""
    wrong = [f"{name}: only in one of the two" for name in sorted(kept.keys() ^ found.keys())]
    for name in sorted(kept.keys() & found.keys()):
        strict = MODE == "exact" or name in EXACT
        for key in sorted(kept[name].keys() | found[name].keys()):
            before, now = kept[name].get(key), found[name].get(key)
            if key.startswith("sum ") and before is not None and now is not None:
                same = now == pytest.approx(before, rel=1e-9 if strict else TOLERANCE, abs=1e-6 if strict else 0.5)
            else:
                same = before == now or (key == "hash" and not strict)
            if not same:
                wrong.append(f"{name}: {key} was {before}, is {now}")
    return wrong


def assert_golden(name: str, tables: Iterable[tuple[str, DataFrame]]) -> None:
    """The tables hold what `tests/golden/<name>.json` says."""
    path = Path(__file__).with_name(f"{name}.json")
    found = {table: fingerprint(frame) for table, frame in tables}
    if MODE == "write":
        path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert compare(json.loads(path.read_text(encoding="utf-8")), found) == []
