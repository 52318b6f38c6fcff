"""What `evaluate` judges on: new and known items, and the users who were first shown them in [A2, A3), as one cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.evaluation.comparison_pairs import Cell, indexed
from jobs.steps.evaluation.later_clicks import labelled_items, seeds_and_clickers
from jobs.steps.lookalike.clustering import current_clusters
from jobs.steps.users.user_fields import weak_users
from ralm.errors import DataError
from ralm.features.hashing import chosen, uniform
from ralm.features.holdout import is_new_item
from ralm.runs.step import RunningStep

NEW_ITEMS, LATER_CLICKS = "new_items", "later_clicks"


class TooFewItemsError(DataError):
    """No item can be judged."""


@dataclass(frozen=True)
class Judged:
    """What all systems are judged on: `items` (protocol -> its items), and the `cell` of all of them."""

    items: dict[str, list[str]]
    cell: Cell


def judged(step: RunningStep, pairs: DataFrame) -> Judged:
    """Choose items and pairs: at most `evaluation.max_items` per protocol, and `max_impressions` pairs, by hash.

    Args:
        step: the running evaluation.
        pairs: of `later_pairs`.

    Raises:
        TooFewItemsError: no item has enough seeds and labels.
    """
    config, dates = step.context.config, step.context.dates
    evaluation, seed = config.evaluation, config.seed
    new = is_new_item("item_id", evaluation.new_item_share, seed)
    enough = labelled_items(pairs, evaluation.min_labels)
    by_hash = enough.orderBy(uniform("evaluated item", seed, "item_id"), "item_id")
    items = {
        protocol: [row["item_id"] for row in by_hash.where(own).limit(evaluation.max_items).collect()]
        for protocol, own in ((NEW_ITEMS, new), (LATER_CLICKS, ~new))
    }
    every = sorted(item for found in items.values() for item in found)
    if not every:
        raise TooFewItemsError(
            f"no item has lookalike.min_seeds = {config.lookalike.min_seeds} seeds before {dates.a2} and "
            f"evaluation.min_labels = {evaluation.min_labels} clickers and non-clickers in [{dates.a2}, {dates.a3})"
        )
    rows = indexed(step, pairs, every).join(weak_users(step, dates.a2), "user_id")
    share = min(1.0, evaluation.max_impressions / max(1, rows.count()))
    drawn = F.lit(True) if share == 1 else chosen("evaluated pair", seed, share, "user_id", "item_id")
    rows = rows.withColumn("drawn", drawn)
    held_out, shown = (
        rows.where(F.col("label") == label).select("item_id", "item_index", "user_id", "weak", "drawn")
        for label in (1, 0)
    )
    seeds, earlier = seeds_and_clickers(step, every)
    cell = Cell(
        "later_pairs",
        every,
        seeds,
        held_out,
        earlier,
        config.scoring.sample,
        shown,
        evaluation.min_labels,
        evaluation.max_users,
        partial(current_clusters, step, purpose="evaluate"),
    )
    return Judged(items, cell)
