"""A training set is shuffled by a hash; an empty one stops the step that wrote it, and no training starts after it."""

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.steps.user_model.training_sets import shuffled, write_training_set
from ralm.config import load_config
from ralm.dates import ResolvedDates
from ralm.errors import DataError, MissingInputError
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from ralm.warehouse.schemas import TABLES

pytestmark = pytest.mark.spark
TINY = Path(__file__).resolve().parents[3] / "conf" / "tiny.yaml"


def test_an_empty_training_set_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    empty = spark.createDataFrame([], TABLES["user_samples"].schema("string")).drop("as_of", "representation")

    def write(step: RunningStep) -> None:
        training = step.context.config.user_training
        write_training_set(step, "user_samples", empty, ["user_key"], training, "rows", representation="reading")

    context = Context(spark, load_config(TINY, [f"warehouse={tmp_path / 'wh'}"]), say=lambda line: None)
    context.dates = ResolvedDates(*(dt.date(2024, 1, day) for day in range(1, 5)))  # there is no log to resolve them
    with pytest.raises(DataError, match="user_samples: nothing to train on as of 2024-01-01; check dates"):
        run_steps(context, [Step("build_user_samples[reading]", write, as_of="a0")])
    with pytest.raises(MissingInputError, match="run job 'build_user_samples' first"):
        context.require("build_user_samples[reading]", "a0")


def test_rows_are_in_the_order_of_a_hash_that_no_comparison_computes(spark: SparkSession) -> None:
    rows = spark.range(200).select("id", F.array("id").alias("embedding"), (F.col("id") % 7 == 0).alias("validation"))
    found = shuffled(rows, 5, ["id", "embedding"], files=3)
    assert found.columns == rows.columns
    order = found.withColumn("hash", F.xxhash64(F.lit(5), "id", "embedding")).withColumn("file", F.spark_partition_id())
    read = [(row["file"], row["validation"], row["hash"]) for row in order.collect()]
    assert len(read) == 200
    assert read == sorted(read)
    assert len({file for file, _, _ in read}) == 3
    # Spark computes an expression of a sort for both rows of every comparison.
    sorts = [line for line in found._jdf.queryExecution().optimizedPlan().toString().splitlines() if "Sort [" in line]
    assert len(sorts) == 1
    assert "hash" not in sorts[0]
