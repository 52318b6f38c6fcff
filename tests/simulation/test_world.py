"""The built-in world: what must hold for any seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.config import Simulate
from ralm.simulation import oracle, world
from ralm.simulation.draws import uniform
from ralm.simulation.truth import is_cold

pytestmark = pytest.mark.spark

SEED = 3
WORLD = Simulate(users=1_000, items=200, days=20, impressions_per_user=50)
END = pd.Timestamp(WORLD.start) + pd.Timedelta(days=WORLD.days)


@pytest.fixture(scope="module")
def impressions(spark: SparkSession) -> pd.DataFrame:
    frame = world.impressions(spark, WORLD, SEED)
    return oracle.click_probability(frame, WORLD, SEED).toPandas()


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> pd.DataFrame:
    return world.events(spark, WORLD, SEED).toPandas()


@pytest.fixture(scope="module")
def items(spark: SparkSession) -> pd.DataFrame:
    return world.items(spark, WORLD, SEED).toPandas()


@pytest.fixture(scope="module")
def cold(spark: SparkSession) -> set[str]:
    """Users that the world calls new to the feed."""
    number = F.col("id")
    frame = spark.range(WORLD.users).where(is_cold(number, WORLD, SEED))
    return set(frame.select(world.user_id(number, WORLD).alias("user_id")).toPandas()["user_id"])


@pytest.mark.long
@pytest.mark.parametrize("table", ["users", "events", "impressions"])
def test_same_rows_whatever_the_partitioning(spark: SparkSession, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(frame: DataFrame) -> tuple[int, int]:
        hashed = frame.select(F.xxhash64(*frame.columns).alias("h"))
        row = hashed.agg(F.count("*").alias("n"), F.sum(F.col("h").cast("decimal(38,0)")).alias("s")).first()
        assert row is not None
        return int(row["n"]), int(row["s"])

    def with_parts(parts: int) -> tuple[int, int, int]:
        monkeypatch.setattr(
            world, "_numbers", lambda session, size: session.range(0, size, 1, parts).withColumnRenamed("id", "number")
        )
        frame = getattr(world, table)(spark, WORLD, SEED)
        return frame.rdd.getNumPartitions(), *digest(frame)

    one, seven = with_parts(1), with_parts(7)
    assert one[0] < seven[0]
    assert one[1:] == seven[1:]


def test_seeds_make_different_worlds(spark: SparkSession, impressions: pd.DataFrame) -> None:
    other = world.impressions(spark, WORLD, SEED + 1).toPandas()
    pairs = set(zip(impressions["user_id"], impressions["item_id"], strict=True))
    shared = pairs & set(zip(other["user_id"], other["item_id"], strict=True))
    assert len(shared) < 0.5 * len(pairs)


def test_columns_are_the_tables_columns(spark: SparkSession) -> None:
    assert dict(world.events(spark, WORLD, SEED).dtypes) == {
        "user_id": "string",
        "domain": "string",
        "feature_id": "string",
        "event_time": "timestamp",
    }
    assert dict(world.impressions(spark, WORLD, SEED, "bigint").dtypes) == {
        "user_id": "bigint",
        "item_id": "string",
        "shown_at": "timestamp",
        "clicked": "boolean",
        "domain": "string",
    }
    kinds = dict(world.items(spark, WORLD, SEED).dtypes)
    assert kinds["published_at"] == "timestamp"
    assert kinds["categories"] == "array<string>"


def test_clicks_come_from_the_oracles_probability(impressions: pd.DataFrame) -> None:
    # Calibration in tenths of the probability: sums of independent Bernoulli draws, so z-scores.
    bins = pd.qcut(impressions["click_probability"], 10, labels=False, duplicates="drop")
    for _, part in impressions.groupby(bins):
        p = part["click_probability"].to_numpy()
        z = (part["clicked"].sum() - p.sum()) / np.sqrt((p * (1 - p)).sum())
        assert abs(z) < 4
    assert impressions["click_probability"].max() > 0.3
    assert impressions["click_probability"].min() < 0.1


def test_a_click_is_the_draw_below_the_oracles_probability(spark: SparkSession, impressions: pd.DataFrame) -> None:
    # A second path: the hash of the draw by Spark on ids read back, compared in pandas.
    pairs = spark.createDataFrame(
        [(int(u[1:]), int(i[1:])) for u, i in impressions[["user_id", "item_id"]].head(2_000).to_numpy()],
        "number bigint, item bigint",
    )
    drawn = pairs.select(uniform("clicked", SEED, F.col("number"), F.col("item")).alias("x")).toPandas()["x"]
    expected = drawn.to_numpy() < impressions["click_probability"].head(2_000).to_numpy()
    assert (expected == impressions["clicked"].head(2_000).to_numpy()).all()


def test_the_oracle_reads_bigint_ids_too(spark: SparkSession, impressions: pd.DataFrame) -> None:
    sample = impressions.head(500)
    numbers = spark.createDataFrame(
        [(int(u[1:]), i) for u, i in sample[["user_id", "item_id"]].to_numpy()], "user_id bigint, item_id string"
    )
    found = oracle.click_probability(numbers, WORLD, SEED).toPandas()["click_probability"]
    assert np.allclose(found, sample["click_probability"])


def test_clicked_impressions_are_reading_events(impressions: pd.DataFrame, events: pd.DataFrame) -> None:
    reading = events[events["domain"] == "reading"]
    log = reading[reading["event_time"] >= pd.Timestamp(WORLD.start)]
    clicks = impressions[impressions["clicked"]]
    assert set(zip(log["user_id"], log["feature_id"], log["event_time"], strict=True)) == set(
        zip(clicks["user_id"], clicks["item_id"], clicks["shown_at"], strict=True)
    )
    assert len(reading) > len(log)


def test_nobody_sees_an_item_twice_or_before_it_is_published(impressions: pd.DataFrame, items: pd.DataFrame) -> None:
    assert not impressions.duplicated(["user_id", "item_id"]).any()
    joined = impressions.merge(items, on="item_id", how="left")
    assert joined["published_at"].notna().all()
    assert (joined["shown_at"] >= joined["published_at"]).all()
    assert joined["shown_at"].min() >= pd.Timestamp(WORLD.start)
    assert joined["shown_at"].max() < END


def test_events_lie_between_the_history_and_the_end(events: pd.DataFrame) -> None:
    assert events["event_time"].min() >= pd.Timestamp(WORLD.start) - pd.Timedelta(days=WORLD.history_days)
    assert events["event_time"].max() < END


def test_items_appear_through_the_whole_log(items: pd.DataFrame) -> None:
    assert len(items) == items["item_id"].nunique() == WORLD.items
    newest = items["published_at"].max()
    assert END - pd.Timedelta(days=2) < newest < END
    assert items["categories"].map(len).between(1, 2).all()


def test_cold_users_shop_and_search_but_do_not_read_before_they_arrive(
    impressions: pd.DataFrame, events: pd.DataFrame, cold: set[str]
) -> None:
    assert abs(len(cold) / WORLD.users - WORLD.cold_share) < 0.06
    a2 = pd.Timestamp(WORLD.start) + pd.Timedelta(days=WORLD.days * 0.8)
    before = events[events["event_time"] < a2]
    actors = {domain: set(part["user_id"]) for domain, part in before.groupby("domain")}
    assert len(cold - actors["reading"]) > 0.4 * len(cold)
    assert len(cold & actors["shopping"]) > 0.8 * len(cold)
    assert len(cold & actors["search"]) > 0.7 * len(cold)
    early = before[before["event_time"] < pd.Timestamp(WORLD.start) + pd.Timedelta(days=WORLD.days * 0.3)]
    assert not cold & set(early[early["domain"] == "reading"]["user_id"])
    # They are targets in the last window and in those that are trained on.
    never_read = cold - actors["reading"]
    assert impressions[impressions["shown_at"] >= a2]["user_id"].isin(never_read).sum() > 100
    trained = impressions[(impressions["shown_at"] >= a2 - pd.Timedelta(days=8)) & (impressions["shown_at"] < a2)]
    assert trained["user_id"].isin(cold).mean() > 0.01


def test_few_items_take_most_of_the_exposure(spark: SparkSession) -> None:
    flat = WORLD.model_copy(update={"popularity_exponent": 0.0, "age_exponent": 0.0})

    def top_tenth(cfg: Simulate) -> float:
        counts = world.impressions(spark, cfg, SEED).groupBy("item_id").count().toPandas()["count"].to_numpy()
        top = np.sort(counts)[::-1][: cfg.items // 10]
        return float(top.sum() / counts.sum())

    assert top_tenth(WORLD) > 0.3
    assert top_tenth(flat) < 0.25


@pytest.mark.parametrize("users", [1_000, 3_000])
def test_rows_grow_with_the_users(spark: SparkSession, users: int) -> None:
    cfg = Simulate(users=users, items=5_000, impressions_per_user=20, popularity_exponent=0.5)
    rows = world.impressions(spark, cfg, SEED).count()
    # Few repeats among many items: the configured mean, within the spread of the lognormal activity.
    assert abs(rows / users - 20) < 3


def test_the_log_starts_at_midnight_utc() -> None:
    assert world.Calendar.of(WORLD).start == int(pd.Timestamp("2024-01-01", tz="UTC").timestamp())
