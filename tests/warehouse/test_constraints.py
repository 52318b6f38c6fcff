"""NOT NULL and CHECK hold in every table, new or of an earlier release."""

import datetime as dt
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.errors import DataError
from ralm.warehouse.once import replace
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.warehouse import Warehouse

DAY = dt.date(2024, 1, 2)
NOON = dt.datetime(2024, 1, 2, 12)
IMPRESSION = ("u1", "i1", NOON, True, "feed", DAY)


def test_every_table_has_a_condition() -> None:
    assert [name for name, table in TABLES.items() if not table.conditions] == []


def impressions(spark: SparkSession, *rows: tuple[object, ...]):
    schema = "user_id string, item_id string, shown_at timestamp, clicked boolean, domain string, shown_date date"
    return spark.createDataFrame(list(rows), schema)


def write(warehouse: Warehouse, frame, attempt: int) -> None:
    replace(warehouse, "impressions", frame, {}, app_id="test", attempt=attempt, run_id="r")


@pytest.mark.long
@pytest.mark.spark
def test_what_is_replaced_as_a_whole_keeps_not_null(spark: SparkSession, tmp_path: Path) -> None:
    """Spark's overwritten schema has none: it took the NOT NULL of the first `create` away."""
    warehouse = Warehouse(spark, str(tmp_path))
    write(warehouse, impressions(spark, IMPRESSION), 1)
    write(warehouse, impressions(spark, IMPRESSION), 2)
    for place in range(len(IMPRESSION) - 1):
        bad = tuple(None if at == place else value for at, value in enumerate(IMPRESSION))
        with pytest.raises(Exception, match=r"(?i)not.null|_is_there|_holds"):
            impressions(spark, bad).write.format("delta").mode("append").save(warehouse.table_path("impressions"))
    with pytest.raises(Exception, match="shown_date_holds"):
        write(warehouse, impressions(spark, (*IMPRESSION[:-1], dt.date(2024, 1, 3))), 3)
    assert warehouse.read("impressions").count() == 1


@pytest.mark.long
@pytest.mark.spark
def test_a_table_of_an_earlier_release_gets_them(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "impressions")
    impressions(spark, IMPRESSION).write.format("delta").partitionBy("shown_date").save(path)
    Warehouse(spark, str(tmp_path)).create("impressions")
    properties = DeltaTable.forPath(spark, path).detail().first()["properties"]
    found = {key.removeprefix("delta.constraints.") for key in properties if key.startswith("delta.constraints.")}
    assert found == set(TABLES["impressions"].conditions)
    version = Warehouse(spark, str(tmp_path)).version("impressions")
    again = Warehouse(spark, str(tmp_path))
    again.create("impressions")
    assert again.version("impressions") == version  # nothing was left to add


@pytest.mark.spark
def test_rows_that_may_not_be_are_named(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "impressions")
    impressions(spark, IMPRESSION, ("u2", "", *IMPRESSION[2:])).write.format("delta").save(path)
    with pytest.raises(DataError, match=r"table 'impressions': rows of .* do not meet item_id <> '', .* remove the"):
        Warehouse(spark, str(tmp_path)).create("impressions")


@pytest.mark.spark
@pytest.mark.long
def test_all_tables_of_a_run_meet_their_conditions(tiny_run) -> None:
    """As Spark sees them; `test_contracts.py` asks DuckDB."""
    for name, table in TABLES.items():
        if not Path(f"{tiny_run.config.warehouse}/{name}").exists():
            continue
        broken = [F.count(F.when(~F.expr(f"coalesce({text}, false)"), 1)) for text in table.conditions.values()]
        assert set(tiny_run.table(name).agg(*broken).first()) == {0}, name
