"""An empty training set stops the step that wrote it, and the training after it does not start."""

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.steps.user_model.training_sets import write_training_set
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
