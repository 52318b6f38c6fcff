"""Descriptions arrive in Delta's tables, whichever way a table gets its columns."""

import datetime as dt
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from ralm.warehouse.once import append, replace
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.warehouse import Warehouse

pytestmark = pytest.mark.spark

DAY = dt.date(2024, 1, 2)


def comments(warehouse: Warehouse, name: str) -> dict[str, str]:
    return {field.name: field.metadata.get("comment", "") for field in warehouse.read(name).schema}


def described(name: str) -> dict[str, str]:
    return {column.name: column.description for column in TABLES[name].columns}


def test_a_new_table_has_its_description_and_comments(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(spark, str(tmp_path))
    warehouse.create("metrics")
    assert comments(warehouse, "metrics") == described("metrics")
    detail = DeltaTable.forPath(spark, warehouse.table_path("metrics")).detail().first()
    assert detail["description"] == TABLES["metrics"].description
    append(warehouse, "checks", [("run", "step", "name", True, None, None, None, None)])
    assert comments(warehouse, "checks") == described("checks")
    assert warehouse.read("checks").count() == 1


def test_an_overwritten_schema_keeps_them(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(spark, str(tmp_path))
    for attempt in (1, 2):
        frame = spark.createDataFrame([(DAY, "u1", "x")], "as_of date, user_id string, city string")
        replace(warehouse, "users", frame, {}, app_id="test", attempt=attempt, run_id="run")
        assert comments(warehouse, "users") == described("users") | {"city": ""}


@pytest.mark.long
def test_a_column_that_is_added_has_its_comment(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(spark, str(tmp_path))
    lacking = TABLES["metrics"].schema("string").fieldNames()[:-1]
    plain = spark.createDataFrame(
        [("run", DAY, "ralm", "new_items", "test", "item_auc", 0.8, None, None)],
        "run_id string, as_of date, system string, protocol string, split string, metric string, value double, "
        "low double, high double",
    )
    assert plain.columns == lacking
    plain.write.format("delta").partitionBy("as_of").save(warehouse.table_path("metrics"))
    replace(warehouse, "metrics", plain, {"as_of": DAY}, app_id="test", attempt=1, run_id="run")
    # What was there without comments stays as it was.
    assert comments(warehouse, "metrics") == dict.fromkeys(lacking, "") | {"items": described("metrics")["items"]}
