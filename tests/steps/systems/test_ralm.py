"""Seeds that the batch has clustered already: the same scores, and no scores where there are no clusters."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import functions as F

from jobs.steps.lookalike.clustering import seed_clusters
from jobs.steps.lookalike.variants import lookalike_folder, variant_lookalike
from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.inputs import embedded_users
from jobs.steps.systems.registry import system
from ralm.errors import DataError
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from ralm.training.checkpoints import dated_weights
from tests.steps.conftest import Asked, scores, seeds_of

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(2700)]
ASKED: Asked = {"g0i0": seeds_of(0, 20), "g2i0": seeds_of(2, 12), "g3i1": seeds_of(3, 6)}


@pytest.mark.long
def test_clusters_of_the_batch_give_the_same_scores(
    toy: Context, prepare: Callable[[System, Asked], Prepared], tmp_path: Path
) -> None:
    ralm = system(toy.config, "ralm")
    expected = scores(prepare(ralm, ASKED))
    rows = [(item, at, user) for at, (item, seeds) in enumerate(ASKED.items()) for user in seeds]
    seeds = toy.spark.createDataFrame(rows, "item_id string, item_index int, user_id string")

    def action(step: RunningStep) -> None:
        task = Task(step, "a2", list(ASKED), seeds, str(tmp_path))
        listed = (
            seeds.where("item_id <> 'g2i0'")
            .groupBy("item_id")
            .agg(F.collect_list(F.struct("user_id")).alias("seeds"), F.count("*").cast("int").alias("seed_count"))
        )
        weights = dated_weights(lookalike_folder(toy, "ralm"), toy.dates.a2)
        settings = variant_lookalike(toy.config, "ralm")
        made = seed_clusters(
            listed.withColumn("draw", F.lit(0)), embedded_users(task), settings, toy.config.seed, weights, None
        ).persist()
        found = ralm.prepare(replace(task, clusters=lambda variant: made))
        assert found.unknown == ["g2i0"]
        kept = scores(found)
        for at in (0, 2):
            np.testing.assert_allclose([kept[user][at] for user in expected], [expected[user][at] for user in expected])
        with pytest.raises(DataError, match=r"3 items have no seed with an embedding"):
            ralm.prepare(replace(task, clusters=lambda variant: made.where("item_id = 'none'")))

    step = Step("test[clustered]", action, inputs=ralm.inputs, as_of="a2")
    run_steps(Context(toy.spark, toy.config, force=True, say=lambda line: None), [step])
