"""No look-alike of a look-alike without saying so: lists that are, for the most part, an audience of this warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import NamedTuple

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

# Users of a list who are looked for, and the share of them from which on it is said.
LOOKED_FOR, MOSTLY = 2_000, 0.8
# An audience of so much of everyone holds most of any list.
LARGE = 0.5
KEYS = ("as_of", "item_id", "system")
# Audiences that are looked at, most of the list first.
LISTED = 20


class Chained(NamedTuple):
    """An audience that most of a list is in, without having been its seeds; `share` of the list's users."""

    as_of: dt.date
    item_id: str
    system: str
    share: float

    def __str__(self) -> str:
        return (
            f"{100 * self.share:.0f} % of the list's users are in the audience of {self.item_id} by {self.system} as "
            f"of {self.as_of}, which was itself made by likeness: an audience of an audience is like the model, not "
            "like people who did something"
        )


def chained(
    audiences: DataFrame, item_seeds: DataFrame, looked: DataFrame, total: int, everyone: Callable[[], int]
) -> Chained | None:
    """The audience that holds most users of a list; None: there is none.

    Args:
        audiences: (as_of, item_id, system, user_id); without the earlier audience of the list itself.
        item_seeds: the table; its production rows are read.
        looked: (user_id) of the list, or of `LOOKED_FOR` drawn from it, in the driver's memory.
        total: how many they are.
        everyone: counts all users, if that is needed.
    """
    keys, least = list(KEYS), MOSTLY * max(1, total)
    inside = audiences.join(F.broadcast(looked), "user_id").select(*keys, "user_id")

    def most(rows: DataFrame) -> list[Row]:
        """The audiences that hold enough of them, most first."""
        counted = rows.groupBy(*keys).agg(F.count("*").alias("users")).where(F.col("users") >= least)
        return counted.orderBy(F.desc("users"), F.desc("as_of"), "item_id", "system").limit(LISTED).collect()

    if not most(inside):
        return None
    seeds = item_seeds.where("purpose = 'production'")
    own = seeds.select("as_of", "item_id", F.explode("seeds.user_id").alias("user_id"))
    own = own.join(F.broadcast(looked), "user_id")  # who clicked the item is in its audience by right
    mostly = most(inside.join(own, ["as_of", "item_id", "user_id"], "left_anti"))
    if not mostly:
        return None
    users = everyone()
    for row in mostly:
        whole = audiences
        for key in keys:
            whole = whole.where(F.col(key) == F.lit(row[key]))
        if whole.count() <= LARGE * users:
            return Chained(row["as_of"], row["item_id"], row["system"], row["users"] / max(1, total))
    return None
