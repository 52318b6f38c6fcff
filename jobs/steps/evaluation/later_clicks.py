"""The family `later_clicks`: clickers against non-clickers among the users who were shown known items after A2."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.evaluation.comparison_pairs import (
    HELD_OUT,
    SHOWN,
    Cell,
    Counted,
    drawn_pairs,
    indexed,
    judged_split,
    persisted,
    write_pairs,
)
from jobs.steps.users.user_fields import weak_users
from ralm.features.hashing import uniform
from ralm.features.holdout import is_new_item
from ralm.features.seeds import clicks, unseen_pairs
from ralm.runs.step import RunningStep

FAMILY, PROTOCOL = "later_clicks", "later_clicks@all"
# The tables of pairs and cell.
INPUTS = ("impressions", "item_seeds")
# What the pairs of later clicks depend on.
SECTIONS = (
    "comparison.max_items",
    "comparison.split",
    "comparison.validation_share",
    "evaluation.new_item_share",
    "evaluation.min_labels",
    "lookalike.min_seeds",
    "fields.strong_domain",
    "dates",
)


def draw_later_pairs(step: RunningStep) -> None:
    """Write `comparison_pairs` of the later clicks: known items and the users who first saw them in [A2, A3).

    Where no item has `evaluation.min_labels` clickers and non-clickers, there are no pairs. Tables: impressions,
    item_seeds, user_fields.
    """
    with persisted(_pairs(step)) as pairs:
        write_pairs(step, pairs, FAMILY)


def later_counted(step: RunningStep) -> list[Counted]:
    """The items of the only protocol (tables: comparison_pairs)."""
    config, dates = step.context.config, step.context.dates
    found = drawn_pairs(step, FAMILY).select("item_id").distinct().collect()  # comparison.max_items
    items = sorted(row["item_id"] for row in found)
    labels = config.evaluation.min_labels
    have = f"{labels} clickers and {labels} non-clickers or more in [{dates.a2}, {dates.a3})"
    return [Counted(PROTOCOL, items, have, len(items) >= config.comparison.min_items)]


def later_cells(step: RunningStep) -> list[Cell]:
    """The only cell, if it has `comparison.min_items` items: an item's seeds are its newest clickers before A2.

    Tables: comparison_pairs, item_seeds, impressions.
    """
    (found,) = later_counted(step)
    if not found.enough:
        return []
    pairs, items = drawn_pairs(step, FAMILY), found.items
    listed = step.at("item_seeds", as_of=step.as_of, purpose="evaluate")
    seeds = listed.select("item_id", F.explode("seeds.user_id").alias("user_id"))
    own = indexed(step, seeds, items).select("item_id", "item_index", "user_id")
    # Earlier clickers beyond the newest seeds are left out of the ranking like the seeds.
    earlier = clicks(step.read("impressions"), step.context.dates.a2).select("item_id", "user_id").distinct()
    earlier = indexed(step, earlier, items).select("item_id", "item_index", "user_id")
    rows = indexed(step, pairs, items).select("item_id", "item_index", "user_id", "role", "position", "weak")
    return [
        Cell(
            PROTOCOL,
            items,
            own,
            rows.where(F.col("role") == HELD_OUT).drop("role"),
            earlier,
            rows.where(F.col("role") == SHOWN).drop("role"),
        )
    ]


def _pairs(step: RunningStep) -> DataFrame:
    """(item_id, user_id, role, position, weak) of the judged items."""
    config, dates = step.context.config, step.context.dates
    comparison, seed = config.comparison, config.seed
    seeds = step.at("item_seeds", as_of=dates.a2, purpose="evaluate").where(
        F.col("seed_count") >= config.lookalike.min_seeds
    )
    shown = unseen_pairs(step.read("impressions"), dates.a2, dates.a3)
    known = ~is_new_item("item_id", config.evaluation.new_item_share, seed)
    pairs = shown.where(known & judged_split(comparison, seed)).join(seeds.select("item_id"), "item_id", "left_semi")
    pairs = pairs.join(weak_users(step, step.as_of), "user_id")
    enough = pairs.groupBy("item_id").agg(_count(1).alias("clickers"), _count(0).alias("others"))
    enough = enough.where(F.least("clickers", "others") >= config.evaluation.min_labels)
    drawn = enough.orderBy(uniform("compared item", seed, "item_id"), "item_id").limit(comparison.max_items)
    order = Window.partitionBy("item_id", "role").orderBy(
        uniform("compared pair", seed, "user_id", "item_id"), "user_id"
    )
    return (
        pairs.join(F.broadcast(drawn.select("item_id")), "item_id", "left_semi")
        .withColumn("role", F.when(F.col("label") == 1, HELD_OUT).otherwise(SHOWN))
        .withColumn("position", F.row_number().over(order))
        .drop("label")
    )


def _count(label: int) -> Column:
    return F.count_if(F.col("label") == label)
