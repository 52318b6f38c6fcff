"""Protocol 1, new items: whose users are seeds, whose are held out, for each number of seeds (no job itself)."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.build_vocabularies import load_sizes
from ralm.dates import DateName
from ralm.errors import DataError
from ralm.features.hashing import bucket, chosen, uniform
from ralm.features.holdout import is_new_item
from ralm.features.seeds import clicks
from ralm.runs import RunningStep

HALF = "half"


@dataclass(frozen=True)
class Cell:
    """One number of seeds.

    Attributes:
        protocol: `new_items@20`, …, `new_items@half`.
        items: in the order of the scorers.
        seeds: (item_id, item_index, user_id), persisted.
        held_out: (item_id, item_index, user_id, weak), persisted.
        seed_half: (item_id, user_id): all users of the half that gives seeds; they are ranked for no item of theirs.
    """

    protocol: str
    items: list[str]
    seeds: DataFrame
    held_out: DataFrame
    seed_half: DataFrame


def users_date(window: str) -> DateName:
    """As of which date users are described."""
    return "a2" if window == "later" else "a3"


def cells(step: RunningStep) -> list[Cell]:
    """The cells with at least `comparison.min_items` items.

    Held-out users are the same in all of them: half of the item's users, by hash. The seeds are the first n of the
    other half, by another hash.

    Raises:
        DataError: there is no such cell.
    """
    config, dates = step.context.config, step.context.dates
    comparison, seed = config.comparison, config.seed
    later = comparison.window == "later"
    clicked = clicks(step.read("impressions"), dates.a3, dates.a2 if later else None).select("item_id", "user_id")
    fresh = is_new_item("item_id", config.evaluation.new_item_share, seed)
    validation = chosen("comparison split", seed, comparison.validation_share, "item_id")
    judged = fresh & (validation if comparison.split == "validation" else ~validation)
    pairs = clicked.where(judged).distinct().join(_weak_users(step), "user_id")
    enough = pairs.groupBy("item_id").count().where(F.col("count") >= comparison.min_users)
    drawn = enough.orderBy(uniform("compared item", seed, "item_id"), "item_id").limit(comparison.max_items)
    half = bucket("comparison half", seed, "user_id", "item_id", buckets=2) == 0
    order = Window.partitionBy("item_id", "half").orderBy(
        uniform("compared seed", seed, "user_id", "item_id"), "user_id"
    )
    split = (
        pairs.join(F.broadcast(drawn.select("item_id")), "item_id", "left_semi")
        .withColumn("half", half)
        .withColumn("position", F.row_number().over(order))
        .persist()
    )
    pool = {row["item_id"]: row["count"] for row in split.where("half").groupBy("item_id").count().collect()}
    found = []
    for name, least in [*((str(count), count) for count in comparison.seeds), (HALF, config.lookalike.min_seeds)]:
        items = sorted(item for item, size in pool.items() if size >= least)
        if len(items) >= comparison.min_items:
            found.append(_cell(step, split, name, items))
        else:
            step.say(f"{name} seeds: {len(items)} items, comparison.min_items is {comparison.min_items}: not reported")
    if not found:
        raise DataError(
            f"comparison: no number of seeds has comparison.min_items = {comparison.min_items} new items of the "
            f"{comparison.split} split with comparison.min_users = {comparison.min_users} clickers; lower them"
        )
    return found


def _cell(step: RunningStep, split: DataFrame, name: str, items: list[str]) -> Cell:
    indices = step.context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
    rows = split.join(F.broadcast(indices), "item_id")
    seeds = rows.where("half")
    cap = step.context.config.lookalike.seed_cap if name == HALF else int(name)
    return Cell(
        f"new_items@{name}",
        items,
        seeds.where(F.col("position") <= cap).select("item_id", "item_index", "user_id").persist(),
        rows.where("NOT half").select("item_id", "item_index", "user_id", "weak").persist(),
        seeds.select("item_id", "user_id").persist(),
    )


def _weak_users(step: RunningStep) -> DataFrame:
    """(user_id, weak): all users as of the date, and whether they lack the strong domain."""
    context = step.context
    date = context.dates[users_date(context.config.comparison.window)]
    fields = step.at("user_fields", as_of=date, vocabulary_version=load_sizes(context).version)
    history = F.col(f"history_{context.config.fields.strong_domain}")
    return fields.select("user_id", (F.get(history, F.lit(0)) == 0).alias("weak"))
