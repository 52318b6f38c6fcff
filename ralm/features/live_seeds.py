"""Seeds between two batch runs: changes in the impressions become changes in the items' newest clickers."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.features.seeds import clickers, newest_clickers

ADDED = ("insert", "update_postimage")


def net_clicks(changes: DataFrame) -> DataFrame:
    """Clicks that a part of the change feed adds or removes.

    Args:
        changes: impressions with `_change_type`. A back-fill deletes rows and inserts them again: rows that are there
            before and after it add up to nothing.

    Returns:
        (item_id, user_id, clicked_at, net): net > 0 is new, net < 0 is gone.
    """
    sign = F.when(F.col("_change_type").isin(*ADDED), 1).otherwise(-1)
    clicked = changes.where("clicked").withColumnRenamed("shown_at", "clicked_at")
    return clicked.groupBy("item_id", "user_id", "clicked_at").agg(F.sum(sign).alias("net")).where("net <> 0")


def updated_seeds(net: DataFrame, live: DataFrame, log: DataFrame, cap: int, now: dt.datetime) -> DataFrame:
    """The rows of `live_seeds` for the items that clicks were added to or taken from.

    New clicks are merged with the item's seeds. An item that lost a click is built again from the log, since its row
    does not say which clickers come after its seeds.

    Args:
        net: of `net_clicks`.
        live: the table as it is.
        log: all clicks (item_id, user_id, clicked_at) as they are now.
        cap: K, seeds kept per item.
        now: time of the change.

    Returns:
        The table's columns except `item_bucket`, and `rebuilt`; `seeds` is NULL if none are left.
    """
    touched = net.groupBy("item_id").agg((F.min("net") < 0).alias("rebuilt"))
    before = live.join(touched, "item_id").select("item_id", "rebuilt", "seeds", "sketch", "changes")
    kept = before.where("NOT rebuilt").select("item_id", F.inline("seeds"))
    added = net.where("net > 0").join(touched.where("NOT rebuilt"), "item_id", "left_semi").drop("net")
    again = log.join(touched.where("rebuilt"), "item_id", "left_semi")
    rows = added.unionByName(kept).unionByName(again.select("item_id", "user_id", "clicked_at"))
    found = newest_clickers(rows.withColumn("draw", F.lit(0)), cap).drop("draw", "first_clicked_at")
    old = before.select("item_id", *(F.col(name).alias(f"old_{name}") for name in ("seeds", "sketch", "changes")))
    joined = touched.join(found, "item_id", "left").join(old, "item_id", "left")
    users, old_users = (F.coalesce(F.col(f"{name}.user_id"), F.array()) for name in ("seeds", "old_seeds"))
    # Earlier clickers beyond the newest seeds are only in the old sketch.
    known = F.col("rebuilt") | F.col("old_sketch").isNull()
    union = F.when(known, F.col("sketch")).otherwise(F.hll_union(F.col("sketch"), F.col("old_sketch")))
    moved = F.size(F.array_except(users, old_users)) + F.size(F.array_except(old_users, users))
    return (
        joined.withColumn("sketch", union)
        .withColumns(
            {
                "seed_count": F.size("seeds"),
                "clickers": clickers("sketch"),
                "changes": F.coalesce("old_changes", F.lit(0)) + moved,
                "changed_at": F.lit(now),
            }
        )
        .drop("old_seeds", "old_sketch", "old_changes")
    )
