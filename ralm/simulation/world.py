"""The built-in world's four tables: users, items, events, impressions.

Every row is a function of its keys and the seed; the cost is linear in the number of users, nothing is joined,
shuffled or collected.
"""

from __future__ import annotations

import math
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.config import Simulate
from ralm.simulation import exposure, truth
from ralm.simulation.draws import normal, power_law_rank, uniform
from ralm.simulation.exposure import Calendar
from ralm.spark.frames import union

FEED = "feed"  # the domain in which items are shown
READING = "reading"  # the behaviour domain of the clicks on them: its feature ids are item ids
USERS_PER_TASK = 20_000


def _numbers(spark: SparkSession, size: int) -> DataFrame:
    tasks = max(spark.sparkContext.defaultParallelism, math.ceil(size / USERS_PER_TASK))
    return spark.range(0, size, 1, min(tasks, size)).withColumnRenamed("id", "number")


def _padded(letter: str, number: Column, size: int, least: int) -> Column:
    width = max(least, len(str(size - 1)))
    return F.concat(F.lit(letter), F.lpad(number.cast("string"), width, "0"))


def user_id(number: Column, cfg: Simulate, kind: str = "string") -> Column:
    """The user id for a number: 'u0000123', or the number itself for `kind` bigint."""
    return number.cast("bigint") if kind == "bigint" else _padded("u", number, cfg.users, 7)


def item_id(number: Column, cfg: Simulate) -> Column:
    """The item id for a number: 'i00042'."""
    return _padded("i", number, cfg.items, 5)


def _choose(names: tuple[str, ...], index: Column) -> Column:
    return F.element_at(F.array(*map(F.lit, names)), index.cast("int") + 1)


def users(spark: SparkSession, cfg: Simulate, seed: int, user_id_type: str = "string") -> DataFrame:
    """Profiles: user_id, gender, age_band, city, device, channel (strings), tenure_days, activity_level (doubles).

    Gender and age reveal a little of the interests, activity_level of the activity; city, device, channel and
    tenure reveal nothing. Some values are missing.
    """
    number = F.col("number")

    def known(name: str, share: float, value: Column) -> Column:
        return F.when(uniform(f"profile.{name}", seed, number) < F.lit(share), value).alias(name)

    def popular(name: str, size: int) -> Column:
        rank = power_law_rank(uniform(f"user.{name}", seed, number), F.lit(size), 1.0)
        return F.concat(F.lit(name), rank.cast("string"))

    tenure = F.round(F.lit(-400.0) * F.log(F.lit(1.0) - uniform("user.tenure", seed, number)))
    level = truth.log_activity(number, seed) + normal("user.activity_level", seed, number)
    return _numbers(spark, cfg.users).select(
        user_id(number, cfg, user_id_type).alias("user_id"),
        known("gender", 0.9, _choose(truth.GENDERS, truth.gender(number, seed))),
        known("age_band", 0.8, _choose(truth.AGE_BANDS, truth.age_band(number, seed))),
        known("city", 0.95, popular("city", 200)),
        known("device", 0.95, popular("device", 100)),
        known("channel", 0.9, popular("channel", 50)),
        known("tenure_days", 0.98, tenure),
        known("activity_level", 0.95, F.round(level, 4)),
    )


def items(spark: SparkSession, cfg: Simulate, seed: int) -> DataFrame:
    """Items: item_id, published_at, categories (one or two of the topics that it is about), title, words (double)."""
    return described_items(_numbers(spark, cfg.items).withColumnRenamed("number", "item"), cfg, seed)


def described_items(numbered: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """The items with the given numbers (`item` bigint), with the columns of `items`."""
    number = F.col("item")
    names = [F.concat(F.lit("topic"), F.lpad(F.col(f"liked_{n}").cast("string"), 3, "0")) for n in range(2)]
    second = uniform("item.categories", seed, number) < F.lit(0.5)
    categories = F.when(second, F.array_distinct(F.array(*names))).otherwise(F.array(names[0]))
    words = F.round(F.exp(F.lit(6.0) + F.lit(0.6) * normal("item.words", seed, number)))
    return truth.with_item_truth(numbered, cfg, seed).select(
        item_id(number, cfg).alias("item_id"),
        F.timestamp_seconds(exposure.published_at(number, cfg, seed)).alias("published_at"),
        categories.alias("categories"),
        F.concat(F.lit("Story "), number.cast("string"), F.lit(" on "), F.array_join(categories, " and ")).alias(
            "title"
        ),
        F.lit(None).cast("string").alias("url"),
        F.lit(None).cast("string").alias("image"),
        words.alias("words"),
    )


def _shown(spark: SparkSession, cfg: Simulate, seed: int, user_id_type: str) -> DataFrame:
    """All exposures with `user_id`, `item_id`, `moment` and whether they were clicked."""
    number, item = F.col("number"), F.col("item")
    return exposure.exposures(_numbers(spark, cfg.users), cfg, seed).select(
        user_id(number, cfg, user_id_type).alias("user_id"), item_id(item, cfg).alias("item_id"), "moment", "clicked"
    )


def impressions(spark: SparkSession, cfg: Simulate, seed: int, user_id_type: str = "string") -> DataFrame:
    """The impression log: user_id, item_id, shown_at, clicked, domain; a user sees an item at most once."""
    return (
        _shown(spark, cfg, seed, user_id_type)
        .where(F.col("moment") >= F.lit(Calendar.of(cfg).start))
        .select(
            "user_id",
            "item_id",
            F.timestamp_seconds("moment").alias("shown_at"),
            "clicked",
            F.lit(FEED).alias("domain"),
        )
    )


def _reading(spark: SparkSession, cfg: Simulate, seed: int, user_id_type: str) -> DataFrame:
    return (
        _shown(spark, cfg, seed, user_id_type)
        .where("clicked")
        .select(
            "user_id",
            F.lit(READING).alias("domain"),
            F.col("item_id").alias("feature_id"),
            F.timestamp_seconds("moment").alias("event_time"),
        )
    )


def _behaviour(spark: SparkSession, cfg: Simulate, seed: int, user_id_type: str, domain: truth.Domain) -> DataFrame:
    """Events of a non-reading domain: a topic from the user's interests or from all, then a thing by popularity."""
    calendar = Calendar.of(cfg)
    number, place, name = F.col("number"), F.col("place"), domain.name

    def of_user(what: str) -> Column:
        return uniform(f"{name}.{what}", seed, number)

    def of_event(what: str) -> Column:
        return uniform(f"{name}.{what}", seed, number, place)

    taking_part = of_user("part") < F.lit(domain.users)
    mean = cfg.behaviour_events * domain.volume / domain.users
    volume = F.lit(mean) * truth.activity()
    acting = (
        truth.with_user_truth(_numbers(spark, cfg.users), cfg, seed)
        .withColumn("count", F.when(taking_part, F.floor(volume + of_user("count"))).otherwise(0).cast("int"))
        .withColumn("user_id", user_id(number, cfg, user_id_type))
        .withColumn("topics", F.array(*(f"topic_{n}" for n in range(truth.INTERESTS))))
    )
    columns = [F.col(f"weight_{n}") for n in range(truth.INTERESTS)]
    cut = of_event("interest") * reduce(Column.__add__, columns)
    # The interest whose interval of the cumulated weights holds the draw.
    passed = [(cut >= reduce(Column.__add__, columns[: n + 1])).cast("int") for n in range(truth.INTERESTS - 1)]
    own = F.get(F.col("topics"), reduce(Column.__add__, passed))
    anything = power_law_rank(of_event("anything"), F.lit(cfg.topics), truth.TOPIC_SKEW).cast("int")
    topic = F.when(of_event("focused") < F.lit(domain.focus), own).otherwise(anything)
    thing = power_law_rank(of_event("thing"), F.lit(cfg.features_per_topic), 1.0)
    feature = topic * F.lit(cfg.features_per_topic).cast("bigint") + thing
    moment = F.floor(F.lit(float(calendar.acting)) + F.lit(float(calendar.end - calendar.acting)) * of_event("moment"))
    return (
        acting.where("count > 0")
        .withColumn("place", F.explode(F.sequence(F.lit(1), F.col("count"))))
        .select(
            "user_id",
            F.lit(name).alias("domain"),
            _padded(name[:2], feature, cfg.topics * cfg.features_per_topic, 5).alias("feature_id"),
            F.timestamp_seconds(moment).alias("event_time"),
        )
    )


def events(spark: SparkSession, cfg: Simulate, seed: int, user_id_type: str = "string") -> DataFrame:
    """What users did: user_id, domain, feature_id, event_time, in reading, shopping, search and music.

    Reading is the clicks of the feed, at the moment of the impression, and those of the days before the log.
    """
    parts = [_behaviour(spark, cfg, seed, user_id_type, domain) for domain in truth.DOMAINS]
    return union([_reading(spark, cfg, seed, user_id_type), *parts])
