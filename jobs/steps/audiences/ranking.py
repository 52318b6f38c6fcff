"""Exact rankings of all users for many items: a cut from a sample, one pass, a second one if the cut was too high.

`score_users` and `evaluate` both rank this way. A pass emits rows in proportion to the users asked for, never
users x items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.audiences.scored_users import Scored
from jobs.steps.users.file_scan import map_files
from ralm.scoring.thresholds import cut_for_top
from ralm.spark.frames import union
from udfs.score import score_users

# Seeds that every executor may hold at a time: half a gigabyte. Above that, all candidates are sorted to leave seeds
# out, which costs as much as ranking them.
BROADCAST_SEEDS = 4_000_000
# Rows that one task sorts, about: an item with more rows is ranked in several ranges of its scores.
ROWS_PER_TASK = 2_000_000


@dataclass(frozen=True)
class Ranking:
    """`best` (item_id, user_id, score, rank, bucket): the users asked for; `scored`: one row per user (`top_items`).

    Items of one bucket were ranked together; the buckets are in the order of their ids.
    """

    best: DataFrame
    scored: DataFrame
    passes: int


@dataclass(frozen=True)
class LeftOut:
    """Users who are not candidates for an item, such as seeds: `pairs` (item_id, user_id), and `counts` per item."""

    pairs: DataFrame
    counts: Mapping[str, int]

    @staticmethod
    def of(pairs: DataFrame) -> LeftOut:
        """The pairs, counted by one Spark job."""
        counts = {row["item_id"]: row["count"] for row in pairs.groupBy("item_id").count().collect()}
        return LeftOut(pairs, counts)


@dataclass(frozen=True)
class _Passed:
    """What passed: `candidates` (see `_candidates`), their `counts` (items, ranges), all rows of the `first` pass."""

    candidates: DataFrame
    counts: NDArray[np.int64]
    first: DataFrame
    passes: int


def rank_users(
    scored: Scored,
    sample: NDArray[np.float64],
    wanted: Mapping[str, int],
    left_out: LeftOut | None,
    cuts: NDArray[np.float64] | None = None,
    top_m: int = 0,
) -> Ranking:
    """The best users of each item, exactly: by published score, ties by user_id.

    Args:
        scored: users, items, model.
        sample: of `Scored.sample`.
        wanted: item -> users asked for.
        left_out: users who are not candidates; None: everyone is a candidate.
        cuts: (items,): take every user at or above the cut, however many; None: find the cuts from the sample.
        top_m: best items per user.
    """
    asked = np.array([wanted.get(item, 0) for item in scored.items], dtype=np.int64)
    buckets = item_buckets(scored.items, asked)
    passed = _pass_until_enough(scored, sample, asked, left_out, cuts, buckets, top_m)
    ranked = _with_rank(scored, passed, asked, buckets)
    kept = ranked if cuts is not None else ranked.where(F.col("rank") <= F.col("limit"))
    return Ranking(kept.select("item_id", "user_id", "score", "rank", "bucket"), passed.first, passed.passes)


def _pass_until_enough(
    scored: Scored,
    sample: NDArray[np.float64],
    asked: NDArray[np.int64],
    left_out: LeftOut | None,
    cuts: NDArray[np.float64] | None,
    buckets: NDArray[np.int64],
    top_m: int,
) -> _Passed:
    """Score everyone until each item has enough candidates above its cut: usually one pass."""
    excluded = left_out.counts if left_out else {}
    seeds = None if left_out is None else _by_row(scored, left_out)
    fixed = cuts is not None
    emitted = asked + np.array([excluded.get(item, 0) for item in scored.items], dtype=np.int64)
    if cuts is None:
        cuts = _cuts(sample, scored.users, emitted)
    limits = _range_limits(sample, cuts, asked)
    passes, missing = 0, np.ones(len(scored.items), dtype=bool)
    parts: list[DataFrame] = []
    counts = np.zeros((len(scored.items), max(map(len, limits), default=0) + 1), dtype=np.int64)
    first: DataFrame | None = None
    while missing.any():
        passes += 1
        bundle = scored.bundle(f"pass {passes}", np.where(missing, cuts, np.inf))
        rows = _pass(scored, bundle, f"{scored.folder}/passed {passes}", top_m if passes == 1 else 0)
        first = rows if first is None else first
        candidates = _candidates(scored, rows, seeds, limits, buckets)
        counts[missing] = 0
        for row in candidates.groupBy("item", "range").count().collect():
            counts[row["item"], row["range"]] = row["count"]
        enough = missing & (fixed | (counts.sum(axis=1) >= asked) | np.isneginf(cuts))
        parts.append(candidates.where(F.col("item").isin(np.flatnonzero(enough).tolist())))
        missing &= ~enough
        # The sample misled: aim at twice the users, or at everyone once that is half of all users.
        emitted = np.where(missing, emitted * 2, emitted)
        lower = _cuts(sample, scored.users, emitted)
        cuts = np.where(missing, np.where(emitted * 2 >= scored.users, -np.inf, np.minimum(cuts, lower)), cuts)
    assert first is not None
    return _Passed(union(parts), counts, first, passes)


def _with_rank(scored: Scored, passed: _Passed, asked: NDArray[np.int64], buckets: NDArray[np.int64]) -> DataFrame:
    """The candidates with their `rank` within the item, from 1 on, and the item's `limit`."""
    counts = passed.counts
    # This shuffle by bucket and range already brings the window's rows together, and files hold few items.
    # A single range is a constant, which Spark drops from the window's keys: the window would shuffle once more.
    together = ["bucket", "range"] if counts.shape[1] > 1 else ["bucket"]
    # Twice as many partitions as there are groups of rows: few hold two groups, whatever the session's setting.
    item_rows, ranges = np.nonzero(counts)
    shuffled = 2 * max(1, len(set(zip(buckets[item_rows].tolist(), ranges.tolist(), strict=True))))
    rows = passed.candidates.repartition(shuffled, *together).sortWithinPartitions(_sort_key(counts.shape[1]))
    within = Window.partitionBy("item", "range", "bucket").orderBy(F.desc("score"), "user_id")
    above = counts[:, ::-1].cumsum(axis=1)[:, ::-1] - counts  # rows in higher ranges
    places = scored.spark.createDataFrame(
        [(item, r, int(above[item, r]), int(asked[item])) for item, r in np.ndindex(*counts.shape)],
        "item int, range int, above long, limit long",
    )
    best = rows.withColumn("place", F.row_number().over(within)).join(F.broadcast(places), ["item", "range"])
    return best.withColumn("rank", (F.col("above") + F.col("place")).cast("int"))


def item_buckets(items: Sequence[str], asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket (items,) of each item: neighbours by id share one until it has `ROWS_PER_TASK` rows asked for."""
    order = np.argsort(np.array(items, dtype=str), kind="stable")
    before = asked[order].cumsum() - asked[order]
    buckets = np.empty(len(items), dtype=np.int64)
    buckets[order] = before // ROWS_PER_TASK
    return buckets


def _sort_key(ranges: int) -> Column:
    """One number that puts rows into the window's order, except for ties.

    Sorting by one number does not compare rows; the window's own sort, of five columns, then finds them in order and
    takes one pass. A score of 10^9 millionths or more would only make that sort longer.
    """
    group = F.col("item").cast("long") * ranges + F.col("range")
    return group * (1 << 32) - F.round(F.col("score") * 1e6).cast("long")


def _range_limits(
    sample: NDArray[np.float64], cuts: NDArray[np.float64], asked: NDArray[np.int64]
) -> list[NDArray[np.float64]]:
    """Rising scores (ranges - 1,) per item, between ranges of about `ROWS_PER_TASK` rows above its cut."""
    limits = []
    for scores, cut, rows in zip(sample.T, cuts, asked, strict=True):
        passing = scores[np.isfinite(scores) & (scores >= cut)]
        ranges = -(-int(rows) // ROWS_PER_TASK) if len(passing) else 1
        limits.append(np.unique(np.quantile(passing, np.arange(1, ranges) / ranges)) if ranges > 1 else np.empty(0))
    return limits


def _cuts(sample: NDArray[np.float64], users: int, emitted: NDArray[np.int64]) -> NDArray[np.float64]:
    cuts = np.empty(sample.shape[1])
    for wanted in np.unique(emitted):
        chosen_items = emitted == wanted
        cuts[chosen_items] = cut_for_top(sample[:, chosen_items], users, int(min(max(1, wanted), users)))
    return cuts


def _pass(scored: Scored, bundle: str, path: str, top_m: int) -> DataFrame:
    """Score everyone once and keep what passes, so that audiences and recommendations read it without scoring again."""
    udf = score_users(bundle, scored.user_id_type, top_m=top_m, block=scored.block)
    targets = scored.targets
    rows = map_files(targets, targets.columns, udf) if scored.scan else targets.mapInArrow(*udf)
    rows.write.mode("overwrite").parquet(path)
    return scored.spark.read.parquet(path)


def _candidates(
    scored: Scored,
    rows: DataFrame,
    seeds: DataFrame | None,
    limits: Sequence[NDArray[np.float64]],
    buckets: NDArray[np.int64],
) -> DataFrame:
    """The users who passed, without seeds: (item, bucket, range, item_id, user_id, score).

    `item` is the item's row, `range` the range of its scores from 0, the lowest. `seeds` are (item, user_id).
    """
    ids = F.array(*[F.lit(item) for item in scored.items])
    score = F.col("pair.scores")
    range_ = F.lit(0)
    if any(map(len, limits)):
        nested = F.array(*[F.array(*map(F.lit, own.tolist())).cast("array<double>") for own in limits])
        reached = F.filter(F.get(nested, F.col("pair.items")), lambda limit: limit <= score)
        range_ = F.size(reached)
    pairs = rows.select("user_id", F.explode(F.arrays_zip("items", "scores")).alias("pair"))
    named = pairs.select(
        F.col("pair.items").alias("item"),
        F.get(F.array(*map(F.lit, buckets.tolist())), F.col("pair.items")).cast("int").alias("bucket"),
        range_.alias("range"),
        F.get(ids, F.col("pair.items")).alias("item_id"),
        "user_id",
        score.alias("score"),
    )
    return named if seeds is None else named.join(seeds, ["item", "user_id"], "left_anti")


def _by_row(scored: Scored, left_out: LeftOut) -> DataFrame:
    """(item, user_id) of the users left out; `item` is the item's row."""
    rows = scored.spark.createDataFrame(list(enumerate(scored.items)), "item int, item_id string")
    pairs = left_out.pairs.join(F.broadcast(rows), "item_id").select("item", "user_id")
    return F.broadcast(pairs) if sum(left_out.counts.values()) <= BROADCAST_SEEDS else pairs
