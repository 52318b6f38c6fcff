"""The oracle's scorer against the probabilities that the built-in world draws its clicks from."""

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.baselines.oracle import Oracle, oracle_state
from ralm.config import Simulate
from ralm.simulation.oracle import click_probability, item_truth, user_truth

pytestmark = pytest.mark.spark

WORLD, SEED = Simulate(users=1_000, items=200, topics=12), 3


def test_the_scorer_gives_the_probability_of_a_click(spark: SparkSession) -> None:
    items = spark.range(40).select(F.concat(F.lit("i"), F.col("id")).alias("item_id"), "id")
    users = spark.range(300).select(F.concat(F.lit("u"), F.col("id")).alias("user_id"))
    state = oracle_state(item_truth(items, WORLD, SEED).orderBy("id").toPandas(), WORLD.topics)
    table = user_truth(users, WORLD, SEED).select("user_id", *Oracle.columns).toArrow()
    pairs = click_probability(users.crossJoin(items), WORLD, SEED)
    known = pairs.toPandas().pivot(index="user_id", columns="id", values="click_probability")
    expected = known.loc[table.column("user_id").to_pylist(), range(40)].to_numpy()
    np.testing.assert_allclose(state.build().score_batch(table), expected, rtol=1e-12)
    assert expected.std() > 0.05
