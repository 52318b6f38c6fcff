"""Who clicked among the best-ranked of those whom an item was shown to, and among all of them."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def clicks_at_top(scored: DataFrame, share: float) -> DataFrame:
    """The clickers among the best-scored `share` of the users whom each item was shown to, and among all of them.

    Where the end of the share falls among users with equal scores, as large a part of each of them is counted: it is
    what a random choice among them gives on average.

    Args:
        scored: item_id, label (boolean or 0/1), score: a row per user whom the item was shown to.
        share: of each item's users.

    Returns:
        item_id, best double, best_clicks double (of the share), people bigint, clicks bigint.
    """
    steps = scored.groupBy("item_id", F.round(F.col("score").cast("double"), 6).alias("score")).agg(
        F.count("*").alias("people"), F.count_if(F.col("label").cast("boolean")).alias("clicks")
    )
    item = Window.partitionBy("item_id")
    above = F.sum("people").over(item.orderBy(F.desc("score"))) - F.col("people")
    left = F.lit(share) * F.sum("people").over(item) - above
    taken = F.greatest(F.lit(0.0), F.least(F.col("people").cast("double"), left))
    return (
        steps.withColumn("taken", taken)
        .groupBy("item_id")
        .agg(
            F.sum("taken").alias("best"),
            F.sum(F.col("taken") * F.col("clicks") / F.col("people")).alias("best_clicks"),
            F.sum("people").alias("people"),
            F.sum("clicks").alias("clicks"),
        )
    )
