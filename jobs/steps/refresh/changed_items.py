"""Which items' seeds changed enough to be clustered and scored again."""

from __future__ import annotations

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F


def changed_items(
    live: DataFrame, scored: DataFrame, nightly: DataFrame, refreshed: DataFrame, min_change: float, limit: int
) -> list[Row]:
    """The items that changed most since they were scored: (item_id, seed_count, changes, clicked_at), at most `limit`.

    An item that was never scored has changed as a whole. The seeds it was last scored with are those of its last round
    or, if there is none yet, of the nightly run.

    Args:
        live: of `live_seeds`, the items that could be scored.
        scored: (item_id) with an audience in the release.
        nightly: (item_id, seeds) that the release's nightly run clustered.
        refreshed: (item_id, changes, published_at) of earlier rounds on the same release; `changes` counts as in
            `live_seeds`.
        min_change: least share of an item's seeds that came or went for the item to be taken.
        limit: at most so many items, which the driver holds.
    """
    users, before = F.col("seeds.user_id"), F.coalesce(F.col("nightly.user_id"), F.array())
    moved = F.size(F.array_except(users, before)) + F.size(F.array_except(before, users))
    last = refreshed.groupBy("item_id").agg(F.max_by("changes", "published_at").alias("changes_then"))
    known = live.join(scored.select("item_id", F.lit(True).alias("scored")), "item_id", "left").join(
        last, "item_id", "left"
    )
    joined = known.join(nightly.select("item_id", F.col("seeds").alias("nightly")), "item_id", "left")
    since = (
        F.when(F.col("scored").isNull(), F.col("seed_count"))
        .when(F.col("changes_then").isNotNull(), F.col("changes") - F.col("changes_then"))
        .otherwise(moved)
    )
    share = F.col("since") / F.col("seed_count")
    found = joined.withColumn("since", since).where((F.col("since") > 0) & (share >= min_change))
    clicked_at = F.col("seeds")[0]["clicked_at"].alias("clicked_at")  # newest first
    chosen = found.orderBy(F.desc(share), "item_id").limit(limit)
    return chosen.select("item_id", "seed_count", "changes", clicked_at).collect()
