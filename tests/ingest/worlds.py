"""A tiny configuration and writers of its files, for the tests of ingest."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ralm.config import Config

Rows = list[dict[str, Any]]


def write(path: Path, rows: Rows, kind: str = "csv") -> None:
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if kind == "tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)


CONFIG: dict[str, Any] = {
    "name": "tiny",
    "ingest": {
        "not_after": "2024-02-01T00:00:00",
        "max_bad_share": 0.5,
        "users": {"path": "users.csv", "format": "csv", "columns": {"user_id": "uid", "city": "town", "age": "age"}},
        "items": {
            "path": "items.csv",
            "format": "csv",
            "category_separator": "|",
            "columns": {"item_id": "id", "published_at": "published", "categories": "tags", "words": "words"},
        },
        "events": [
            {
                "path": "log.csv",
                "format": "csv",
                "domain": "reading",
                "where": "action = 'click'",
                "columns": {"user_id": "uid", "feature_id": "item", "event_time": "time"},
            }
        ],
        "impressions": {
            "path": "log.csv",
            "format": "csv",
            "columns": {"user_id": "uid", "item_id": "item", "shown_at": "time", "clicked": "action = 'click'"},
        },
    },
    "dates": {"a0": "2024-01-02", "a1": "2024-01-03", "a2": "2024-01-04"},
    "fields": {
        "history": [{"domain": "reading"}],
        "categorical": [{"name": "city"}],
        "numeric": ["age"],
        "item_domains": ["reading"],
        "strong_domain": "reading",
    },
    "user_model": {"representations": ["reading"]},
}

USERS: Rows = [
    {"uid": "u1", "town": "Lyon", "age": "31"},
    {"uid": "u2", "town": "Oslo", "age": "44.5"},
    {"uid": "u9", "town": 'a "quoted", town', "age": ""},
]
ITEMS: Rows = [
    {"id": "i1", "published": "2024-01-01", "tags": "sport| news |", "words": "120"},
    {"id": "i2", "published": "", "tags": "", "words": ""},
]
LOG: Rows = [
    {"uid": "u1", "item": "i1", "time": "2024-01-02 10:00:00", "action": "click"},
    {"uid": "u1", "item": "i2", "time": "2024-01-02 11:00:00", "action": "show"},
    {"uid": "u2", "item": "i1", "time": "2024-01-03T10:00:00+02:00", "action": "show"},
    {"uid": "u3", "item": "i3", "time": "2024-01-04 10:00:00", "action": "click"},
]


def make(
    folder: Path,
    *,
    user_rows: Rows | None = None,
    item_rows: Rows | None = None,
    log: Rows | None = None,
    **changes: Any,
) -> Config:
    """The files in `folder` and the configuration that reads them; `changes` are section__key=value of `ingest`."""
    write(folder / "users.csv", USERS if user_rows is None else user_rows)
    write(folder / "items.csv", ITEMS if item_rows is None else item_rows)
    write(folder / "log.csv", LOG if log is None else log)
    return config(folder, **changes)


def config(folder: Path, **changes: Any) -> Config:
    content = copy.deepcopy(CONFIG) | {"data_root": str(folder)}
    for key, value in changes.items():
        *parents, last = key.split("__")
        node: Any = content["ingest"]
        for parent in parents:
            node = node[int(parent)] if parent.isdigit() else node[parent]
        if value is None:
            node.pop(last, None)
        else:
            node[last] = value
    return Config.model_validate(content)
