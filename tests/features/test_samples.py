"""The samplers against the formula."""

import datetime as dt

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy import stats

from jobs.steps.user_model.user_samples import build_user_samples
from ralm.config import UserSamples
from ralm.features.negatives import draw_negatives, log_uniform_rank, uniform
from ralm.features.samples import user_positives

pytestmark = pytest.mark.spark
DAY = dt.date(2024, 1, 1)


def log_uniform(items: int) -> np.ndarray:
    k = np.arange(items)
    return (np.log(k + 2) - np.log(k + 1)) / np.log(items + 1)


@pytest.mark.parametrize("items", [1, 7, 50])
def test_draws_follow_the_log_uniform_formula(items: int) -> None:
    observed = np.bincount(log_uniform_rank(uniform(3, np.arange(40_000)), items), minlength=items)
    assert len(observed) == items
    if items > 1:
        assert stats.chisquare(observed, log_uniform(items) * 40_000).pvalue > 1e-3


def test_hashed_numbers_are_uniform_and_of_every_key() -> None:
    numbers = uniform(1, np.arange(500)[:, None], np.arange(100))
    assert stats.kstest(numbers.ravel(), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 0.2
    assert len(np.unique(numbers)) == numbers.size
    assert (uniform(2, np.arange(500)[:, None], np.arange(100)) != numbers).all()


def test_without_a_redraw_the_next_free_index_is_taken() -> None:
    users, positives = np.arange(400), np.full((400, 1), 3)
    flat, ends = np.tile([1, 2, 3, 6], 400), np.arange(1, 401) * 4
    plain = draw_negatives(users, positives, (flat[:0], np.zeros(400, int)), 6, 5, 0, 1)
    drawn = draw_negatives(users, positives, (flat, ends), 6, 5, 0, 1)
    expected = {1: 4, 2: 4, 3: 4, 4: 4, 5: 5, 6: 4}
    assert drawn.shape == (400, 1, 5)
    assert drawn.ravel().tolist() == [expected[index] for index in plain.ravel()]
    assert set(plain.ravel()) == set(range(1, 7))


def test_only_the_own_known_items_are_avoided() -> None:
    users, positives = np.array([7, 7]), np.array([[1], [1]])
    one, other = draw_negatives(users, positives, (np.array([1, 2]), np.array([1, 2])), 2, 50, 16, 1)[:, 0]
    assert set(one) == {2}
    assert set(other) == {1}


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
