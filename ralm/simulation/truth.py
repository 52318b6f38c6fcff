"""What is true of the built-in world: interests, items' audiences, the probability of a click.

Everything is a function of a user's number, an item's number and the seed, so that the oracle recomputes it from the
keys alone. All values are columns: nothing is joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.config import Simulate
from ralm.simulation.draws import integer, normal, power_law_rank, uniform

INTERESTS = 3  # most interests of a user; at least one
SIDE_CHANCES = (0.5, 0.2)  # chance of a second and of a third interest
SIDE_WEIGHT = 0.4  # their greatest weight; the first has 1
FEWEST_AUDIENCES, MOST_AUDIENCES = 3, 6  # topics whose fans like an item
TOPIC_SKEW = 0.5  # exponent of the topics' popularity
PROFILE_SHARE = 0.3  # share of the interests that follow the taste of the user's gender and age
ACTIVITY_SPREAD = 0.5  # sigma of the lognormal activity
GENDERS = ("f", "m")
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55+")

BASE = -3.0  # log-odds of a click of an average user on an average item outside the user's interests
AFFINITY = 4.4  # added for a full interest
ACTIVITY_EFFECT = 0.3  # added per standard deviation of log activity
QUALITY_SPREAD = 0.3  # standard deviation of the items' quality


@dataclass(frozen=True)
class Domain:
    """A behaviour domain other than reading, and how much it reveals of a user's interests.

    `users`: share of the users who act in it at all; `volume`: mean events per user, as a share of `behaviour_events`;
    `focus`: share of the events that follow the user's interests; the others follow the crowd.
    """

    name: str
    users: float
    volume: float
    focus: float


DOMAINS = (
    Domain("shopping", users=0.95, volume=1.0, focus=0.7),
    Domain("search", users=0.85, volume=0.5, focus=0.6),
    Domain("music", users=0.8, volume=0.8, focus=0.15),
)


def _popular_topic(name: str, cfg: Simulate, seed: int, *keys: Column) -> Column:
    return power_law_rank(uniform(name, seed, *keys), F.lit(cfg.topics), TOPIC_SKEW).cast("int")


def gender(user: Column, seed: int) -> Column:
    """Index into GENDERS."""
    return integer("user.gender", seed, len(GENDERS), user)


def age_band(user: Column, seed: int) -> Column:
    """Index into AGE_BANDS."""
    return integer("user.age", seed, len(AGE_BANDS), user)


def log_activity(user: Column, seed: int) -> Column:
    """Standard normal: the user's log activity in standard deviations."""
    return normal("user.activity", seed, user)


def activity() -> Column:
    """Lognormal with mean 1, over `log_activity`: how much the user does relative to the average."""
    return F.exp(F.lit(ACTIVITY_SPREAD) * F.col("log_activity") - F.lit(ACTIVITY_SPREAD**2 / 2))


def is_cold(user: Column, cfg: Simulate, seed: int) -> Column:
    """Whether the user is new to the feed: no reading before the day of arrival, which may lie after the log's end."""
    return uniform("user.cold", seed, user) < F.lit(cfg.cold_share)


def with_user_truth(users: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """Add a user's latent values: topic_0 … (int), weight_0 … and log_activity (double).

    weight_0 is 1, the others are at most SIDE_WEIGHT, or 0 where the user has no such interest.

    Args:
        users: has `number` (bigint).
    """
    user = F.col("number")
    segment = gender(user, seed) * F.lit(len(AGE_BANDS)) + age_band(user, seed)
    # A separate column: otherwise Spark would repeat the expression for each topic.
    framed = users.withColumn("shift", F.floor(segment * F.lit(cfg.topics / (len(GENDERS) * len(AGE_BANDS)))))
    latent = {"log_activity": log_activity(user, seed), "weight_0": F.lit(1.0)}
    for place in range(INTERESTS):
        shared = uniform(f"user.topic.{place}.taste", seed, user) < F.lit(PROFILE_SHARE)
        topic = _popular_topic(f"user.topic.{place}", cfg, seed, user) + F.when(shared, F.col("shift")).otherwise(0)
        latent[f"topic_{place}"] = F.when(topic >= cfg.topics, topic - cfg.topics).otherwise(topic).cast("int")
    for place, chance in enumerate(SIDE_CHANCES, start=1):
        weight = F.lit(SIDE_WEIGHT) * F.pow(uniform(f"user.weight.{place}", seed, user), F.lit(0.3))
        there = uniform(f"user.interest.{place}", seed, user) < F.lit(chance)
        latent[f"weight_{place}"] = F.when(there, weight).otherwise(0.0)
    return framed.withColumns(latent).drop("shift")


def with_item_truth(items: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """Add an item's latent values: liked_0 … (int), the topics whose fans like it, and quality (double).

    FEWEST_AUDIENCES to MOST_AUDIENCES topics are drawn, with repetition; the others are −1.

    Args:
        items: has `item` (bigint).
    """
    item = F.col("item")
    further = MOST_AUDIENCES - FEWEST_AUDIENCES
    latent = {
        "liked_count": F.lit(FEWEST_AUDIENCES) + integer("item.topics", seed, further + 1, item),
        "quality": F.lit(QUALITY_SPREAD) * normal("item.quality", seed, item),
    }
    for place in range(MOST_AUDIENCES):
        latent[f"liked_{place}"] = _popular_topic(f"item.topic.{place}", cfg, seed, item)
    present = {
        f"liked_{place}": F.when(F.lit(place) < F.col("liked_count"), F.col(f"liked_{place}")).otherwise(-1)
        for place in range(FEWEST_AUDIENCES, MOST_AUDIENCES)
    }
    return items.withColumns(latent).withColumns(present).drop("liked_count")


def affinity() -> Column:
    """The user's strongest interest among the item's topics: one of them suffices (an OR, not a mean).

    Over the columns of `with_user_truth` and `with_item_truth`; in [0, 1].
    """
    liked = [F.col(f"liked_{place}") for place in range(MOST_AUDIENCES)]
    strengths = []
    for place in range(INTERESTS):
        shared = reduce(Column.__or__, [F.col(f"topic_{place}") == topic for topic in liked])
        strengths.append(F.when(shared, F.col(f"weight_{place}")).otherwise(0.0))
    return F.greatest(*strengths)


def click_probability() -> Column:
    """sigmoid(base + effect · affinity + effect · log activity + quality).

    Over the columns of `with_user_truth` and `with_item_truth`.
    """
    logit = F.lit(BASE) + F.lit(AFFINITY) * affinity() + F.lit(ACTIVITY_EFFECT) * F.col("log_activity")
    return F.lit(1.0) / (F.lit(1.0) + F.exp(-(logit + F.col("quality"))))
