"""A writer that stands between files and log while another one merges, or while VACUUM cleans up."""

import datetime as dt
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from ralm.config import load_config
from ralm.errors import RalmError
from ralm.runs.context import Context
from ralm.spark.errors import user_errors
from ralm.warehouse.erase import vacuum
from ralm.warehouse.once import merge_once
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.warehouse import Warehouse
from tests.faults.judge import disagreements, read
from tests.faults.phases import Held
from tests.faults.test_two_at_once import Application, cutoffs

pytestmark = [pytest.mark.spark, pytest.mark.soak]
TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"
AT = dt.datetime(2024, 3, 1)


@pytest.fixture
def warehouse(spark: SparkSession, tmp_path: Path) -> Warehouse:
    """With an item's seeds."""
    found = Context(spark, load_config(TINY, [f"warehouse={tmp_path / 'wh'}"])).warehouse
    found.create("live_seeds")
    merge(found, seeds(found, "a", "u0"), "first")
    return found


def seeds(warehouse: Warehouse, item: str, *users: str) -> DataFrame:
    """A row of `live_seeds`; all items of these tests lie in one bucket."""
    clicked = [{"user_id": user, "clicked_at": AT} for user in users]
    row = (item, clicked, len(users), len(users), b"sketch", 1, AT, 7)
    return warehouse.spark.createDataFrame([row], TABLES["live_seeds"].schema("string"))


def merge(warehouse: Warehouse, rows: DataFrame, stream: str, number: int = 0) -> None:
    """As a batch of a stream is merged."""
    same = "old.item_bucket IN (7) AND old.item_id = new.item_id"
    merge_once(
        warehouse, "live_seeds", rows, same, "new.seeds IS NULL", app_id=stream, number=number, metadata=f'"{stream}"'
    )


def held_by_item(warehouse: Warehouse) -> dict[str, int]:
    return {row["item_id"]: row["seed_count"] for row in warehouse.read("live_seeds").collect()}


@pytest.mark.parametrize("before", ["prepare", "commit"])
def test_two_merges_at_once(spark: SparkSession, warehouse: Warehouse, before: str) -> None:
    """The one that stood still is refused in one line, has changed nothing, and is made again."""
    late = seeds(warehouse, "a", "u1", "u2")

    def write(ready: Callable[[], None]) -> None:
        ready()
        with user_errors("live_seeds"):
            merge(warehouse, late, "late")

    held = Held(spark, before, write)
    merge(warehouse, seeds(warehouse, "b", "u3", "u4", "u5"), "quick")
    error = held.let_go()
    assert isinstance(error, RalmError)
    assert "writes to this warehouse; nothing is lost: run the same command again" in str(error)
    assert "\n" not in str(error)
    assert held_by_item(warehouse) == {"a": 1, "b": 3}
    for _ in range(2):  # the second time, Delta skips it
        merge(warehouse, late, "late")
        assert held_by_item(warehouse) == {"a": 2, "b": 3}
    assert warehouse.version("live_seeds") == 3
    assert disagreements(spark, Path(warehouse.path), {}) == []


@pytest.mark.parametrize("before", ["prepare", "commit"])
def test_vacuum_leaves_what_is_being_written(spark: SparkSession, tmp_path: Path, before: str) -> None:
    """Files that no version knows: those of a killed run go, those of a run that is under way stay."""
    path = tmp_path / "wh"
    night, refresh = Application(spark, path), Application(spark, path)
    night.run("night", ["a"])()
    known = next((path / "thresholds").rglob("*.parquet"))
    left = known.with_name("part-left-by-a-killed-run.parquet")
    shutil.copy(known, left)
    os.utime(left, (time.time() - 7200,) * 2)
    held = Held(spark, before, lambda ready: refresh.run("refresh", ["b"], 2.0, ready=ready)())
    vacuum(night.context.warehouse, "thresholds", 1.0)
    assert not left.exists()
    assert held.let_go() is None
    assert cutoffs(night) == {"a": 1.0, "b": 2.0}
    assert read(path, "thresholds")[0] == 2
    assert disagreements(spark, path, {}) == []
