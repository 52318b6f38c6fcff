"""What each arm of users is shown: the items that fit them, by its own policy."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

LOOKALIKE, POPULARITY, PROFILE = "lookalike", "popularity", "profile"
# The popularity policy smooths an item's click rate with so many extra impressions and clicks.
PRIOR_SHOWN, PRIOR_CLICKS = 20.0, 2.0


def fit(visits: DataFrame, audiences: DataFrame, rates: DataFrame, matches: DataFrame, leftover: str) -> DataFrame:
    """How well an item fits a visitor under the visitor's policy; NULL where it does not.

    Args:
        visits: (user_id, policy, item_id, ...), the pairs that may be shown.
        audiences: (user_id, item_id, percentile) of the current release.
        rates: of `click_rates`.
        matches: of `profile_matches`.
        leftover: the policy that fills what the look-alike policy leaves free.

    Returns:
        The visits with `percentile`, `rate`, `match` and `fit`.
    """
    pairs = ["user_id", "item_id"]
    fits = visits.join(audiences, pairs, "left").join(F.broadcast(rates), "item_id").join(matches, pairs, "left")
    policy, alike = F.col("policy"), F.col("percentile")
    if leftover == PROFILE:
        alike = F.coalesce(alike + 1, F.col("match"))  # both are 1 at most: audiences come first
    by_policy = F.when(policy == LOOKALIKE, alike).when(policy == POPULARITY, F.col("rate")).otherwise(F.col("match"))
    return fits.withColumn("fit", by_policy)


def profile_matches(items: DataFrame, log: DataFrame, catalogue: DataFrame) -> DataFrame:
    """(user_id, item_id, match): the share of a user's clicks in the log that fell into the item's categories.

    Args:
        items: (item_id, categories, ...) that may be shown.
        log: impressions with `clicked`, before the first round.
        catalogue: (item_id, categories, ...) of all items.
    """
    about = catalogue.select("item_id", F.explode("categories").alias("category"))
    liked = log.where("clicked").join(F.broadcast(about), "item_id")
    liked = liked.groupBy("user_id", "category").agg(F.count("*").alias("clicks"))
    total = liked.groupBy("user_id").agg(F.sum("clicks").alias("total"))
    shown = F.broadcast(items.select("item_id", F.explode("categories").alias("category")))
    matched = liked.join(shown, "category").groupBy("user_id", "item_id").agg(F.sum("clicks").alias("clicks"))
    share = (F.col("clicks") / F.col("total")).alias("match")
    return matched.join(total, "user_id").select("user_id", "item_id", share)


def click_rates(items: DataFrame, log: DataFrame, shown_before: DataFrame) -> DataFrame:
    """(item_id, rate): the smoothed click rate, in the log and among the policy's own users since.

    Args:
        items: (item_id, ...) that may be shown.
        log: impressions with `clicked`, before the first round.
        shown_before: (policy, item_id, clicked, ...) of the rounds before.
    """
    own = shown_before.where(F.col("policy") == POPULARITY).select("item_id", "clicked")
    log = log.join(F.broadcast(items.select("item_id")), "item_id").select("item_id", "clicked")
    counts = own.union(log).groupBy("item_id")
    counted = counts.agg(F.count("*").alias("shown"), F.count_if("clicked").alias("clicks"))
    rate = (F.col("clicks") + PRIOR_CLICKS) / (F.col("shown") + PRIOR_SHOWN)
    return items.select("item_id").join(counted, "item_id", "left").fillna(0).select("item_id", rate.alias("rate"))
