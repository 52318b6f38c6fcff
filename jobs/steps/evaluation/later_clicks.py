"""The family `later_clicks`: clickers against non-clickers among the users who were shown known items after A2.

The first functions are shared with `evaluate`, which judges new items in this way, too.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def later_pairs(step: RunningStep) -> DataFrame:
    """(user_id, item_id, label 0/1) of [A2, A3), of items with enough seeds (tables: impressions, item_seeds)."""
    dates, least = step.context.dates, step.context.config.lookalike.min_seeds
    seeds = step.at("item_seeds", as_of=dates.a2, purpose="evaluate").where(F.col("seed_count") >= least)
    shown = unseen_pairs(step.read("impressions"), dates.a2, dates.a3)
    return shown.join(seeds.select("item_id"), "item_id", "left_semi")


def labelled_items(pairs: DataFrame, least: int) -> DataFrame:
    """(item_id) of the items with at least so many clickers, and non-clickers, among the labelled pairs."""
    counted = pairs.groupBy("item_id").agg(_count(1).alias("clickers"), _count(0).alias("others"))
    return counted.where(F.least("clickers", "others") >= least).select("item_id")


def seeds_and_clickers(step: RunningStep, items: Sequence[str]) -> tuple[DataFrame, DataFrame]:
    """(item_id, item_index, user_id) of the items' seeds before A2, and of all who clicked them before A2.

    Clickers beyond the newest seeds are left out of the ranking like the seeds.
    """
    listed = step.at("item_seeds", as_of=step.context.dates.a2, purpose="evaluate")
    seeds = listed.select("item_id", F.explode("seeds.user_id").alias("user_id"))
    earlier = clicks(step.read("impressions"), step.context.dates.a2).select("item_id", "user_id").distinct()
    found = [indexed(step, frame, items).select("item_id", "item_index", "user_id") for frame in (seeds, earlier)]
    return found[0], found[1]


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
    items, sample = found.items, step.context.config.comparison.sample
    seeds, earlier = seeds_and_clickers(step, items)
    pairs = indexed(step, drawn_pairs(step, FAMILY), items).withColumn("drawn", F.col("position") <= sample)
    held_out, shown = (
        pairs.where(F.col("role") == role).select("item_id", "item_index", "user_id", "weak", "drawn")
        for role in (HELD_OUT, SHOWN)
    )
    return [Cell(PROTOCOL, items, seeds, held_out, earlier, sample, shown)]


def _pairs(step: RunningStep) -> DataFrame:
    """(item_id, user_id, role, position, weak) of the judged items."""
    config = step.context.config
    comparison, seed = config.comparison, config.seed
    known = ~is_new_item("item_id", config.evaluation.new_item_share, seed)
    pairs = later_pairs(step).where(known & judged_split(comparison, seed))
    pairs = pairs.join(weak_users(step, step.as_of), "user_id")
    enough = labelled_items(pairs, config.evaluation.min_labels)
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
