"""`python -m benchmarks.files WAREHOUSE`: from how many files the rows of one item or user are read.

For every table with look-ups by key: its files, their sizes, and what Spark opened for one key, from the
scan's own metrics. The key is the middle one of the table's keys. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.config import Spark
from ralm.spark.session import get_session
from ralm.warehouse.warehouse import Warehouse

# Table -> the key by which it is read.
KEYS = {
    "audiences": "item_id",
    "item_seeds": "item_id",
    "seed_clusters": "item_id",
    "thresholds": "item_id",
    "score_histograms": "item_id",
    "user_embeddings": "user_id",
    "target_embeddings": "user_id",
    "recommendations": "user_id",
}


@dataclass(frozen=True)
class Opened:
    """What reading one key opened, next to what the table has."""

    files: int
    mebibytes: float
    opened_files: int
    opened_mebibytes: float
    rows: int


def main(arguments: list[str]) -> int:
    """Read one key of every table of a warehouse."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.files", description=__doc__)
    parser.add_argument("warehouse", help="folder of the Delta tables, as `warehouse` of a configuration")
    asked = parser.parse_args(arguments)
    spark = get_session("benchmark files", Spark())
    found = {}
    try:
        warehouse = Warehouse(spark, asked.warehouse)
        for name, key in KEYS.items():
            if warehouse.exists(name) and not warehouse.read(name).isEmpty():
                found[name] = opened(spark, warehouse.table_path(name), key)
                print(f"{name}: one {key}: {found[name]}", flush=True)
    finally:
        spark.stop()
    print(json.dumps({"name": "files", "tables": {name: asdict(value) for name, value in found.items()}}))
    return 0


def opened(spark: SparkSession, path: str, key: str) -> Opened:
    """Read the rows of the key in the middle, and ask the scan what it opened."""
    table = spark.read.format("delta").load(path)
    keys = table.select(key).distinct()
    middle = keys.orderBy(key).offset(keys.count() // 2).first()
    assert middle is not None
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{path}`").first()
    assert detail is not None
    metrics = scan_metrics(table, F.col(key) == middle[key])
    return Opened(
        detail["numFiles"],
        round(detail["sizeInBytes"] / 2**20, 2),
        metrics["numFiles"],
        round(metrics["filesSize"] / 2**20, 2),
        metrics["rows"],
    )


def scan_metrics(table: DataFrame, condition: Column) -> dict[str, int]:
    """Rows that meet a condition, and what the scan counted: `numFiles` and `filesSize` (bytes) opened."""
    found = table.where(condition)
    rows = len(found.collect())
    scans = found._jdf.queryExecution().executedPlan().collectLeaves()
    counted = scans.apply(0).metrics()
    return {"rows": rows} | {name: counted.apply(name).value() for name in ("numFiles", "filesSize")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
