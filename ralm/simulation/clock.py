"""The built-in world after its log: items are published, users come, are shown items, and click.

Every draw is a function of its keys and the seed, so that a repeated round is the same.
"""

from __future__ import annotations

import datetime as dt
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from ralm.config import Live, Simulate
from ralm.simulation import truth, world
from ralm.simulation.draws import uniform


def published_items(
    spark: SparkSession, cfg: Simulate, seed: int, first: int, count: int, at: dt.datetime
) -> DataFrame:
    """`count` new items, with the columns of `world.items`, numbered from `first` on."""
    numbers = spark.range(first, first + count).withColumnRenamed("id", "item")
    return world.described_items(numbers, cfg, seed).withColumn("published_at", F.lit(at))


def arms(spark: SparkSession, cfg: Simulate, live: Live, seed: int, user_id_type: str) -> DataFrame:
    """All users: number, user_id, and the policy that fills their feed, always the same for a user."""
    number = F.col("number")
    policies = F.array(*map(F.lit, live.policies))
    own = F.floor(uniform("live.policy", seed, number) * F.lit(len(live.policies))).cast("int")
    users = spark.range(cfg.users).withColumnRenamed("id", "number")
    return users.select(
        "number", world.user_id(number, cfg, user_id_type).alias("user_id"), F.get(policies, own).alias("policy")
    )


def visits(spark: SparkSession, cfg: Simulate, live: Live, seed: int, round_: int, user_id_type: str) -> DataFrame:
    """The users who come in a round, with the columns of `arms`."""
    come = uniform("live.visit", seed, F.col("number"), F.lit(round_)) < F.lit(live.visits)
    return arms(spark, cfg, live, seed, user_id_type).where(come)


def feed(candidates: DataFrame, live: Live, seed: int, round_: int) -> DataFrame:
    """The items shown to the visitors: `live.slots` each, some drawn at random from all, the others best first.

    Args:
        candidates: number, item, and `fit`: the policy's score; NULL: shown only in exploring slots.
        live: slots, and the share of them that explore.
        seed: of the draws.
        round_: of the clock.

    Returns:
        The candidates that are shown, with `explored` boolean.
    """
    number, now = F.col("number"), F.lit(round_)

    def explores(slot: int) -> Column:
        drawn = uniform(f"live.explore.{slot}", seed, number, now) < F.lit(live.explore)
        return drawn.cast("int")

    exploring = reduce(Column.__add__, map(explores, range(live.slots)))
    anyone = Window.partitionBy("number").orderBy(uniform("live.any", seed, number, F.col("item"), now), "item")
    tie = uniform("live.tie", seed, number, F.col("item"), now)  # otherwise the oldest item would win all ties
    best = Window.partitionBy("number", "explored").orderBy(F.desc_nulls_last("fit"), tie, "item")
    return (
        candidates.withColumn("exploring", exploring)
        .withColumn("explored", F.row_number().over(anyone) <= F.col("exploring"))
        .withColumn("rank", F.row_number().over(best))
        .where("explored OR (fit IS NOT NULL AND rank <= slots - exploring)".replace("slots", str(live.slots)))
        .drop("exploring", "rank")
    )


def clicked(shown: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """Add `clicked`: drawn from the known probability, once per user and item, whichever policy shows the item.

    Args:
        shown: has number and item.
        cfg: of the world.
        seed: of the world.
    """
    latent = truth.with_item_truth(truth.with_user_truth(shown, cfg, seed), cfg, seed)
    drawn = uniform("clicked", seed, F.col("number"), F.col("item"))
    return latent.select(*shown.columns, (drawn < truth.click_probability()).alias("clicked"))
