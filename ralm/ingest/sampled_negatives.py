"""Non-clicks for logs that hold only clicks: items drawn by popularity from those alive in the hour of the click.

Where an hour has only some dozen clicks, its items are hardly a choice, so a day or a week takes its place.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ralm.config import SampledNegatives
from ralm.ingest.untimed import sentinel_time

# Half of the clicks are to be in buckets with at least so many clicks.
LEAST_CLICKS = 100


def sample_negatives(clicks: DataFrame, settings: SampledNegatives, seed: int, *, untimed: bool = False) -> DataFrame:
    """`per_click` non-clicks for every click, from the items clicked in the same bucket, p(item) ∝ its clicks there.

    An item that the user has clicked by that moment is never drawn, nor the same item twice for a user and moment;
    further draws replace such items, so that there are fewer only if a bucket holds hardly anything else. Later clicks
    are not looked at: what is trained as of a date knows nothing after it. `unseen_pairs` drops non-clicks of pairs
    that are clicked later, as far as its window may know.

    Args:
        clicks: user_id, item_id, shown_at; no row twice.
        untimed: without hours there is one bucket, and a non-click's time is the sentinel day of its own pair.

    Returns:
        user_id, item_id, shown_at (the click's time).
    """
    if untimed:
        # A pair has one day, so an item can be drawn only once per user: all of a user's clicks are one moment.
        clicks = clicks.withColumn("shown_at", F.lit(0).cast("timestamp"))
        bucket = "all"
    else:
        bucket = busy_bucket(clicks) if settings.bucket == "auto" else settings.bucket
    draws = drawn(clicks, settings, seed, bucket)
    clicked = clicks.groupBy(F.col("user_id").alias("clicker"), F.col("item_id").alias("clicked")).agg(
        F.min("shown_at").alias("since")
    )
    by_then = (
        (F.col("user_id") == F.col("clicker"))
        & (F.col("candidate") == F.col("clicked"))
        & (F.col("shown_at") >= F.col("since"))
    )
    # The pairs are spread evenly by their hash and fewer than the draws, which need no sorting this way.
    fresh = draws.join(clicked.hint("shuffle_hash"), by_then, "left_anti")
    distinct = fresh.groupBy("user_id", "candidate", "shown_at", "clicks").agg(F.min("draw").alias("draw"))
    order = Window.partitionBy("user_id", "shown_at").orderBy("draw")
    negatives = (
        distinct.withColumn("_rank", F.row_number().over(order))
        .where(F.col("_rank") <= F.col("clicks") * settings.per_click)
        .select("user_id", F.col("candidate").alias("item_id"), "shown_at")
    )
    if untimed:
        return negatives.withColumn("shown_at", sentinel_time(F.col("user_id"), F.col("item_id"), seed))
    return negatives


def busy_bucket(clicks: DataFrame) -> Literal["hour", "day", "week"]:
    """The finest bucket in which the usual click has `LEAST_CLICKS` beside it, a week at most.

    Args:
        clicks: shown_at; one pass, a row per hour of the log comes to the driver.
    """
    hours = clicks.groupBy(F.date_trunc("hour", "shown_at").alias("hour")).count().toPandas()
    for name, rule in (("hour", "h"), ("day", "D")):
        counts = np.sort(hours["count"].groupby(hours["hour"].dt.floor(rule)).sum().to_numpy())
        usual = counts[np.searchsorted(np.cumsum(counts), counts.sum() / 2)] if len(counts) else 0
        if usual >= LEAST_CLICKS:
            return name  # type: ignore[return-value]
    return "week"


def drawn(clicks: DataFrame, settings: SampledNegatives, seed: int, bucket: str) -> DataFrame:
    """The draws before any is rejected, each a hash of (seed, user, moment, number of the draw).

    Returns:
        user_id, shown_at, clicks (of the user at this moment), draw, candidate.
    """
    attempts = 3 * settings.per_click + 4  # enough if half of the draws are rejected; more only cost time
    moments = clicks.groupBy("user_id", "shown_at").agg(F.count("*").alias("clicks"))
    keyed = clicks.select("item_id", bucket_of(F.col("shown_at"), bucket).alias("bucket"))
    sizes = keyed.groupBy("bucket").agg(slots_of(F.count("*"), settings.slots).alias("slots"))  # a row per hour or day
    slot = F.pmod(F.xxhash64(F.lit(seed), "user_id", "shown_at", "draw"), F.col("slots")).cast("int")
    asked = (
        moments.withColumn("bucket", bucket_of(F.col("shown_at"), bucket))
        .join(F.broadcast(sizes), "bucket")
        .withColumn("draw", F.explode(F.sequence(F.lit(0), F.col("clicks") * attempts - 1)))
        .withColumn("slot", slot)
    )
    # (bucket, slot) spreads the busiest hour over all slots: if the join shuffles, no partition gets the whole hour.
    return asked.join(popularity_slots(keyed, settings.slots), ["bucket", "slot"]).select(
        "user_id", "shown_at", "clicks", "draw", "candidate"
    )


def popularity_slots(keyed: DataFrame, slots: int) -> DataFrame:
    """The inverse of each bucket's cumulative popularity: slot s holds the item at the share (s + 1/2) / slots.

    A bucket with fewer clicks has a slot per click, which is exact: a long log with quiet hours has no more slots than
    clicks.

    Args:
        keyed: item_id and bucket, one row per click.
        slots: of a bucket at most.

    Returns:
        bucket, slot (0 ... `slots_of` - 1), candidate.
    """
    counts = keyed.groupBy("bucket", "item_id").count()
    # Windows over the items of one bucket are bounded by the catalogue, whatever the number of clicks.
    whole = Window.partitionBy("bucket")
    upto = whole.orderBy(F.col("count").desc(), "item_id").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    shares = counts.select(
        "bucket", "item_id", "count", F.sum("count").over(upto).alias("upto"), F.sum("count").over(whole).alias("total")
    )

    def first_slot(below: Column) -> Column:
        return F.ceil(below / F.col("total") * slots_of(F.col("total"), slots) - 0.5).cast("int")

    owned = shares.select(
        "bucket",
        F.col("item_id").alias("candidate"),
        first_slot(F.col("upto") - F.col("count")).alias("start"),
        first_slot(F.col("upto")).alias("stop"),
    ).where("stop > start")
    return owned.select("bucket", "candidate", F.explode(F.sequence(F.col("start"), F.col("stop") - 1)).alias("slot"))


def slots_of(clicks: Column, slots: int) -> Column:
    """The slots of a bucket with so many clicks."""
    return F.least(clicks, F.lit(slots))


def bucket_of(time: Column, bucket: str) -> Column:
    """The start of the hour or day in which items count as alive together; a constant for 'all'."""
    return F.lit(0).cast("timestamp") if bucket == "all" else F.date_trunc(bucket, time)
