"""Every table is read by other engines than Spark, and filters on them give what Spark gives."""

import datetime as dt
from pathlib import Path

import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.warehouse.once import replace
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.table import STATISTICS
from ralm.warehouse.warehouse import Warehouse

deltalake = pytest.importorskip("deltalake")
pytestmark = pytest.mark.spark
DAY = dt.date(2024, 1, 1)


@pytest.fixture(scope="module")
def warehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """All tables; some rows in those that have boolean columns."""
    found = Warehouse(spark, str(tmp_path_factory.mktemp("readers") / "wh"))
    for name in TABLES:
        found.create(name)
    shown = spark.range(10).select(
        F.concat(F.lit("u"), "id").alias("user_id"),
        F.lit("i").alias("item_id"),
        F.timestamp_seconds(F.lit(1_704_103_200) + F.col("id")).alias("shown_at"),
        (F.col("id") % 3 == 0).alias("clicked"),
        F.lit("feed").alias("domain"),
        F.lit(DAY).alias("shown_date"),
    )
    write(found, "impressions", shown)
    schema = TABLES["releases"].schema("string")
    rows = [
        (f"r{i}", dt.datetime(2024, 1, 2), DAY, {"audiences": 3}, {"lookalike": "m"}, {}, i == 1, None, "{}")
        for i in (0, 1)
    ]
    write(found, "releases", spark.createDataFrame(rows, schema))
    return found


def write(warehouse: Warehouse, name: str, frame) -> None:
    replace(warehouse, name, frame.coalesce(1), {}, app_id="test", attempt=1, run_id="r")


@pytest.mark.parametrize("name", TABLES)
def test_delta_rs_opens_every_table(warehouse: Warehouse, name: str) -> None:
    table = deltalake.DeltaTable(warehouse.table_path(name))
    assert {field.name for field in table.schema().fields} >= {column.name for column in TABLES[name].columns}
    assert table.to_pyarrow_dataset().count_rows() == warehouse.read(name).count()
    assert (table.protocol().min_reader_version, table.protocol().reader_features) == (1, None)


@pytest.mark.parametrize(("name", "column", "rows"), [("impressions", "clicked", 4), ("releases", "current", 1)])
def test_boolean_columns_can_be_filtered(warehouse: Warehouse, name: str, column: str, rows: int) -> None:
    path = warehouse.table_path(name)
    table = deltalake.DeltaTable(path)
    dataset = table.to_pyarrow_dataset()
    assert warehouse.read(name).where(f"{column} = true").count() == rows
    assert len(table.to_pandas(filters=[(column, "=", True)])) == rows
    assert dataset.to_table(filter=ds.field(column)).num_rows == rows
    connection = duckdb.connect()
    connection.register("rows", dataset)
    assert connection.sql(f"SELECT count(*) FROM rows WHERE {column} = true").fetchone() == (rows,)
    assert connection.sql(f"SELECT count(*) FROM rows WHERE NOT {column}").fetchone() == (dataset.count_rows() - rows,)
    files = table.file_uris()
    assert sum(pq.read_table(file, columns=[column]).column(column).to_pylist().count(True) for file in files) == rows


def test_polars_filters_alike(warehouse: Warehouse) -> None:
    polars = pytest.importorskip("polars")
    found = polars.scan_delta(warehouse.table_path("impressions")).filter(polars.col("clicked")).collect()
    assert found.height == 4


def test_a_table_of_an_earlier_release_gets_the_statistics(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(spark, str(tmp_path / "wh"))
    warehouse.create("releases")
    path = warehouse.table_path("releases")
    spark.sql(f"ALTER TABLE delta.`{path}` UNSET TBLPROPERTIES ('{STATISTICS}')")
    for _ in range(2):
        Warehouse(spark, warehouse.path).create("releases")
    properties = deltalake.DeltaTable(path).metadata().configuration
    assert properties[STATISTICS] == "release_id,created_at,as_of,note"
    assert warehouse.version("releases") == 2
