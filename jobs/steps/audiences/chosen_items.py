"""Which items are scored, and how: by look-alike from their seeds, or by the linear model while they have few seeds."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.steps.seeds.item_seeds import item_ages
from jobs.steps.sources.item_names import item_names, shown_name
from jobs.steps.systems.production import production_system
from ralm.config import Scoring
from ralm.config.names import COLD_START
from ralm.errors import DataError
from ralm.insight.small_counts import said, shown
from ralm.runs.step import RunningStep


def choose_items(step: RunningStep, seeds: DataFrame | None = None, least: int | None = None) -> list[str]:
    """The items of this run that can be scored; a progress line names each of the others.

    Args:
        step: has the inputs `item_seeds` and `items`.
        seeds: (item_id, seed_count, first_clicked_at); None: those of the batch, for production.
        least: seeds that an item needs; None: `lookalike.min_seeds`.

    Raises:
        DataError: no item has enough seeds.
    """
    context, scoring = step.context, step.context.config.scoring
    least = context.config.lookalike.min_seeds if least is None else least
    seeds = _production_seeds(step) if seeds is None else seeds
    if isinstance(scoring.items, list):
        counts = {
            row["item_id"]: row["seed_count"] for row in seeds.where(F.col("item_id").isin(scoring.items)).collect()
        }
        short = [item for item in scoring.items if counts.get(item, 0) < least]
        names = item_names(context.spark, step.read("items"), short) if short else {}
        minimum = context.config.privacy.minimum
        for item in short:
            count, name = counts.get(item, 0), shown_name(item, names)
            step.say(f"item {name} skipped: {said(count, minimum)} seeds, lookalike.min_seeds is {least}")
            step.check("item has seeds", False, float(shown(count, minimum)), item)
        chosen_items = [item for item in scoring.items if item not in short]
    else:
        enough = seeds.where(F.col("seed_count") >= least).join(step.read("items"), "item_id", "left")
        newest = enough.orderBy(*_newest_first())
        limited = newest.limit(scoring.max_items) if scoring.items == "newest" else newest
        chosen_items = [row["item_id"] for row in limited.select("item_id").collect()]
    if not chosen_items:
        raise DataError(
            f"scoring.items: no chosen item has lookalike.min_seeds = {least} seeds as of {step.as_of}; choose others "
            "or lower it"
        )
    return chosen_items[: scoring.max_items]


def _production_seeds(step: RunningStep) -> DataFrame:
    return item_ages(step.at("item_seeds", as_of=step.as_of, purpose="production"))


def _newest_first() -> tuple[Column, str]:
    """By first click; an item that nobody clicked, by its publication."""
    return F.coalesce("first_clicked_at", "published_at").desc_nulls_last(), "item_id"


def spread_items(
    step: RunningStep, seeds: DataFrame | None = None, until: dt.date | None = None
) -> dict[str, list[str]]:
    """System -> the items of this run that it scores: the cold start those with fewer than `cold_start.switch` seeds.

    Args:
        step: has the inputs `item_seeds` and `items`.
        seeds: (item_id, seed_count, first_clicked_at); None: those of the batch, for production.
        until: leave out items published on or after this date; None: keep all.

    Raises:
        DataError: no chosen item can be scored.
    """
    config = step.context.config
    name = production_system(step.context).name
    if config.cold_start is None:
        return {name: choose_items(step, seeds)}
    least, scoring = max(config.cold_start.switch, config.lookalike.min_seeds), config.scoring
    counts = _production_seeds(step) if seeds is None else seeds
    items = step.read("items").select("item_id", "published_at", "categories")
    if until is not None and not step.context.untimed:  # days by hash say nothing about publication
        items = items.where(F.col("published_at").isNull() | (F.col("published_at") < F.lit(until)))
    known = items.join(counts, "item_id", "full").fillna(0, ["seed_count"])
    enough = F.col("seed_count") >= least
    known = known.where(enough | (F.size(F.coalesce("categories", F.array())) > 0))
    if isinstance(scoring.items, list):
        known = known.where(F.col("item_id").isin(scoring.items))
    newest = known.orderBy(*_newest_first()).limit(scoring.max_items)
    rows = (newest if scoring.items == "newest" else known.orderBy("item_id").limit(scoring.max_items)).select(
        "item_id", enough.alias("enough")
    )
    found = rows.collect()  # `scoring.max_items` at most
    if not found:
        raise DataError("scoring.items: no chosen item has seeds or categories; choose others")
    return {
        name: [row["item_id"] for row in found if row["enough"]],
        COLD_START: [row["item_id"] for row in found if not row["enough"]],
    }


NAMED = 3


def left_out(seeds: DataFrame, chosen: DataFrame, since: dt.date, scoring: Scoring) -> str | None:
    """A line on the items that were clicked and are not among the chosen ones; None if there are none.

    Args:
        seeds: (item_id, seeds), the newest first, of items with enough seeds.
        chosen: (item_id) of the chosen items.
        since: only clicks from this date on count.
        scoring: whose `items` and `max_items` chose.
    """
    clicked = seeds.select("item_id", F.col("seeds")[0]["clicked_at"].alias("clicked_at"))
    others = clicked.where(F.col("clicked_at") >= F.lit(since)).join(chosen, "item_id", "left_anti")
    newest = others.orderBy(F.desc("clicked_at"), "item_id").limit(NAMED)
    names = [row["item_id"] for row in newest.collect()]
    if not names:
        return None
    count = others.count() if len(names) == NAMED else len(names)
    listed = ", ".join(names) + (", …" if count > NAMED else "")
    if isinstance(scoring.items, list):
        why, what = "not in scoring.items", "name them there"
    else:
        order = "newest" if scoring.items == "newest" else "first"
        why = f"not among the {order} {scoring.max_items:,} (scoring.max_items)"
        what = "raise it, or name them in scoring.items"
    return f"items clicked and left out: {count:,} ({listed}), {why}; to score them, {what}"
