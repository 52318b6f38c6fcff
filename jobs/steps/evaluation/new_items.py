"""The family `new_items`: which of their users are seeds and which are held out, for each number of seeds."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.evaluation.comparison_pairs import (
    HELD_OUT,
    SEED,
    Cell,
    Counted,
    drawn_pairs,
    indexed,
    judged_split,
    persisted,
    write_pairs,
)
from jobs.steps.users.user_fields import weak_users
from ralm.features.hashing import bucket, uniform
from ralm.features.holdout import is_new_item
from ralm.features.seeds import clicks
from ralm.runs.step import RunningStep

FAMILY, HALF = "new_items", "half"
# The tables of the cells, besides the pairs.
INPUTS = ("impressions",)
# What `comparison_pairs` depends on: all numbers of seeds and all systems are judged on the same pairs.
SECTIONS = (
    "comparison.window",
    "comparison.min_users",
    "comparison.max_items",
    "comparison.split",
    "comparison.validation_share",
    "evaluation.new_item_share",
    "fields.strong_domain",
    "dates",
)


def draw_pairs(step: RunningStep) -> None:
    """Write `comparison_pairs` of the split: the items that can be judged, and the role of each of their users.

    Held-out users are the same for every number of seeds: half of the item's users, by hash. The seeds are the first
    n of the other half, by another hash. Where no item has `comparison.min_users` clickers, there are no pairs.
    """
    with persisted(_pairs(step)) as pairs:
        write_pairs(step, pairs, FAMILY)


def counted(step: RunningStep) -> list[Counted]:
    """The items of each number of seeds (tables: comparison_pairs)."""
    comparison, pairs = step.context.config.comparison, drawn_pairs(step, FAMILY)
    have = f"{comparison.min_users} clickers or more, half of them"
    return [
        Counted(f"{FAMILY}@{name}", items, f"{have} giving {least} seeds or more", len(items) >= comparison.min_items)
        for (name, least), items in _items(step, pairs).items()
    ]


def cells(step: RunningStep) -> list[Cell]:
    """The cells with at least `comparison.min_items` items (tables: comparison_pairs, impressions)."""
    pairs = drawn_pairs(step, FAMILY)
    return [_cell(step, pairs, found.protocol, found.items) for found in counted(step) if found.enough]


def _pairs(step: RunningStep) -> DataFrame:
    """(item_id, user_id, role, position, weak) of the judged items (tables: impressions, user_fields)."""
    config, dates = step.context.config, step.context.dates
    comparison, seed = config.comparison, config.seed
    later = step.context.config.comparison.window == "later"
    clicked = clicks(step.read("impressions"), dates.a3, dates.a2 if later else None).select("item_id", "user_id")
    fresh = is_new_item("item_id", config.evaluation.new_item_share, seed)
    judged = fresh & judged_split(comparison, seed)
    pairs = clicked.where(judged).distinct().join(weak_users(step, step.as_of), "user_id")
    enough = pairs.groupBy("item_id").count().where(F.col("count") >= comparison.min_users)
    drawn = enough.orderBy(uniform("compared item", seed, "item_id"), "item_id").limit(comparison.max_items)
    half = bucket("comparison half", seed, "user_id", "item_id", buckets=2) == 0
    order = Window.partitionBy("item_id", "role").orderBy(
        uniform("compared seed", seed, "user_id", "item_id"), "user_id"
    )
    return (
        pairs.join(F.broadcast(drawn.select("item_id")), "item_id", "left_semi")
        .withColumn("role", F.when(half, SEED).otherwise(HELD_OUT))
        .withColumn("position", F.row_number().over(order))
    )


def _items(step: RunningStep, pairs: DataFrame) -> dict[tuple[str, int], list[str]]:
    """(Number of seeds or `half`, least seeds) -> the items with at least that many, in the order of the scorers."""
    config = step.context.config
    seeds = pairs.where(F.col("role") == SEED).groupBy("item_id").count()
    pool = {row["item_id"]: row["count"] for row in seeds.collect()}  # at most comparison.max_items
    numbers = {str(count): count for count in config.comparison.seeds} | {HALF: config.lookalike.min_seeds}
    return {(name, n): sorted(item for item, size in pool.items() if size >= n) for name, n in numbers.items()}


def _cell(step: RunningStep, pairs: DataFrame, protocol: str, items: list[str]) -> Cell:
    rows = indexed(step, pairs, items)
    half = rows.where(F.col("role") == SEED)
    name = protocol.partition("@")[2]
    sample = step.context.config.comparison.sample
    held_out = rows.where(F.col("role") == HELD_OUT).withColumn("drawn", F.col("position") <= sample)
    cap = step.context.config.lookalike.seed_cap if name == HALF else int(name)
    columns = ("item_id", "item_index", "user_id")
    return Cell(
        protocol,
        items,
        half.where(F.col("position") <= cap).select(*columns),
        held_out.select(*columns, "weak", "drawn"),
        half.select(*columns).unionByName(_earlier(step, rows, items).select(*columns)),
        sample,
    )


def _earlier(step: RunningStep, rows: DataFrame, items: list[str]) -> DataFrame:
    """The items' clickers before the window who have no role: they are no negatives, nor to be found."""
    later = step.context.config.comparison.window == "later"
    clicked = clicks(step.read("impressions"), step.context.dates.a2).where(F.lit(later))
    named = indexed(step, clicked.select("item_id", "user_id").distinct(), items)
    return named.join(rows.select("item_id", "user_id"), ["item_id", "user_id"], "left_anti")
