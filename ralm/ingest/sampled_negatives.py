"""Non-clicks for logs of clicks only: items drawn by popularity from those alive in the hour of the click."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ralm.config import SampledNegatives
from ralm.ingest.untimed import sentinel_time


def sample_negatives(clicks: DataFrame, settings: SampledNegatives, seed: int, *, untimed: bool = False) -> DataFrame:
    """`per_click` non-clicks for every click, from the items clicked in the same bucket, p(item) ∝ its clicks there.

    An item that the user clicked anywhere in the log is never drawn, nor the same item twice for one user and moment;
    further draws make up for those, so that only a bucket with too few items gives fewer.

    Args:
        clicks: user_id, item_id, shown_at.
        untimed: there are no hours: one bucket, and a non-click's time is the sentinel day of its own pair.

    Returns:
        user_id, item_id, shown_at (the click's time).
    """
    draws = drawn(clicks, settings, seed, "all" if untimed else settings.bucket)
    if untimed:
        draws = draws.withColumn("shown_at", sentinel_time(F.col("user_id"), F.col("candidate"), seed))
    clicked = clicks.select("user_id", F.col("item_id").alias("candidate")).distinct()
    fresh = draws.join(clicked, ["user_id", "candidate"], "left_anti")
    distinct = (
        fresh.groupBy("user_id", "candidate", "shown_at")
        .agg(F.min(F.struct("draw", "item_id", "clicked_at")).alias("first"))
        .select("user_id", "candidate", "shown_at", "first.*")
    )
    order = Window.partitionBy("user_id", "item_id", "clicked_at").orderBy("draw")
    return (
        distinct.withColumn("_rank", F.row_number().over(order))
        .where(F.col("_rank") <= settings.per_click)
        .select("user_id", F.col("candidate").alias("item_id"), "shown_at")
    )


def drawn(clicks: DataFrame, settings: SampledNegatives, seed: int, bucket: str) -> DataFrame:
    """The draws before any is refused: user_id, item_id, shown_at, clicked_at of the click, draw, candidate."""
    attempts = 2 * settings.per_click + 6  # enough for a draw in two refused; more only cost time
    keyed = clicks.select("user_id", "item_id", "shown_at", bucket_of(F.col("shown_at"), bucket).alias("bucket"))
    key = F.xxhash64(F.lit(seed), "user_id", "item_id", "shown_at", "draw")
    asked = keyed.withColumn("draw", F.explode(F.sequence(F.lit(0), F.lit(attempts - 1)))).withColumn(
        "slot", F.pmod(key, F.lit(settings.slots)).cast("int")
    )
    # (bucket, slot) spreads the busiest hour over all slots: no partition holds it whole if the join shuffles.
    return asked.join(popularity_slots(keyed, settings.slots), ["bucket", "slot"]).select(
        "user_id", "item_id", "shown_at", F.col("shown_at").alias("clicked_at"), "draw", "candidate"
    )


def popularity_slots(keyed: DataFrame, slots: int) -> DataFrame:
    """The inverse of each bucket's cumulative popularity: slot s holds the item at the share (s + 1/2) / slots.

    Args:
        keyed: item_id and bucket, a row a click.

    Returns:
        bucket, slot (0 ... slots - 1), candidate: at most `slots` rows a bucket.
    """
    counts = keyed.groupBy("bucket", "item_id").count()
    # Windows over the items of one bucket: bounded by the catalogue, whatever the number of clicks.
    whole = Window.partitionBy("bucket")
    upto = whole.orderBy(F.col("count").desc(), "item_id").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    shares = counts.select(
        "bucket", "item_id", "count", F.sum("count").over(upto).alias("upto"), F.sum("count").over(whole).alias("total")
    )

    def first_slot(below: Column) -> Column:
        return F.ceil(below / F.col("total") * slots - 0.5).cast("int")

    owned = shares.select(
        "bucket",
        F.col("item_id").alias("candidate"),
        first_slot(F.col("upto") - F.col("count")).alias("start"),
        first_slot(F.col("upto")).alias("stop"),
    ).where("stop > start")
    return owned.select("bucket", "candidate", F.explode(F.sequence(F.col("start"), F.col("stop") - 1)).alias("slot"))


def bucket_of(time: Column, bucket: str) -> Column:
    """The start of the hour or day in which items count as alive together; one constant for 'all'."""
    return F.lit(0).cast("timestamp") if bucket == "all" else F.date_trunc(bucket, time)
