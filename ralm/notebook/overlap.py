"""How much audiences have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ralm.errors import ConfigError
from ralm.notebook.sizes import check_minimum

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


# Each pair of compared items is a row.
MOST = 200


def compared(items: Sequence[str]) -> list[str]:
    """The items that are compared, each once.

    Raises:
        ConfigError: fewer than two, or too many.
    """
    wanted = list(dict.fromkeys(items))
    if not 2 <= len(wanted) <= MOST:
        raise ConfigError(f"overlap: give 2 to {MOST} items, found {len(wanted)}")
    return wanted


def overlap(spark: SparkSession, rows: DataFrame, sizes: Mapping[str, int], minimum: int = 0) -> DataFrame:
    """Each pair of items with its users in common; see `Workspace.overlap`.

    Args:
        spark: the session.
        rows: (item_id, user_id) of the audiences.
        sizes: item -> users.
        minimum: fewer users in common are null.

    Raises:
        ConfigError: an audience has fewer users than the minimum.
    """
    from pyspark.sql import functions as F

    check_minimum(*min(sizes.items(), key=lambda one: one[1]), minimum)
    # A user's items in one array: what is shuffled is the audiences, once.
    held = rows.groupBy("user_id").agg(F.sort_array(F.collect_set("item_id")).alias("held"))
    pairs = held.select(F.explode("held").alias("item_id"), "held").select(
        "item_id", F.explode(F.filter("held", lambda other: other > F.col("item_id"))).alias("other_id")
    )
    both = pairs.groupBy("item_id", "other_id").agg(F.count("*").alias("both"))
    every = [(a, b, sizes[a], sizes[b]) for a in sizes for b in sizes if a < b]
    listed = spark.createDataFrame(every, "item_id string, other_id string, users bigint, other_users bigint").join(
        both, ["item_id", "other_id"], "left"
    )
    common = F.coalesce("both", F.lit(0))
    common = F.when(common >= minimum, common) if minimum else common
    return listed.select(
        "item_id",
        "other_id",
        "users",
        "other_users",
        common.alias("both"),
        (common / F.least("users", "other_users")).alias("share"),
        (common / (F.col("users") + F.col("other_users") - common)).alias("jaccard"),
    ).orderBy(F.desc_nulls_last("jaccard"), "item_id", "other_id")
