"""The best items of a user, over all systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def best_items(recommendations: DataFrame, user: object) -> DataFrame:
    """(rank, item_id, score) of a user, best first, from the rows of `recommendations` of a date."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    rows = recommendations.where(F.col("user_id") == F.lit(user))
    both = rows.select("user_id", F.explode(F.arrays_zip("item_ids", "scores")).alias("one"))
    found = both.select("user_id", "one.item_ids", "one.scores").toDF("user_id", "item_id", "score")
    # Each system has a row of its own, and each item one system.
    best = Window.partitionBy("user_id").orderBy(F.desc("score"), "item_id")
    return found.select(F.row_number().over(best).alias("rank"), "item_id", "score").orderBy("rank")


def with_titles(rows: DataFrame, items: DataFrame, of: str = "") -> DataFrame:
    """The rows with the names of their items, in a last column; null where an item has none.

    Args:
        rows: with the column `item_id`, or `other_id`.
        items: the table.
        of: what the column's name begins with, such as `other_`.
    """
    from pyspark.sql import functions as F

    key = f"{of or 'item_'}id"
    names = items.select(F.col("item_id").alias(key), F.col("title").alias(f"{of}title"))
    return rows.join(names, key, "left").select(*rows.columns, f"{of}title")
