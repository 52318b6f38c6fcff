"""How stable an audience is: the seeds are drawn again with replacement, and the audiences of all draws are compared.

Bounded by the seeds and a sample of the users: one more preparation of the system, for some items at most, and one pass
that scores the sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.audiences.scored_users import Scored
from jobs.steps.systems.contract import System, Task
from ralm.config import Scoring
from ralm.errors import DataError
from ralm.evaluation.stability import kept_share
from ralm.features.hashing import uniform
from ralm.runs.step import RunningStep
from ralm.storage.path import StoragePath

# Fewer seeds are not drawn again: so few say nothing about other draws.
LEAST_SEEDS = 10
# Of more items than these, the first ones stand for all.
ITEMS = 10
# Users whose ranking is compared, and how many of them are the top at least: smaller audiences are too few in a sample.
SAMPLE, LEAST_TOP = 100_000, 100


def resampled_seeds(seeds: DataFrame, resamples: int, seed: int) -> DataFrame:
    """The seeds as they are and `resamples` times drawn with replacement, each draw as an item of its own.

    Args:
        seeds: (item_id, item_index, user_id), distinct; a column `weight` stays with its user.
        resamples: draws per item, each of as many users as the item has seeds.
        seed: of the draws, which follow from the user ids and not from the item's name.

    Returns:
        The same columns; `item_index` is i · (resamples + 1) + draw, and draw 0 has the seeds as they are. Items are
        named as in `drawn_names`.
    """
    item = Window.partitionBy("item_index")
    places = item.orderBy(uniform("resampled seed", seed, "user_id"), "user_id")
    numbered = seeds.withColumns({"place": F.row_number().over(places), "size": F.count("*").over(item)})
    draws = F.explode(F.sequence(F.lit(0), F.lit(resamples))).alias("draw")
    slots = numbered.select("item_index", "place", "size", draws)
    drawn = F.floor(uniform("resample", seed, "draw", "place") * F.col("size")).cast("int") + 1
    place = F.when(F.col("draw") == 0, F.col("place")).otherwise(drawn)
    chosen = slots.select("item_index", "draw", place.alias("place"))
    valued = [name for name in seeds.columns if name == "weight"]
    found = chosen.join(numbered.select("item_id", "item_index", "place", "user_id", *valued), ["item_index", "place"])
    return found.select(
        F.when(F.col("draw") == 0, F.col("item_id"))
        .otherwise(F.concat("item_id", F.lit("#"), "draw"))
        .alias("item_id"),
        (F.col("item_index") * (resamples + 1) + F.col("draw")).cast("int").alias("item_index"),
        "user_id",
        *valued,
    )


def drawn_names(item: str, resamples: int) -> list[str]:
    """The item itself, and its draws: `item#1`, …"""
    return [item, *(f"{item}#{draw}" for draw in range(1, resamples + 1))]


def audience_share(scoring: Scoring, candidates: int) -> float:
    """The share of the candidates who get into an audience, about."""
    audience = scoring.audience
    if audience.mode == "top_n":
        return min(1.0, audience.top_n / max(1, candidates))
    return audience.top_fraction if audience.mode == "top_fraction" else scoring.probe_fraction


def say_stability(
    system: System,
    task: Task,
    resamples: int,
    narrowed: Callable[[DataFrame], DataFrame],
    users: int,
    excluded: DataFrame | None,
    what: str,
) -> None:
    """Say how much of an audience would be the same for another draw of the seeds; also a row of `checks`.

    Args:
        system: scores from the seeds, or nothing is said.
        task: as the audience was made from.
        resamples: draws; 0: nothing is said.
        narrowed: the system's users -> the candidates.
        users: how many candidates there are.
        excluded: (item_id, user_id) of users who are not candidates for an item.
        what: whose seeds they are.
    """
    step, config = task.step, task.config
    if not system.from_seeds or not resamples:
        return
    counts = {row["item_index"]: row["count"] for row in task.seeds.groupBy("item_index").count().collect()}
    chosen = [at for at in range(len(task.items)) if counts.get(at, 0) >= LEAST_SEEDS][:ITEMS]
    if not chosen:
        say_too_few(step)
        return
    items = [task.items[at] for at in chosen]
    rows = task.context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
    seeds = task.seeds.drop("item_index").join(F.broadcast(rows), "item_id")
    drawn = resampled_seeds(seeds, resamples, config.seed).persist()
    names = [name for item in items for name in drawn_names(item, resamples)]
    folder = f"{task.folder}-resampled"
    try:
        again = Task(step, task.date, names, drawn, folder)
        prepared = system.prepare(again)
        scored = Scored.of(again, prepared, narrowed(prepared.users), users)
        ids, scores = scored.sample_users(SAMPLE, config.seed)
    except DataError as error:
        say_unscored(step, error)
        return
    finally:
        drawn.unpersist()
        StoragePath.at(folder).remove()
    by_item = scores.reshape(len(ids), len(items), resamples + 1)
    if excluded is not None:
        sampled = task.context.spark.createDataFrame(pa.table({"user_id": ids, "place": np.arange(len(ids))}))
        own = excluded.join(F.broadcast(rows), "item_id").join(F.broadcast(sampled), "user_id")
        for row in own.select("place", "item_index").collect():  # at most sampled users · items
            by_item[row["place"], row["item_index"]] = -np.inf
    say_kept(step, by_item, users, what)


def say_too_few(step: RunningStep) -> None:
    """Say that there are too few seeds."""
    step.say(f"how stable the audience is: not measured with fewer than {LEAST_SEEDS} seeds")


def say_unscored(step: RunningStep, error: DataError) -> None:
    """Say that a draw of the seeds cannot be scored."""
    step.say(f"how stable the audience is: not measured, a draw of the seeds cannot be scored: {error}")


def say_kept(step: RunningStep, scores: NDArray[np.float64], users: int, what: str) -> None:
    """Say how much of an audience would be the same, from the scores of all draws; also a row of `checks`.

    Args:
        step: says it.
        scores: (sampled users, items, 1 + draws), the first ones with the seeds as they are.
        users: how many candidates there are.
        what: whose seeds they are.
    """
    sampled, items, draws = scores.shape
    share = audience_share(step.context.config.scoring, users)
    if sampled < users:
        share = min(1.0, max(share, LEAST_TOP / sampled))
    kept = [kept_share(scores[:, at, 0], scores[:, at, 1:], share) for at in range(items)]
    kept = [value for value in kept if not math.isnan(value)]
    if not kept:
        return
    mean = float(np.mean(kept))
    named = "" if items == 1 else f"{items} items, "
    line = (
        f"If {what} had been another draw of the same people, about {mean:.0%} of the audience would be the same "
        f"({named}{draws - 1} resamples, the best {share:.1%} of {sampled:,} users)"
    ).replace("%", " %")
    step.say(line)
    step.check("audience stability", True, mean, line)
