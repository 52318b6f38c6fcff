"""The draws against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy import stats

from ralm.simulation.draws import normal, power_law_rank, uniform

pytestmark = pytest.mark.spark
ROWS = 20_000


def draw(spark: SparkSession, column: object) -> np.ndarray:
    return spark.range(ROWS).select(column.alias("x")).toPandas()["x"].to_numpy()  # type: ignore[attr-defined]


def test_uniform_and_normal_have_their_distributions(spark: SparkSession) -> None:
    assert stats.kstest(draw(spark, uniform("a", 1, F.col("id"))), "uniform").pvalue > 0.001
    assert stats.kstest(draw(spark, normal("a", 1, F.col("id"))), "norm").pvalue > 0.001


def test_names_seeds_and_keys_give_independent_draws(spark: SparkSession) -> None:
    key = F.col("id")
    drawn = [
        draw(spark, uniform("a", 1, key)),
        draw(spark, uniform("b", 1, key)),
        draw(spark, uniform("a", 2, key)),
        draw(spark, uniform("a", 1, key, F.lit(1))),
    ]
    off_diagonal = np.corrcoef(drawn)[np.triu_indices(4, 1)]
    assert np.abs(off_diagonal).max() < 4 / np.sqrt(ROWS)


def test_the_type_of_a_key_does_not_matter(spark: SparkSession) -> None:
    as_bigint = draw(spark, uniform("a", 1, F.col("id")))
    as_int = draw(spark, uniform("a", 1, F.col("id").cast("int")))
    assert np.array_equal(as_bigint, as_int)


@pytest.mark.parametrize("exponent", [0.0, 0.6, 1.0, 1.4])
def test_power_law_ranks_follow_the_formula(spark: SparkSession, exponent: float) -> None:
    size = 12
    ranks = draw(spark, power_law_rank(uniform("rank", 1, F.col("id")), F.lit(size), exponent))
    edges = np.arange(1, size + 2, dtype=float)
    area = np.log(edges) if exponent == 1 else edges ** (1 - exponent) / (1 - exponent)
    expected = np.diff(area) / (area[-1] - area[0])
    counts = np.bincount(ranks, minlength=size)
    assert len(counts) == size
    assert stats.chisquare(counts, expected * ROWS).pvalue > 0.001


@pytest.mark.parametrize("draw_value", [0.0, 1 - 2.0**-53])
def test_power_law_ranks_stay_in_bounds_at_the_ends(spark: SparkSession, draw_value: float) -> None:
    for size in (1, 2, 1_000_000):
        for exponent in (0.0, 0.8, 1.0, 1.1, 3.0):
            column = power_law_rank(F.lit(draw_value), F.lit(size), exponent).alias("x")
            row = spark.range(1).select(column).first()
            assert row is not None
            assert 0 <= row["x"] <= size - 1
