"""The samplers against the formula."""

import datetime as dt

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy import stats

from ralm.config import UserSamples
from ralm.features.hashing import uniform
from ralm.features.samples import build_user_samples, log_uniform_rank, user_positives

pytestmark = pytest.mark.spark
DAY = dt.date(2024, 1, 1)


def log_uniform(items: int) -> np.ndarray:
    k = np.arange(items)
    return (np.log(k + 2) - np.log(k + 1)) / np.log(items + 1)


@pytest.mark.parametrize("items", [1, 7, 50])
def test_draws_follow_the_log_uniform_formula(spark: SparkSession, items: int) -> None:
    draws = spark.range(40_000).select(log_uniform_rank(uniform("test", 3, "id"), items).alias("k"))
    counted = {row["k"]: row["count"] for row in draws.groupBy("k").count().collect()}
    observed = np.array([counted.get(k, 0) for k in range(items)])
    assert observed.sum() == 40_000
    if items > 1:
        assert stats.chisquare(observed, log_uniform(items) * 40_000).pvalue > 1e-3


def test_the_first_draw_of_the_samples_follows_the_formula(spark: SparkSession) -> None:
    """One user with one rare positive for many draws: hardly a redraw, so the marginal is the formula's."""
    items = 40
    positives = spark.range(3_000).select(
        F.col("id").cast("string").alias("user_id"),
        F.expr("array(40)").alias("positives"),
        F.expr("array(40)").alias("known"),
    )
    fields = positives.select("user_id", F.lit(1).alias("category_x"))
    samples = build_user_samples(fields, positives, items, UserSamples(positives_per_row=1), seed=5)
    drawn = samples.select(F.explode("negatives").alias("i")).groupBy("i").count().collect()
    counted = {row["i"]: row["count"] for row in drawn}
    assert counted.get(40, 0) == 0
    expected = log_uniform(items)[:-1]
    observed = np.array([counted.get(i, 0) for i in range(1, items)])
    assert observed.sum() == 30_000
    # Redraws spread the forbidden item's share over the others in proportion.
    assert stats.chisquare(observed, expected / expected.sum() * 30_000).pvalue > 1e-3


def make_events(spark: SparkSession, rows: list[tuple[str, str, str, int]]):
    frame = spark.createDataFrame(rows, "user_id string, domain string, feature_id string, day int")
    return frame.withColumn("event_time", F.expr("timestamp'2024-01-01 00:00:00' + make_interval(0,0,0,day)"))


def test_positives_are_capped_distinct_and_inside_the_window(spark: SparkSession) -> None:
    rows = [("heavy", "reading", f"f{i}", 1) for i in range(100) for _ in range(2)]
    rows += [("light", "reading", "f0", 1), ("light", "reading", "f1", 0), ("light", "reading", "f2", 3)]
    rows += [("light", "shopping", "f3", 1), ("light", "reading", "unknown", 1)]
    vocabulary = spark.createDataFrame(
        [("reading", f"f{i}", i + 1) for i in range(100)], "field string, feature_id string, index int"
    )
    config = UserSamples(max_positives=8)
    got = {
        row["user_id"]: row
        for row in user_positives(
            make_events(spark, rows), vocabulary, "reading", dt.date(2024, 1, 2), dt.date(2024, 1, 4), config, 1
        ).collect()
    }
    assert got["light"]["positives"] == [1]
    assert len(got["heavy"]["positives"]) == 8
    assert len(set(got["heavy"]["known"])) == 32
    assert got["heavy"]["known"][:8] == got["heavy"]["positives"]


def test_rows_carry_exactly_ten_negatives_that_are_never_positives(spark: SparkSession) -> None:
    rows = spark.range(200).select(
        F.concat(F.lit("u"), "id").alias("user_id"),
        # Users with up to 23 of the 30 most frequent items: most draws must be redone.
        F.expr("transform(sequence(1, cast(id % 23 as int) + 1), x -> cast(x as int))").alias("known"),
    )
    positives = rows.withColumn("positives", F.slice("known", 1, 12))
    fields = positives.select("user_id", F.array(F.lit(1), F.lit(0)).alias("history_reading"))
    config = UserSamples(positives_per_row=5, max_positives=12, redraws=2, validation_share=0.3)
    samples = build_user_samples(fields, positives, 30, config, seed=2).collect()
    known = {
        row["key"]: set(row["known"]) for row in positives.select(F.xxhash64("user_id").alias("key"), "known").collect()
    }
    seen: dict[int, list[int]] = {}
    for row in samples:
        assert len(row["positives"]) == 5
        assert len(row["negatives"]) == 50
        assert row["history_reading"] == [1, 0]
        for j, positive in enumerate(row["positives"]):
            negatives = row["negatives"][10 * j : 10 * j + 10]
            if positive == 0:
                assert set(negatives) == {0}
            else:
                assert not set(negatives) & (known[row["user_key"]] | {0})
                assert all(1 <= n <= 30 for n in negatives)
        seen.setdefault(row["user_key"], []).extend(p for p in row["positives"] if p)
    expected = {
        r["key"]: r["positives"] for r in positives.select(F.xxhash64("user_id").alias("key"), "positives").collect()
    }
    assert {k: sorted(v) for k, v in seen.items()} == {k: sorted(v) for k, v in expected.items()}
    share = np.mean([row["validation"] for row in samples])
    assert 0.15 < share < 0.45


def test_samples_do_not_depend_on_the_partitioning(spark: SparkSession) -> None:
    positives = spark.range(60).select(
        F.col("id").cast("string").alias("user_id"),
        F.expr("array(1, 2)").alias("positives"),
        F.expr("array(1, 2)").alias("known"),
    )
    fields = positives.select("user_id", F.lit(1).alias("category_x"))
    one, many = (
        sorted(
            map(
                str, build_user_samples(fields.repartition(n), positives.repartition(n), 20, UserSamples(), 1).collect()
            )
        )
        for n in (1, 5)
    )
    assert one == many
