"""Rows that leave a table, and how long its earlier versions hold them."""

import time
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ralm.warehouse.erase import Erased, change_rows, erase_rows, last_erased, vacuum
from ralm.warehouse.once import replace
from ralm.warehouse.warehouse import Warehouse

pytestmark = pytest.mark.spark
NAME, SECOND = "comparison_pairs", 1 / 3600


@pytest.fixture
def warehouse(spark: SparkSession, tmp_path: Path) -> Warehouse:
    found = Warehouse(spark, str(tmp_path / "wh"))
    rows = spark.range(40).selectExpr(
        "date'2024-03-01' AS as_of",
        "'test' AS split",
        "IF(id < 20, 'crowds', 'warm_up') AS family",
        "'i' AS item_id",
        "concat('u', id) AS user_id",
        "'seed' AS role",
        "CAST(id + 1 AS INT) AS position",
        "true AS weak",
    )
    replace(found, NAME, rows, {}, app_id="test", attempt=1, run_id="test")
    return found


@pytest.mark.long
def test_rows_go_in_one_commit_without_deletion_vectors(warehouse: Warehouse) -> None:
    before = warehouse.version(NAME)
    keys = warehouse.spark.createDataFrame([("u3",), ("u4",), ("nobody",)], "key string")
    erased = erase_rows(warehouse, NAME, "old.user_id", keys, mark=7)
    assert erased is not None
    assert (erased.rows, erased.version) == (2, before + 1)
    assert erased.files >= 1
    assert warehouse.read(NAME).count() == 38
    assert erase_rows(warehouse, NAME, "old.user_id", keys, mark=7) is None
    assert warehouse.version(NAME) == last_erased(warehouse, NAME) == erased.version
    features = DeltaTable.forPath(warehouse.spark, warehouse.table_path(NAME)).detail().first()
    assert features is not None
    assert "deletionVectors" not in (features["tableFeatures"] or [])
    assert not list(Path(warehouse.table_path(NAME)).glob("**/deletion_vector*"))


def test_rows_change_and_empty_ones_go(warehouse: Warehouse) -> None:
    rows = warehouse.spark.createDataFrame([("u1", 100), ("u2", -1)], "user_id string, place int")
    changed = {"position": "old.position + new.place"}
    erased = change_rows(warehouse, NAME, rows, ("user_id",), changed, "new.place < 0", mark=7)
    assert erased is not None
    assert isinstance(erased, Erased)
    assert erased.rows == 2
    found = {row["user_id"]: row["position"] for row in warehouse.read(NAME).collect()}
    assert found == {f"u{n}": n + 1 for n in range(40) if n != 2} | {"u1": 102}


@pytest.mark.long
def test_history_is_kept_as_long_as_the_house_says(warehouse: Warehouse) -> None:
    before = warehouse.version(NAME)
    keys = warehouse.spark.createDataFrame([("u3",)], "key string")
    erase_rows(warehouse, NAME, "old.user_id", keys, mark=7)
    vacuum(warehouse, NAME, 24)
    assert warehouse.read(NAME, before).count() == 40
    time.sleep(2)
    vacuum(warehouse, NAME, SECOND)
    with pytest.raises((PySparkException, Py4JJavaError)):
        warehouse.read(NAME, before).collect()
    assert warehouse.read(NAME).count() == 39
