"""Scoring all users of a Delta table into audiences in another, next to MLlib's recommendations."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.ml.recommendation import ALSModel
from pyspark.sql import DataFrame, SparkSession

from benchmarks.harness import Benchmark, Contest
from benchmarks.score_kernel import products, random_scorer
from benchmarks.work import cores, saved, workspace
from jobs.steps.audiences.audiences import audience_rows
from jobs.steps.audiences.ranking import rank_users
from jobs.steps.audiences.scored_users import Scored
from ralm.arrow.arrays import list_array
from ralm.config import Scoring
from ralm.evaluation.array_metrics import top_size
from ralm.scoring.contract import ScorerState
from ralm.scoring.kmeans import single_thread
from ralm.scoring.scorer import lookalike_state
from udfs.shapes import Batches

USERS, ITEMS, WIDTH, TOP = 2_000_000, 100, 64, 0.05
KERNEL_USERS = 8_192
MLLIB_ITEMS = 10


@contextmanager
def score_job(size: int | None) -> Iterator[Benchmark]:
    """2 million users (or `size`) × 100 items, their top 5 % each, exactly, from Delta to Delta.

    References: `products`, the two matrix products of the scores on one core in memory, times the cores; `als`, MLlib's
    `recommendForAllUsers(10)` of rank 64 for as many users and items, written to Delta.
    """
    users = size or USERS
    with workspace("score_job") as (spark, folder):
        weights, centroids, sizes = random_scorer(WIDTH, ITEMS)
        state = lookalike_state(weights, centroids, sizes)
        targets = saved(random_targets(spark, users, WIDTH), f"{folder}/targets")
        factors = saved(random_factors(spark, users), f"{folder}/factors")
        model = als_model(spark, factors, saved(random_factors(spark, ITEMS), f"{folder}/items"))
        unit = np.random.default_rng(1).normal(size=(KERNEL_USERS, WIDTH)).astype(np.float32)
        scorer = state.build()

        def in_memory() -> None:
            with single_thread():
                products(scorer, unit)  # type: ignore[arg-type]

        yield Benchmark(
            "score_job",
            "pairs/s",
            [
                Contest(
                    "",
                    lambda: score_all_users(targets, users, state, folder),
                    {
                        "products": in_memory,
                        "als": lambda: saved(model.recommendForAllUsers(MLLIB_ITEMS), f"{folder}/als"),
                    },
                    users * ITEMS,
                    {"products": KERNEL_USERS * ITEMS},
                    {"products": cores()},
                )
            ],
        )


def score_all_users(targets: DataFrame, users: int, state: ScorerState, folder: str) -> None:
    """The work of the job `score_users` for its audiences, without leaving out seeds."""
    items = [f"i{number:05d}" for number in range(ITEMS)]
    scored = Scored(targets, users, items, state, f"{folder}/score", "bigint", scan=True)
    sample = scored.sample(Scoring().sample, 1)
    ranking = rank_users(scored, sample, dict.fromkeys(items, top_size(users, TOP)), None)
    rows = audience_rows(ranking, "ralm", dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), users)
    rows.write.format("delta").mode("overwrite").partitionBy("as_of", "system", "item_bucket").save(
        f"{folder}/audiences"
    )
    shutil.rmtree(f"{folder}/score")


def random_targets(spark: SparkSession, users: int, width: int) -> DataFrame:
    """Users (user_id, bias, embedding of unit length) in random directions."""

    def rows(batches: Batches) -> Iterator[pa.RecordBatch]:
        for ids, values in _normal(batches, width):
            unit = values / np.linalg.norm(values, axis=1, keepdims=True)
            yield pa.record_batch([ids, pa.array(np.zeros(len(ids), np.float32)), list_array(unit)], names)

    names = ["user_id", "bias", "embedding"]
    return spark.range(users).mapInArrow(rows, "user_id bigint, bias float, embedding array<float>")


def random_factors(spark: SparkSession, count: int) -> DataFrame:
    """Factors (id int, features array<float>) of rank 64, as MLlib keeps them."""

    def rows(batches: Batches) -> Iterator[pa.RecordBatch]:
        for ids, values in _normal(batches, WIDTH):
            yield pa.record_batch([ids.cast(pa.int32()), list_array(values)], ["id", "features"])

    return spark.range(count).mapInArrow(rows, "id int, features array<float>")


def als_model(spark: SparkSession, users: DataFrame, items: DataFrame) -> ALSModel:
    """A model with given factors; fitting them is not measured."""
    made = spark._jvm.org.apache.spark.ml.recommendation.ALSModel("als", WIDTH, users._jdf, items._jdf)  # type: ignore[union-attr]
    return ALSModel(made.setUserCol("user_id").setItemCol("item_id"))


def _normal(batches: Batches, width: int) -> Iterator[tuple[pa.Array, NDArray[np.float32]]]:
    """The ids of each batch, and as many rows of normal numbers, seeded by the first id."""
    for batch in batches:
        ids = batch.column(0)
        if len(ids):
            yield ids, np.random.default_rng(ids[0].as_py()).normal(size=(len(ids), width)).astype(np.float32)
