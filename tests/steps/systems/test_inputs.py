"""What systems read of the seeds, without the toy world."""

from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.steps.systems.contract import Task
from jobs.steps.systems.inputs import require_seeds, sampled_seeds, seed_table
from ralm.errors import DataError

pytestmark = pytest.mark.spark


def task(spark: SparkSession, items: list[str], users: int = 200) -> Task:
    named = spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
    seeds = named.crossJoin(spark.range(users).withColumnRenamed("id", "user_id"))
    step: Any = SimpleNamespace(context=SimpleNamespace(config=SimpleNamespace(seed=7)))
    return Task(step, "a2", items, seeds, "")


def people(spark: SparkSession, parts: int) -> DataFrame:
    known = spark.range(0, 400, 2, parts).withColumnRenamed("id", "user_id")
    return known.withColumn("value", F.col("user_id") * 10).repartition(parts, F.rand())


def test_the_sample_of_an_item_depends_on_its_seeds_alone(spark: SparkSession) -> None:
    def of(asked: list[str], item: str) -> list[int]:
        found = sampled_seeds(task(spark, asked), 20).where(F.col("item_index") == asked.index(item))
        return sorted(row["user_id"] for row in found.collect())

    alone = of(["b"], "b")
    assert len(alone) == 20
    assert alone == of(["a", "b", "c"], "b")
    assert alone == of(["a", "b", "c"], "a")  # the same seeds under another name


def test_seeds_come_in_one_order(spark: SparkSession) -> None:
    first, second = (seed_table(task(spark, ["a", "b"]), people(spark, parts), 100) for parts in (1, 5))
    assert set(first.column_names) == {"item_index", "value"}
    columns = cast(dict[str, list[int]], first.to_pydict())
    rows = list(zip(columns["item_index"], columns["value"], strict=True))
    assert rows == sorted(rows)
    assert len(rows) < 200  # half of the users are not known
    assert first.select(["item_index", "value"]).equals(second.select(["item_index", "value"]))


def test_items_without_a_known_seed_are_named(spark: SparkSession) -> None:
    asked = task(spark, ["a", "b", "c"])
    require_seeds(asked, pa.array([0, 0, 1, 2]))
    with pytest.raises(DataError, match=r"2 items have no seed among the users of a2: \['a', 'c'\]"):
        require_seeds(asked, pa.array([1, 1]))
