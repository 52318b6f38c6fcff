"""What a round moved: each audience beside the one before, by its size, its least score and the users who stayed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.features.hashing import chosen
from ralm.insight.small_counts import shown_share

# Rows of both tables, by hash of their users, in which users who stayed are looked for.
LOOKED_AT = 2_000_000


@dataclass(frozen=True)
class Moved:
    """One audience, and the one before.

    Attributes:
        users: in the audience.
        before: in the one before; None: there was none.
        kept: share of the users before who are still there; None: there were none.
        cutoff: score from which users are in it.
        cutoff_before: from which they were.
    """

    users: int
    before: int | None = None
    kept: float | None = None
    cutoff: float | None = None
    cutoff_before: float | None = None


def audiences_of(rows: DataFrame, as_of: dt.date, system: str, items: Sequence[str]) -> DataFrame:
    """(item_id, user_id, score) of some items' rows of `audiences`."""
    own = rows.where((F.col("as_of") == F.lit(as_of)) & (F.col("system") == system))
    return own.where(F.col("item_id").isin(list(items))).select("item_id", "user_id", "score")


def last_cutoffs(audiences: DataFrame, refreshed: DataFrame) -> dict[str, float]:
    """item -> score from which users were in its audience, as its last round or else the rows of the audience say.

    Args:
        audiences: (item_id, score) of the items.
        refreshed: rows of `freshness` of earlier rounds on the same release.
    """
    lowest = audiences.groupBy("item_id").agg(F.min("score").alias("cutoff"))
    last = refreshed.groupBy("item_id").agg(F.max_by("cutoff", "published_at").alias("last"))
    found = lowest.join(last, "item_id", "left").select("item_id", F.coalesce("last", "cutoff").alias("cutoff"))
    return {row["item_id"]: row["cutoff"] for row in found.collect()}  # refresh.max_items at most


def moved(
    before: DataFrame,
    now: DataFrame,
    items: Sequence[str],
    cutoffs: Mapping[str, float],
    seed: int,
    minimum: int,
    keep: str,
) -> dict[str, Moved]:
    """What moved of each item, with users who stayed counted in a sample if there are many.

    Args:
        before: (item_id, user_id, score) of the items' audiences before.
        now: the same of those that were made.
        items: all of them.
        cutoffs: item -> score from which users were taken before (`last_cutoffs`).
        seed: of the sample.
        minimum: a share of fewer people is 0 (`privacy.minimum`).
        keep: `refresh.keep`: with `similarity`, the score from which users are in an audience stays.
    """
    both = before.withColumn("now", F.lit(0)).unionByName(now.withColumn("now", F.lit(1)))
    rows = both.groupBy("item_id", "now").agg(F.count("*").alias("users"), F.min("score").alias("cutoff")).collect()
    sizes = {(row["item_id"], row["now"]): row for row in rows}
    share = min(1.0, LOOKED_AT / max(1, sum(row["users"] for row in rows)))
    drawn = both.where(chosen("moved", seed, share, "user_id")) if share < 1 else both
    per_user = drawn.groupBy("item_id", "user_id").agg(F.min("now").alias("first"), F.max("now").alias("last"))
    was = per_user.where("first = 0").groupBy("item_id")
    counted = was.agg(F.count("*").alias("before"), F.sum("last").alias("stayed")).collect()
    stayed = {row["item_id"]: row["stayed"] / row["before"] for row in counted}
    found = {}
    for item in items:
        old, new = sizes.get((item, 0)), sizes.get((item, 1))
        found[item] = Moved(
            users=new["users"] if new else 0,
            before=old["users"] if old else None,
            kept=shown_share(stayed[item], old["users"], minimum) if old and item in stayed else None,
            cutoff=cutoffs[item] if keep == "similarity" and item in cutoffs else new["cutoff"] if new else None,
            cutoff_before=cutoffs.get(item),
        )
    return found


def in_words(found: Mapping[str, Moved], keep: str) -> str:
    """One line on a round: how large the audiences were and are, who stayed, and from which score on."""
    again = {item: one for item, one in found.items() if one.before is not None}
    if not again:
        return f"what moved: {len(found):,} audiences are new"
    was, now = (sum(getattr(one, name) or 0 for one in again.values()) for name in ("before", "users"))
    line = f"what moved in {len(again):,} audiences (refresh.keep: {keep}): {was:,} users before, {now:,} now"
    kept = {item: one.kept for item, one in again.items() if one.kept is not None}
    if kept:
        least = min(kept, key=lambda item: (kept[item], item))
        line += f"; {median(kept.values()):.0%} of them stay in the median, least of {least}: {kept[least]:.0%}"
    ends = [
        (one.cutoff_before, one.cutoff)
        for one in again.values()
        if one.cutoff is not None and one.cutoff_before is not None
    ]
    if ends:
        line += f"; least score {median(e[0] for e in ends):.3f} before, {median(e[1] for e in ends):.3f} now (median)"
    return line.replace("%", " %")
