"""Audiences of your own lists: no release holds them, so they are read as they are now."""

from __future__ import annotations

import datetime as dt
from functools import reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def of_lists(audiences: DataFrame, as_of: dt.date) -> DataFrame:
    """The rows of your own lists up to a date."""
    from pyspark.sql import functions as F

    from ralm.config.names import LIST_BUCKET  # not above: without it the reader of a store needs no pydantic

    return audiences.where((F.col("item_bucket") == LIST_BUCKET) & (F.col("as_of") <= F.lit(as_of)))


def released_and_own(released: DataFrame, newest: DataFrame, as_of: dt.date) -> DataFrame:
    """The audiences of a release's items, and those of all lists, each as of its newest date.

    Args:
        released: `audiences` at the version of the release.
        newest: `audiences` as it is now.
        as_of: the date of the release; later audiences of lists are left out.
    """
    from pyspark.sql import functions as F

    from ralm.config.names import LIST_BUCKET

    items = released.where((F.col("as_of") == F.lit(as_of)) & (F.col("item_bucket") != LIST_BUCKET))
    own = of_lists(newest, as_of)
    # One row per list and system. Named in the query, they cost neither a join nor a shuffle.
    last = own.groupBy("item_id", "system").agg(F.max("as_of").alias("as_of")).collect()
    if not last:
        return items
    of = F.struct("item_id", "system")
    newest_of = [
        (F.col("as_of") == F.lit(day))
        & of.isin([F.struct(F.lit(row[0]), F.lit(row[1])) for row in last if row["as_of"] == day])
        for day in sorted({row["as_of"] for row in last})
    ]
    return items.unionByName(own.where(reduce(lambda one, other: one | other, newest_of)))
