"""Negatives, users who stand for 'not alike': sampled without pairing all users with all items."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.systems.contract import Task
from ralm.features.hashing import bucket, uniform

# The shared pool has at least so many users: with fewer, small items would all have the same negatives.
LEAST_POOL = 10_000
# More are drawn than needed, since the size of a pool drawn by hash is random.
MARGIN = 1.25


def wanted_negatives(task: Task, cap: int, per_seed: int) -> DataFrame:
    """(item_id, item_index, seeds, content, wanted): how many seeds an item has, and a hash of all of them.

    `per_seed` negatives are wanted for at most `cap` of the seeds.
    """
    counts = task.seeds.groupBy("item_id", "item_index").agg(
        F.count("*").cast("int").alias("seeds"), F.bit_xor(F.xxhash64("user_id")).alias("content")
    )
    return counts.withColumn("wanted", F.least("seeds", F.lit(cap)) * F.lit(per_seed))


def user_pool(task: Task, users: DataFrame, cap: int, per_seed: int) -> DataFrame:
    """(user_id, slot): a sample of the users by hash, numbered from 0 in a random order.

    One scan of the user ids. Its size depends on the settings, not on the users or the items, so that an item's
    negatives are the same whatever else is asked for; it suffices for the largest item, which skips all its seeds.
    """
    size = max(LEAST_POOL, MARGIN * (cap * per_seed + task.config.lookalike.seed_cap))
    draw = uniform("negative pool", task.config.seed, "user_id")
    drawn = users.select("user_id").where(draw < F.lit(size / max(1, users.count())))
    return drawn.withColumn("slot", F.row_number().over(Window.orderBy(draw, "user_id")) - 1)


def other_users(task: Task, pool: DataFrame, wanted: DataFrame) -> DataFrame:
    """(item_index, user_id): per item, `wanted` users of the pool who are not its seeds, or all there are.

    An item takes a run of slots from a start that its seeds give, as long as `wanted` and its seeds together: a run of
    a random order is a sample without replacement, and enough users are left without the seeds. The rows are
    proportional to what is asked for.

    Args:
        task: whose seeds are left out.
        pool: (user_id, slot), persisted.
        wanted: (item_index, seeds, content, wanted).
    """
    size = pool.count()
    start = bucket("negatives", task.config.seed, "content", buckets=size)
    last = F.least(F.col("wanted") + F.col("seeds"), F.lit(size)) - 1
    runs = wanted.select(
        "item_index", "wanted", start.alias("start"), F.explode(F.sequence(F.lit(0), last)).alias("at")
    )
    slots = runs.withColumn("slot", (F.col("start") + F.col("at")) % size)
    found = slots.join(pool, "slot")
    return _first(found.join(_seeds(task), ["item_index", "user_id"], "left_anti"), F.col("at"))


def exposed_users(task: Task, wanted: DataFrame, most: int) -> DataFrame:
    """(item_index, user_id): per item, `wanted` users by hash who were shown it before the date and never clicked.

    Tables: impressions.

    Args:
        task: whose seeds are left out.
        wanted: (item_id, item_index, seeds, wanted).
        most: the largest `wanted`, which bounds a partition's rows before they are shuffled.
    """
    shown = task.step.read("impressions").where(F.col("shown_at") < F.lit(task.as_of))
    asked = shown.join(F.broadcast(wanted), "item_id")
    pairs = asked.groupBy("item_index", "item_id", "wanted", "user_id").agg(F.max("clicked").alias("clicked"))
    ignored = pairs.where(~F.col("clicked")).join(_seeds(task), ["item_index", "user_id"], "left_anti")
    return _first(ignored, uniform("exposed negative", task.config.seed, "item_id", "user_id"), most)


def _seeds(task: Task) -> DataFrame:
    return task.seeds.select("item_index", "user_id")


def _first(rows: DataFrame, order: Column, most: int | None = None) -> DataFrame:
    by_order = Window.partitionBy("item_index").orderBy(order, "user_id")
    kept = rows.withColumn("position", F.row_number().over(by_order)).where(F.col("position") <= F.col("wanted"))
    kept = kept if most is None else kept.where(F.col("position") <= most)
    return kept.select("item_index", "user_id")
