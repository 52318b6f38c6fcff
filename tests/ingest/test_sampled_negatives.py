"""Sampled non-clicks: their distribution against the popularity, and what may never be drawn."""

import datetime as dt
import random
from collections import Counter, defaultdict

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy.stats import chisquare

from ralm.config import SampledNegatives
from ralm.ingest.sampled_negatives import bucket_of, busy_bucket, drawn, popularity_slots, sample_negatives

pytestmark = pytest.mark.spark

START = dt.datetime(2024, 1, 1, 8)


@pytest.fixture(scope="module")
def clicks(spark: SparkSession) -> DataFrame:
    """Two hours with different items; popularity falls as 1/rank; some users click a lot."""
    rng = random.Random(3)
    weights = [1 / (rank + 1) for rank in range(25)]
    found = set()
    for n in range(3000):
        hour = n % 2
        item = rng.choices(range(25), weights)[0] + 20 * hour  # items 20 ... 24 live in both hours
        user = rng.randrange(40) if rng.random() < 0.2 else 40 + rng.randrange(1500)
        found.add((f"u{user}", f"i{item}", START + dt.timedelta(hours=hour, seconds=rng.randrange(3600))))
    return spark.createDataFrame(sorted(found), "user_id string, item_id string, shown_at timestamp").cache()


def test_slots_are_the_inverse_of_the_cumulative_popularity(spark: SparkSession) -> None:
    counts = {"a": 5, "b": 3, "c": 1, "d": 1}
    clicks = [(item, 1) for item, n in counts.items() for _ in range(100 * n)]
    keyed = spark.createDataFrame(clicks, "item_id string, bucket int")
    rows = popularity_slots(keyed, 100).collect()
    assert sorted(row["slot"] for row in rows) == list(range(100))
    assert Counter(row["candidate"] for row in rows) == {item: 10 * n for item, n in counts.items()}


def test_a_quiet_bucket_has_a_slot_per_click(spark: SparkSession) -> None:
    counts = {("a", 1): 5, ("b", 1): 2, ("b", 2): 1}
    keyed = spark.createDataFrame([key for key, n in counts.items() for _ in range(n)], "item_id string, bucket int")
    rows = popularity_slots(keyed, 10_000).collect()
    assert Counter((row["candidate"], row["bucket"]) for row in rows) == counts
    assert sorted(row["slot"] for row in rows if row["bucket"] == 1) == list(range(7))


@pytest.mark.parametrize(("seconds", "bucket"), [(10, "hour"), (360, "day"), (36_000, "week")])
def test_the_bucket_follows_from_how_busy_the_log_is(spark: SparkSession, seconds: int, bucket: str) -> None:
    moments = [(START + dt.timedelta(seconds=seconds * n),) for n in range(2_000)]
    assert busy_bucket(spark.createDataFrame(moments, "shown_at timestamp")) == bucket


def test_draws_follow_the_popularity_of_the_hour(clicks: DataFrame) -> None:
    settings = SampledNegatives(per_click=4, slots=100_000)
    draws = drawn(clicks, settings, 7, "hour").withColumn("hour", F.hour("shown_at"))
    observed = {(r[0], r[1]): r[2] for r in draws.groupBy("hour", "candidate").count().collect()}
    popular = {(r[0], r[1]): r[2] for r in clicks.groupBy(F.hour("shown_at"), "item_id").count().collect()}
    for hour in (8, 9):
        alive = sorted(item for h, item in popular if h == hour)
        total = sum(n for (h, _), n in observed.items() if h == hour)
        clicked = sum(popular[hour, item] for item in alive)
        expected = [total * popular[hour, item] / clicked for item in alive]
        assert {item for h, item in observed if h == hour} <= set(alive)
        assert chisquare([observed.get((hour, item), 0) for item in alive], expected).pvalue > 1e-3


def test_nothing_that_the_user_had_clicked_and_exactly_as_many_as_asked(clicks: DataFrame) -> None:
    settings = SampledNegatives(per_click=3)
    negatives = [tuple(r) for r in sample_negatives(clicks, settings, 7).collect()]
    positive = [tuple(r) for r in clicks.collect()]
    first, moments, alive = {}, Counter(), defaultdict(set)
    for user, item, shown in positive:
        first[user, item] = min(shown, first.get((user, item), shown))
        moments[user, shown] += 1
        alive[shown.hour].add(item)
    later = [first[user, item] > shown for user, item, shown in negatives if (user, item) in first]
    assert all(later)
    assert len(later) > 20  # what is clicked later may be drawn: `unseen_pairs` decides who may know of it
    assert all(item in alive[shown.hour] for _, item, shown in negatives)
    assert len(set(negatives)) == len(negatives)
    got = Counter((user, shown) for user, _, shown in negatives)
    assert set(got) <= set(moments)
    assert all(got[moment] <= 3 * n for moment, n in moments.items())
    assert len(negatives) > 0.99 * 3 * len(positive)


def test_what_happens_later_changes_no_earlier_negative(clicks: DataFrame) -> None:
    settings = SampledNegatives(per_click=3)
    known = clicks.where(F.hour("shown_at") == 8)
    whole = sample_negatives(clicks, settings, 7).where(F.hour("shown_at") == 8)
    assert known.count() < clicks.count()
    assert sorted(map(tuple, whole.collect())) == sorted(map(tuple, sample_negatives(known, settings, 7).collect()))


def test_the_partitioning_does_not_matter_and_the_seed_does(clicks: DataFrame) -> None:
    settings = SampledNegatives(per_click=1)
    first = sorted(map(tuple, sample_negatives(clicks, settings, 7).collect()))
    shuffled = clicks.orderBy(F.xxhash64("shown_at")).repartition(5)
    assert sorted(map(tuple, sample_negatives(shuffled, settings, 7).collect())) == first
    assert sorted(map(tuple, sample_negatives(clicks, settings, 8).collect())) != first


def test_a_bucket_of_one_item_gives_none(spark: SparkSession) -> None:
    lonely = spark.createDataFrame([("u1", "i1", START), ("u2", "i1", START)], "user_id string, item_id string, shown_at timestamp")  # fmt: skip  # noqa: E501
    assert sample_negatives(lonely, SampledNegatives(), 1).isEmpty()


def test_buckets(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(dt.datetime(2024, 1, 1, 8, 59, 59),)], "t timestamp")
    found = frame.select(*[bucket_of(F.col("t"), b) for b in ("hour", "day", "all")]).collect()[0]
    assert tuple(found) == (dt.datetime(2024, 1, 1, 8), dt.datetime(2024, 1, 1), dt.datetime(1970, 1, 1))
