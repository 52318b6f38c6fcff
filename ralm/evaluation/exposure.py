"""Exposure and variety of recommendations, in Spark: from one row per user to one row per item, or to a single row."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_SLOTS = 1_000_000


def recommended_exposure(recommendations: DataFrame, items: DataFrame) -> DataFrame:
    """How often each item is recommended; items that never are have 0, as the Lorenz curve needs.

    Args:
        recommendations: user_id, item_ids array<string>.
        items: item_id; all items that could have been recommended.

    Returns:
        item_id, exposure bigint.
    """
    shown = recommendations.select(F.explode("item_ids").alias("item_id")).groupBy("item_id").count()
    return (
        items.select("item_id")
        .distinct()
        .join(shown, "item_id", "left")
        .select("item_id", F.coalesce("count", F.lit(0)).alias("exposure"))
    )


def recommended_categories(recommendations: DataFrame, items: DataFrame, user_share: float = 1.0) -> DataFrame:
    """How varied the categories are that a user is recommended, on average (see `diversity.category_diversity`).

    Args:
        recommendations: user_id, item_ids array<string>.
        items: item_id, categories array<string>.
        user_share: share of the users looked at, by hash; some 100,000 are enough for a mean.

    Returns:
        One row: distinct double, entropy double (nats), users bigint; the means are NULL if no item has a category.
    """
    chosen = F.pmod(F.xxhash64(F.lit("category diversity"), F.col("user_id")), F.lit(_SLOTS)) < user_share * _SLOTS
    pairs = (
        recommendations.where(chosen)
        .select("user_id", F.explode("item_ids").alias("item_id"))
        .join(items.select("item_id", "categories"), "item_id")
        .select("user_id", F.explode("categories").alias("category"))
    )
    counts = pairs.groupBy("user_id", "category").agg(F.count("*").alias("n"))
    total = F.sum("n")
    users = counts.groupBy("user_id").agg(
        F.count("*").alias("distinct"),
        (F.log(total) - F.sum(F.col("n") * F.log("n")) / total).alias("entropy"),
    )
    return users.agg(
        F.avg("distinct").alias("distinct"), F.avg("entropy").alias("entropy"), F.count("*").alias("users")
    )
