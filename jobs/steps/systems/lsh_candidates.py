"""Candidates by a join on buckets: frames in, frames out."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# Buckets of seeds that every executor may hold, a few hundred MB; more buckets are joined by a shuffle.
BROADCAST_BUCKETS = 2_000_000


def seed_buckets(seeds: DataFrame) -> DataFrame:
    """The buckets that hold seeds.

    Args:
        seeds: (items array<int>, buckets array<bigint>), one row per user.

    Returns:
        (bucket, items array<int>), one row per bucket: at most pairs of seeds and items · bands.
    """
    pairs = seeds.select(F.explode("items").alias("item"), "buckets").select(
        "item", F.explode("buckets").alias("bucket")
    )
    return pairs.groupBy("bucket").agg(F.sort_array(F.collect_set("item")).alias("items"))


def bucket_matches(users: DataFrame, seeds: DataFrame, broadcast: bool) -> DataFrame:
    """Users in the buckets of seeds.

    The seeds' side has one row per bucket, so that a crowded bucket multiplies nothing. If it is broadcast, no user is
    shuffled; otherwise users · bands rows are shuffled by bucket, and adaptive execution splits the crowded buckets.

    Args:
        users: (user_id, buckets array<bigint>).
        seeds: `seed_buckets`.
        broadcast: whether the seeds' buckets fit into every executor.

    Returns:
        (user_id, bucket, items).
    """
    rows = users.select("user_id", F.explode("buckets").alias("bucket"))
    return rows.join(F.broadcast(seeds) if broadcast else seeds, "bucket").select("user_id", "bucket", "items")


def crowded_buckets(matches: DataFrame, most: float) -> DataFrame:
    """The buckets with more than `most` users: (bucket). There are at most bands · users / most of them.

    Counted over `bucket_matches`, so that buckets without seeds are not counted at all; a crowded bucket is one row per
    partition in the shuffle.
    """
    return matches.groupBy("bucket").count().where(F.col("count") > most).select("bucket")


def candidates(matches: DataFrame, crowded: DataFrame) -> DataFrame:
    """The users who share a bucket that is not crowded with a seed.

    Args:
        matches: `bucket_matches`; shuffled by user, at most `bands` rows each.
        crowded: `crowded_buckets`, broadcast.

    Returns:
        (user_id, candidate_of array<int>), sorted and distinct, one row per candidate.
    """
    kept = matches.join(F.broadcast(crowded), "bucket", "left_anti")
    every = F.sort_array(F.array_distinct(F.flatten(F.collect_list("items"))))
    return kept.groupBy("user_id").agg(every.alias("candidate_of"))
