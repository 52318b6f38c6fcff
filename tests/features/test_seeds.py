"""Seeds and labels: caps, order, disjointness, the window's edges."""

import datetime as dt

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.features.holdout import is_new_item
from ralm.features.seeds import (
    PAST,
    clicked_items,
    clicks,
    item_seeds,
    items_with_seeds,
    past_clicks,
    training_clicks,
    training_least,
    training_pairs,
    unseen_pairs,
)

pytestmark = pytest.mark.spark
A1, A2, A3 = dt.date(2024, 1, 3), dt.date(2024, 1, 5), dt.date(2024, 1, 7)


def labels_of_clicks(*arguments):
    return training_pairs(*arguments).where("label = 1")


@pytest.fixture(scope="module")
def impressions(spark: SparkSession):
    return (
        spark.range(8_000)
        .select(
            F.concat(F.lit("u"), F.col("id") % 97).alias("user_id"),
            F.concat(F.lit("i"), F.col("id") % 31).alias("item_id"),
            F.expr("timestamp'2024-01-01' + make_interval(0,0,0,0,cast(id % 144 as int))").alias("shown_at"),
            (F.xxhash64("id") % 3 == 0).alias("clicked"),
        )
        .localCheckpoint()
    )


def test_the_newest_clickers_are_kept_once(spark: SparkSession) -> None:
    rows = [("a", "i", dt.datetime(2024, 1, d)) for d in (1, 9)] + [("b", "i", dt.datetime(2024, 1, 5))]
    rows += [("c", "i", dt.datetime(2024, 1, 5)), ("d", "i", dt.datetime(2024, 1, 2))]
    clicked = spark.createDataFrame(rows, "user_id string, item_id string, clicked_at timestamp")
    row = item_seeds(clicked.withColumn("draw", F.lit(0)), cap=3).first()
    assert [s["user_id"] for s in row["seeds"]] == ["a", "b", "c"]
    assert row["seeds"][0]["clicked_at"] == dt.datetime(2024, 1, 9)
    assert row["seed_count"] == 3
    assert row["clickers"] == 4
    assert row["first_clicked_at"] == dt.datetime(2024, 1, 1)  # of a click that is no seed's last


def test_clicked_items_are_the_newest_of_those_that_count(spark: SparkSession) -> None:
    rows = [("a", item, dt.datetime(2024, 1, day)) for item, day in (("i", 1), ("j", 2), ("k", 3), ("i", 4), ("x", 9))]
    rows += [("b", "j", dt.datetime(2024, 1, 1)), ("c", "x", dt.datetime(2024, 1, 1))]
    clicked = spark.createDataFrame(rows, "user_id string, item_id string, clicked_at timestamp")
    indices = spark.createDataFrame([(0, "i"), (1, "j"), (2, "k")], "item_index int, item_id string")
    assert {user: sorted(items) for user, items in clicked_items(clicked, indices, 2).collect()} == {
        "a": [0, 2],
        "b": [1],
    }
    assert sorted(dict(clicked_items(clicked, indices, 4).collect())["a"]) == [0, 1, 2]


def test_items_with_seeds_count_users_not_clicks(spark: SparkSession) -> None:
    rows = [(f"u{n % users}", item, 0) for item, users in (("five", 5), ("six", 6)) for n in range(30)]
    rows += [(f"u{n}", "five", 1) for n in range(10, 15)]  # ten users, five in each draw
    clicked = spark.createDataFrame(rows, "user_id string, item_id string, draw int")
    assert [tuple(row) for row in items_with_seeds(clicked, 6).collect()] == [("six", 0)]
    assert items_with_seeds(clicked, 7).isEmpty()


def test_a_click_at_or_after_the_date_is_no_seed(spark: SparkSession) -> None:
    rows = [("a", "i", dt.datetime(2024, 1, 4, 23, 59), True), ("leak", "i", dt.datetime(2024, 1, 5), True)]
    shown = spark.createDataFrame(rows, "user_id string, item_id string, shown_at timestamp, clicked boolean")
    assert [r["user_id"] for r in clicks(shown, A2).collect()] == ["a"]


def test_training_seeds_and_labels_are_disjoint(impressions) -> None:
    pairs = training_pairs(impressions, A1, A2, 0.2, 1)
    seeds = training_clicks(impressions, A1, A2, 0.2, 1)
    positives = pairs.where("label = 1")
    assert positives.count() > 50
    assert seeds.count() > 50
    assert pairs.where("label = 1").join(seeds, ["user_id", "item_id"]).count() == 0
    assert pairs.groupBy("user_id", "item_id").count().where("count > 1").count() == 0


def test_two_draws_use_each_click_once_as_a_seed_and_once_as_a_label(impressions) -> None:
    key = ["user_id", "item_id", "draw"]
    pairs, seeds = (make(impressions, A1, A2, 0.2, 1, 2).select(*key) for make in (labels_of_clicks, training_clicks))
    assert pairs.join(seeds.distinct(), key).count() == 0
    exchanged = pairs.withColumn("draw", 1 - F.col("draw"))
    # A user who clicked before A1 is a seed and never a label.
    assert exchanged.count() > 50
    assert exchanged.join(seeds, key, "left_anti").count() == 0
    single = training_pairs(impressions, A1, A2, 0.2, 1)
    twice = training_pairs(impressions, A1, A2, 0.2, 1, 2)
    assert twice.where("label = 0").count() == single.where("label = 0").count()
    assert {row["draw"] for row in twice.where("label = 0").select("draw").distinct().collect()} == {0, 1}
    assert single.where("label = 1").exceptAll(twice.where("label = 1 AND draw = 0")).count() == 0


def test_a_further_pair_of_draws_splits_otherwise(impressions) -> None:
    seeds = training_clicks(impressions, A1, A2, 0.2, 1, 4).distinct().localCheckpoint()
    split = {
        draw: {tuple(row) for row in seeds.where(F.col("draw") == draw).drop("draw").collect()} for draw in range(4)
    }
    assert split[0] | split[1] == split[2] | split[3]
    assert not split[0] & split[1]
    assert not split[2] & split[3]
    assert 0.3 < len(split[0] & split[2]) / len(split[0]) < 0.7


def test_held_out_items_and_earlier_clicks_give_no_training_label(impressions) -> None:
    pairs = training_pairs(impressions, A1, A2, 0.2, 1)
    seeds = training_clicks(impressions, A1, A2, 0.2, 1)
    for frame in (pairs, seeds):
        assert frame.where(is_new_item("item_id", 0.2, 1)).count() == 0
    before = clicks(impressions, A1)
    assert before.count() > 0
    assert pairs.join(before, ["user_id", "item_id"]).count() == 0


def test_evaluation_labels_come_from_their_window_and_are_no_seeds(impressions) -> None:
    labels = unseen_pairs(impressions, A2, A3)
    shown = impressions.where(F.col("shown_at") >= F.lit(A2)).select("user_id", "item_id").distinct()
    assert labels.count() > 0
    assert labels.join(shown, ["user_id", "item_id"], "left_anti").count() == 0
    assert labels.join(clicks(impressions, A2), ["user_id", "item_id"]).count() == 0


def test_who_clicks_an_item_by_the_end_of_the_window_is_no_negative_of_it(spark: SparkSession) -> None:
    def day(day: int) -> dt.datetime:
        return dt.datetime(2024, 1, day, 12)

    moments = {
        "before": [(2, True), (5, False)],  # a seed, shown it again
        "between": [(4, True), (5, False)],
        "later in the window": [(5, False), (6, True)],
        "after the window": [(5, False), (7, True)],
        "never": [(5, False), (6, False)],
    }
    rows = [(user, "i", day(at), clicked) for user, shown in moments.items() for at, clicked in shown]
    shown = spark.createDataFrame(rows, "user_id string, item_id string, shown_at timestamp, clicked boolean")
    judged = {row["user_id"]: row["label"] for row in unseen_pairs(shown, A2, A3).collect()}
    assert judged == {"later in the window": 1, "after the window": 0, "never": 0}
    # In a longer log, in which the last click is known, that user is no negative either.
    longer = {row["user_id"]: row["label"] for row in unseen_pairs(shown, A2, dt.date(2024, 1, 8)).collect()}
    assert longer == {"later in the window": 1, "after the window": 1, "never": 0}
    # In training up to A3 the click after it is the future.
    trained = training_pairs(shown, A2, A3, 0.0, 1, 2).where("label = 0")
    assert {row["user_id"] for row in trained.collect()} == {"after the window", "never"}


def test_past_clicks_are_of_items_clicked_before_and_in_the_label_window(impressions, monkeypatch) -> None:
    found = past_clicks(impressions, A1, A2, 0.2, 1, 5)
    rows = found.collect()
    assert {row["draw"] for row in rows} == {PAST}
    assert max(row["clicked_at"] for row in rows) < dt.datetime(2024, 1, 3)
    held_out = {row["item_id"] for row in impressions.where(is_new_item("item_id", 0.2, 1)).collect()}
    items = {row["item_id"] for row in rows}
    assert held_out
    assert items | held_out == {f"i{number}" for number in range(31)}
    assert not items & held_out
    # Of a chosen item nothing before A1 is missing.
    clicked = clicks(impressions, A1).where(F.col("item_id").isin(*items))
    assert found.count() == clicked.count()
    monkeypatch.setattr("ralm.features.seeds.PAST_ITEMS", 3)
    assert past_clicks(impressions, A1, A2, 0.2, 1, 5).select("item_id").distinct().count() == 3


def test_past_clicks_need_seeds_before_the_window_and_clickers_in_it(spark: SparkSession) -> None:
    days = {"few seeds": (2, 5), "few clickers": (5, 2), "both": (5, 3)}
    rows = [(f"u{n}", item, dt.datetime(2024, 1, 1)) for item, (seeds, _) in days.items() for n in range(seeds)]
    rows += [(f"v{n}", item, dt.datetime(2024, 1, 3)) for item, (_, clickers) in days.items() for n in range(clickers)]
    rows += [(f"w{n}", "few clickers", dt.datetime(2024, 1, 5)) for n in range(9)]  # at A2, too late
    shown = spark.createDataFrame(rows, "user_id string, item_id string, shown_at timestamp")
    found = past_clicks(shown.withColumn("clicked", F.lit(True)), A1, A2, 0.0, 1, 5).collect()
    assert {row["item_id"] for row in found} == {"both"}
    assert sorted(row["user_id"] for row in found) == [f"u{n}" for n in range(5)]


def test_where_no_item_has_seeds_enough_the_best_ones_are_trained_on(spark: SparkSession) -> None:
    rows = [("i1", 0, 4), ("i1", 1, 3), ("i2", 0, 9), ("i3", 0, 2), ("i3", 1, 6), ("i4", PAST, 50)]
    seeds = spark.createDataFrame(rows, "item_id string, draw int, seed_count int")
    assert training_least(seeds, 5, 2) == 3  # of i1; i2 has no second draw
    assert training_least(seeds, 2, 2) == 2
    assert training_least(seeds.where("item_id = 'i2'"), 5, 2) == 5
