"""How much an audience has in common with its seeds, with other audiences, and with its last release."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.insight.small_counts import shown
from ralm.runs.step import RunningStep

# Other audiences that are listed.
LISTED = 8


@dataclass(frozen=True)
class Overlap:
    """Users in common with another audience; `share` is of the smaller of the two."""

    item_id: str
    system: str
    users: int
    both: int
    share: float


@dataclass(frozen=True)
class Overlaps:
    """What an audience has in common with others.

    Attributes:
        seeds: share of the audience who are seeds.
        others: audiences of the same date, most in common first.
        last: date of the audience before; None: there is none.
        kept: share of that audience that is in this one too.
    """

    seeds: float
    others: list[Overlap]
    last: dt.date | None
    kept: float | None


def overlaps(
    step: RunningStep, audience: DataFrame, reached: int, seeds: DataFrame, item: str, system: str
) -> Overlaps:
    """Count it (tables: audiences); what fewer people than `privacy.minimum` have in common counts as nothing.

    Args:
        step: the running step.
        audience: (user_id), persisted.
        reached: how many they are.
        seeds: (user_id).
        item: id of the audience.
        system: what scored it.
    """
    rows, minimum = step.read("audiences"), step.context.config.privacy.minimum
    inside = audience.join(seeds, "user_id", "left_semi").count()
    today = rows.where(
        (F.col("as_of") == F.lit(step.as_of)) & ~((F.col("item_id") == item) & (F.col("system") == system))
    )
    common = today.join(audience, "user_id", "left_semi").groupBy("item_id", "system").agg(F.count("*").alias("both"))
    common = common.where(F.col("both") >= minimum)
    most = common.orderBy(F.desc("both"), "item_id", "system").limit(LISTED).collect()
    names = [row["item_id"] for row in most]
    sized = today.where(F.col("item_id").isin(names)).groupBy("item_id", "system").count().collect()
    sizes = {(row["item_id"], row["system"]): row["count"] for row in sized}  # LISTED items
    found = []
    for row in most:
        users = sizes[row["item_id"], row["system"]]
        found.append(Overlap(row["item_id"], row["system"], users, row["both"], row["both"] / min(users, reached)))
    found.sort(key=lambda one: (-one.share, one.item_id))
    before = rows.where((F.col("item_id") == item) & (F.col("system") == system) & (F.col("as_of") < F.lit(step.as_of)))
    newest = before.agg(F.max("as_of").alias("last")).first()
    last = None if newest is None else newest["last"]
    kept = None
    if last is not None:
        old = before.where(F.col("as_of") == F.lit(last)).select("user_id").persist()
        kept = shown(old.join(audience, "user_id", "left_semi").count(), minimum) / max(1, old.count())
        old.unpersist()
    return Overlaps(shown(inside, minimum) / max(1, reached), found, last, kept)
