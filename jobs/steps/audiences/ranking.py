"""Exact rankings of all users for many items: a cut from a sample, one pass, a second one if the cut was too high.

`score_users` and `evaluate` both rank this way. A pass emits pairs in proportion to the users asked for, never
users x items, and packs them by the tasks that rank them: few large rows go through Spark, no row per pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences.scored_users import Scored
from jobs.steps.users.file_scan import map_files
from ralm.scoring.ranges import Ranges
from ralm.scoring.thresholds import cut_for_top
from ralm.spark.frames import union
from udfs.packs import PACKED, pack_left_out
from udfs.rank import Places, count_packs, rank_packs
from udfs.score import best_items, score_users

# Rows that one task ranks, about: an item with more rows is ranked in several ranges of its scores.
ROWS_PER_TASK = 2_000_000
# Parquet looks at the size of a page and a row group after each pack, which may be of megabytes, not every 100 rows.
CHECKS = {f"parquet.page.size.row.check.{bound}": "1" for bound in ("min", "max")}

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """The users asked for, and the best items of all users.

    Attributes:
        best: (item_id, user_id, score, rank, bucket), in the order of item and rank within a task. Items of one bucket
            are neighbours by id.
        recommended: (user_id, top_items, top_scores), as of `best_items`; no rows if no items were asked for.
        passes: over all users.
    """

    best: DataFrame
    recommended: DataFrame
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
    """What a pass gives: rows of `score_users`, the ranges that it packed them by, how many users reached each."""

    rows: DataFrame
    ranges: Ranges
    counts: Ints


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
    excluded = np.array([left_out.counts.get(item, 0) if left_out else 0 for item in scored.items], dtype=np.int64)
    most = asked if cuts is None else np.full(len(asked), scored.users)
    order, buckets = item_buckets(scored.items, asked)
    emitted, fixed = asked + excluded, cuts is not None
    cuts = _cuts(sample, scored.users, emitted) if cuts is None else cuts
    missing, ranked, passed = np.ones(len(asked), dtype=bool), list[DataFrame](), list[_Passed]()
    while missing.any():
        reached = np.where(missing, cuts, np.inf)
        ranges = Ranges.of(sample, reached, scored.users, buckets, order, ROWS_PER_TASK, scored.some_ids)
        passed.append(_pass(scored, ranges, reached, len(passed) + 1, 0 if passed else top_m))
        counts = np.bincount(ranges.item, passed[-1].counts, minlength=len(asked))  # per item
        enough = missing & (fixed | (counts - excluded >= asked) | np.isneginf(cuts))
        if enough.any():
            ranked.append(_ranked(scored, passed[-1], left_out, np.where(enough, most, 0), buckets))
        missing &= ~enough
        # The sample misled: aim at twice the users, or at everyone once that is half of all users.
        emitted = np.where(missing, emitted * 2, emitted)
        lower = _cuts(sample, scored.users, emitted)
        cuts = np.where(missing, np.where(emitted * 2 >= scored.users, -np.inf, np.minimum(cuts, lower)), cuts)
    recommended = passed[0].rows.where("group IS NULL").select("best")
    return Ranking(union(ranked), recommended.mapInArrow(*best_items(scored.user_id_type)), len(passed))


def item_buckets(items: Sequence[str], asked: Ints) -> tuple[Ints, Ints]:
    """The items' rows in the order of their ids, and the bucket of each item: both (items,).

    Neighbours by id share a bucket until it has `ROWS_PER_TASK` rows asked for.
    """
    order = np.argsort(np.array(items, dtype=str), kind="stable")
    before = asked[order].cumsum() - asked[order]
    buckets = np.empty(len(items), dtype=np.int64)
    buckets[order] = before // ROWS_PER_TASK
    return order, buckets


def _cuts(sample: NDArray[np.float64], users: int, emitted: Ints) -> NDArray[np.float64]:
    cuts = np.empty(sample.shape[1])
    for wanted in np.unique(emitted):
        chosen_items = emitted == wanted
        cuts[chosen_items] = cut_for_top(sample[:, chosen_items], users, int(min(max(1, wanted), users)))
    return cuts


def _pass(scored: Scored, ranges: Ranges, cuts: NDArray[np.float64], number: int, top_m: int) -> _Passed:
    """Score everyone once and keep what passes, so that audiences and recommendations read it without scoring again."""
    bundle, path = scored.bundle(f"pass {number}", cuts), f"{scored.folder}/passed {number}"
    udf = score_users(bundle, scored.user_id_type, ranges, top_m=top_m, block=scored.block)
    targets = scored.targets
    packs = map_files(targets, targets.columns, udf) if scored.scan else targets.mapInArrow(*udf)
    packs.write.mode("overwrite").options(**CHECKS).parquet(path)
    rows = scored.spark.read.parquet(path)
    pairs = rows.select(F.explode(F.arrays_zip("ranges", "counts")).alias("pair"))
    sums = pairs.groupBy(F.col("pair.ranges").alias("range")).agg(F.sum("pair.counts").alias("count"))
    return _Passed(rows, ranges, _counted(sums, ranges))


def _ranked(scored: Scored, passed: _Passed, left_out: LeftOut | None, most: Ints, buckets: Ints) -> DataFrame:
    """The best of a pass, `most` (items,) per item; 0: the item is ranked from another pass."""
    ranges, counts = passed.ranges, passed.counts
    packs = passed.rows.where("group IS NOT NULL").select(*PACKED.names)
    if left_out is not None:
        packs = packs.unionByName(_pairs_left_out(scored, left_out, ranges))
    packs = packs.repartitionById(ranges.groups, "group")
    if left_out is not None and (ranges.lengths > 1).any():
        counts = _counted(packs.mapInArrow(*count_packs()), ranges)
    above = ranges.above(counts)
    places = Places([scored.items[i] for i in ranges.item], buckets[ranges.item], above, most[ranges.item] - above)
    return packs.mapInArrow(*rank_packs(places, scored.user_id_type))


def _pairs_left_out(scored: Scored, left_out: LeftOut, ranges: Ranges) -> DataFrame:
    rows = scored.spark.createDataFrame(list(enumerate(scored.items)), "item int, item_id string")
    pairs = left_out.pairs.join(F.broadcast(rows), "item_id").select("item", "user_id")
    return pairs.mapInArrow(*pack_left_out(ranges))


def _counted(sums: DataFrame, ranges: Ranges) -> Ints:
    """Rows (range, count) as an array (ranges,)."""
    counts = np.zeros(len(ranges.item), dtype=np.int64)
    for row in sums.collect():
        counts[row["range"]] = row["count"]
    return counts
