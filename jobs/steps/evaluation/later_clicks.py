"""The family `later_clicks`: clickers against non-clickers among the users who were shown known items after A2."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.evaluation.comparison_pairs import HELD_OUT, SHOWN, Cell, indexed, judged_split, persisted, write_pairs
from jobs.steps.users.user_fields import weak_users
from ralm.errors import DataError
from ralm.features.hashing import uniform
from ralm.features.holdout import is_new_item
from ralm.features.seeds import clicks, unseen_pairs
from ralm.runs.step import RunningStep

PROTOCOL = "later_clicks@all"
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

    Tables: impressions, item_seeds, user_fields.

    Raises:
        DataError: fewer than `comparison.min_items` known items have enough seeds, later clickers and non-clickers.
    """
    comparison, least = step.context.config.comparison, step.context.config.evaluation.min_labels
    with persisted(_pairs(step)) as pairs:
        step.refuse_empty(
            pairs,
            f"comparison: no known item of the {comparison.split} split has evaluation.min_labels = {least} clickers "
            f"and non-clickers in [{step.context.dates.a2}, {step.context.dates.a3}); lower it or change dates",
        )
        _enough_items(step, pairs)
        write_pairs(step, pairs, "later_clicks")


def later_cells(step: RunningStep) -> list[Cell]:
    """The only cell: an item's seeds are its newest clickers before A2.

    Tables: comparison_pairs, item_seeds, impressions.

    Raises:
        DataError: fewer than `comparison.min_items` items.
    """
    comparison = step.context.config.comparison
    pairs = step.at("comparison_pairs", as_of=step.as_of, split=comparison.split, family="later_clicks")
    items = _enough_items(step, pairs)
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


def _enough_items(step: RunningStep, pairs: DataFrame) -> list[str]:
    """The items of the pairs, in the order of the scorers."""
    comparison = step.context.config.comparison
    items = sorted(row["item_id"] for row in pairs.select("item_id").distinct().collect())  # comparison.max_items
    if len(items) < comparison.min_items:
        raise DataError(
            f"comparison: {len(items)} known items of the {comparison.split} split have later clicks, "
            f"comparison.min_items is {comparison.min_items}; lower it, or leave later_clicks out of "
            "comparison.protocols"
        )
    return items


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
