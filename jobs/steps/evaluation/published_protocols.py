"""The families `crowds` and `warm_up`: held-out items, judged on the users whom they were shown to.

They are the protocols of published tables. An item's seeds are among its clickers before A2; the users who were shown
the item in [A2, A3) are ranked. `crowds` is MetaHeac's protocol (KDD 2021), hot and cold crowds apart; `warm_up` is the
protocol of Meta-Embedding (SIGIR 2019) and CVAR (SIGIR 2022), by the number of users whom the item had before.
docs/protocols.md says where they depart from their sources.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from jobs.steps.evaluation.comparison_pairs import (
    HELD_OUT,
    SEED,
    SHOWN,
    Cell,
    Counted,
    drawn_pairs,
    indexed,
    persisted,
    write_pairs,
)
from jobs.steps.users.user_fields import weak_users
from ralm.evaluation.first_figure import non_clicks_are_sampled
from ralm.features.hashing import uniform
from ralm.features.holdout import is_new_item
from ralm.features.seeds import unseen_pairs
from ralm.runs.step import RunningStep

CROWDS, WARM_UP = "crowds", "warm_up"
FAMILIES = (CROWDS, WARM_UP)
HOT, COLD = "hot", "cold"
# What the pairs depend on.
SECTIONS = ("comparison.split", "evaluation.new_item_share", "fields.strong_domain", "dates")


def draw(family: str, step: RunningStep) -> None:
    """Write `comparison_pairs` of the family: all held-out items, and the role of each of their users."""
    with persisted(_pairs(step)) as pairs:
        write_pairs(step, pairs, family)


def counted(family: str, step: RunningStep) -> list[Counted]:
    """The items of each protocol of the family (tables: comparison_pairs)."""
    least = step.context.config.comparison.min_items
    found = _items(family, step, drawn_pairs(step, family))
    return [Counted(f"{family}@{name}", items, have, len(items) >= least) for name, (items, have) in found.items()]


def cells(family: str, step: RunningStep) -> list[Cell]:
    """The cells with at least `comparison.min_items` items (tables: comparison_pairs)."""
    pairs = drawn_pairs(step, family)
    return [_cell(step, pairs, found) for found in counted(family, step) if found.enough]


def _pairs(step: RunningStep) -> DataFrame:
    """(item_id, user_id, role, position, weak) of held-out items (tables: impressions, user_fields).

    A seed's position is the user's place among all whom the item was shown to before A2, in the order of time; where
    the log holds clicks only, among all who clicked it.
    """
    config, dates = step.context.config, step.context.dates
    held_out = is_new_item("item_id", config.evaluation.new_item_share, config.seed)
    impressions = step.read("impressions").where(held_out)
    clicks_only = non_clicks_are_sampled(config)
    earlier = (
        impressions.where(F.col("shown_at") < F.lit(dates.a2))
        .groupBy("item_id", "user_id")
        .agg(F.min("shown_at").alias("first_shown"), F.max("clicked").alias("clicked"))
    )
    in_time = Window.partitionBy("item_id").orderBy(
        "first_shown", uniform("warm-up order", config.seed, "user_id", "item_id"), "user_id"
    )
    placed = (earlier.where("clicked") if clicks_only else earlier).withColumn("position", F.row_number().over(in_time))
    seeds = placed.where("clicked").select("item_id", "user_id", F.lit(SEED).alias("role"), "position")
    by_hash = Window.partitionBy("item_id", "role").orderBy(
        uniform("compared pair", config.seed, "user_id", "item_id"), "user_id"
    )
    later = unseen_pairs(impressions, dates.a2, dates.a3)
    judged = (
        (later.where("label = 1") if clicks_only else later)
        .withColumn("role", F.when(F.col("label") == 1, HELD_OUT).otherwise(SHOWN))
        .withColumn("position", F.row_number().over(by_hash))
        .select("item_id", "user_id", "role", "position")
    )
    return seeds.unionByName(judged).join(weak_users(step, step.as_of), "user_id")


def _items(family: str, step: RunningStep, pairs: DataFrame) -> dict[str, tuple[list[str], str]]:
    """Protocol -> its items, in the order of the scorers, and what each of them has.

    An item takes part if it has a seed and a user to judge; single items are never drawn from.
    """
    role, comparison = F.col("role"), step.context.config.comparison
    rows = (
        pairs.groupBy("item_id")
        .agg(
            F.count_if(role == SEED).alias("seeds"),
            F.min(F.when(role == SEED, F.col("position"))).alias("first_seed"),
            F.count_if(role == HELD_OUT).alias("clickers"),
            F.count_if(role != SEED).alias("judged"),
        )
        .where("seeds > 0 AND judged > 0")
        .orderBy("item_id")
        .collect()  # one row per held-out item
    )
    hot = comparison.hot_seeds
    rules: dict[str, tuple[Callable[[Row], bool], str]] = {
        HOT: (lambda row: row["seeds"] + row["clickers"] > hot, f"seeds, and more than {hot:,} clickers in all"),
        COLD: (lambda row: row["seeds"] + row["clickers"] <= hot, f"seeds, and at most {hot:,} clickers in all"),
    }
    if family == WARM_UP:
        rules = {
            str(count): (partial(_has_seed, count), f"a clicker among their first {count:,} users")
            for count in comparison.seeds
        }
    return {name: ([r["item_id"] for r in rows if takes(r)], have) for name, (takes, have) in rules.items()}


def _has_seed(count: int, row: Row) -> bool:
    return bool(row["first_seed"] <= count)


def _cell(step: RunningStep, pairs: DataFrame, found: Counted) -> Cell:
    """The cell of a protocol; without non-clicks in the log, `shown` is None: the held-out clickers against all."""
    family, _, name = found.protocol.partition("@")
    rows = indexed(step, pairs, found.items)
    columns = ("item_id", "item_index", "user_id")
    seeds = rows.where(F.col("role") == SEED)
    first = seeds.where(F.col("position") <= int(name)) if family == WARM_UP else seeds
    order = Window.partitionBy("item_id").orderBy("position")
    cap = step.context.config.lookalike.seed_cap
    kept = first.withColumn("rank", F.row_number().over(order)).where(F.col("rank") <= cap)
    clicks_only = non_clicks_are_sampled(step.context.config)
    judged = rows.withColumn("drawn", F.lit(True))
    return Cell(
        found.protocol,
        found.items,
        kept.select(*columns),
        judged.where(F.col("role") == HELD_OUT).select(*columns, "weak", "drawn"),
        seeds.select(*columns),
        step.context.config.comparison.sample,
        None if clicks_only else judged.where(F.col("role") == SHOWN).select(*columns, "weak", "drawn"),
    )
