"""What the tables of a fixed run hold, kept in files: a change that should change nothing is compared with them.

A table's fingerprint is its number of rows, a hash of its rows without floats, times of the run and names of versions,
the sums of its float columns, and of vectors the sums of squares, since processors differ in the signs of directions.
Tables without a model's part must agree everywhere. What a model made is compared within `TOLERANCE`, because
processors differ in the order of additions; on the machine that wrote the files, RALM_GOLDEN=exact compares everything,
and RALM_GOLDEN=write writes them anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import DataFrame

# Names of runs, models and releases follow from the code and its settings; times, from the clock.
LEFT_OUT = ("run_id", "model_version", "vocabulary_version", "release_id", "scored_at", "created_at", "published_at")
# No model had a part in these.
EXACT = (
    *("users", "items", "events", "impressions", "quarantine", "vocabularies", "histories", "user_fields"),
    *("user_samples", "item_seeds", "comparison_pairs"),
)
TOLERANCE = 0.05
MODE = os.environ.get("RALM_GOLDEN", "")


def _has_floats(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or any(_has_floats(kind.field(i).type) for i in range(kind.num_fields))


def _total(column: pa.ChunkedArray) -> float | None:
    """The sum of a float, of an array of floats the sum of squares, without NaN; other nested ones are left out."""
    vectors = pa.types.is_list(column.type)
    values = pc.list_flatten(column) if vectors else column
    if not pa.types.is_floating(values.type):
        return None
    return float(np.nansum(values.drop_null().to_numpy().astype(np.float64) ** (2 if vectors else 1)))


def _hash(row: dict[str, Any]) -> int:
    text = json.dumps(row, default=str, sort_keys=True)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def fingerprint(frame: DataFrame) -> dict[str, Any]:
    """Rows, a hash of them whatever their order, and the sums of the float columns."""
    table = frame.drop(*LEFT_OUT).toArrow()
    floats = [field.name for field in table.schema if _has_floats(field.type)]
    hashed = table.select([f.name for f in table.schema if not (f.name in floats or pa.types.is_map(f.type))])
    digest = str(sum(map(_hash, hashed.to_pylist()))) if hashed.num_columns else ""
    totals = {f"sum {name}": total for name in floats if (total := _total(table.column(name))) is not None}
    return {"rows": table.num_rows, "hash": digest, **totals}


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
    differences = compare(json.loads(path.read_text(encoding="utf-8")), found)
    assert not differences, "\n".join(differences)
