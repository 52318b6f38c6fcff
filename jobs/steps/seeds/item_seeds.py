"""The table `item_seeds`: the newest users who clicked each item, for every purpose."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.sources.known_events import source
from ralm.dates import DateName
from ralm.features.seeds import clicks, item_seeds, items_with_seeds, past_clicks, training_clicks
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.warehouse.forgotten import without_forgotten


def listed_seeds(step: RunningStep, items: Sequence[str], seeds: DataFrame | None = None) -> DataFrame:
    """(item_id, item_index, user_id) of the items, from (item_id, seeds) or, by default, the batch's for production."""
    if seeds is None:
        seeds = step.at("item_seeds", as_of=step.as_of, purpose="production")
    indices = step.context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
    listed = seeds.join(F.broadcast(indices), "item_id")
    return listed.select("item_id", "item_index", F.explode("seeds.user_id").alias("user_id"))


def item_ages(seeds: DataFrame) -> DataFrame:
    """(item_id, seed_count, first_clicked_at) of rows of `item_seeds`; without a time in rows of an earlier release."""
    known = "first_clicked_at" in seeds.columns
    first = F.col("first_clicked_at") if known else F.lit(None).cast("timestamp").alias("first_clicked_at")
    return seeds.select("item_id", "seed_count", first)


# Purpose -> the date of the seeds and of the embeddings that go with them.
PURPOSES: dict[str, DateName] = {"train": "a1", "evaluate": "a2", "production": "a3"}


def step_name(purpose: str) -> str:
    """The step that collects the seeds of a purpose."""
    return f"update_seeds[{purpose}]"


def _update(purpose: str, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    impressions, dates = without_forgotten(context.warehouse, step.read("impressions")), context.dates
    least = config.lookalike.min_seeds
    if purpose == "train":
        window = dates.a1, dates.a2, config.evaluation.new_item_share, config.seed
        clicked = training_clicks(impressions, *window, config.lookalike.seed_draws)
    else:
        assert step.as_of is not None
        clicked = clicks(impressions, step.as_of).withColumn("draw", F.lit(0))
    needed, said = (1, "a seed") if purpose == "train" else (least, f"lookalike.min_seeds = {least} seeds")
    step.refuse_empty(
        items_with_seeds(clicked, needed),
        f"item_seeds: no item has {said} for '{purpose}' as of {step.as_of}; lower it, or check what counts as a click",
    )
    if purpose == "train":
        clicked = clicked.unionByName(past_clicks(impressions, *window, least))
    seeds = item_seeds(clicked, config.lookalike.seed_cap)
    keyed = seeds.withColumns({"as_of": F.lit(step.as_of), "purpose": F.lit(purpose)})
    step.replace("item_seeds", keyed, "items", as_of=step.as_of, purpose=purpose)


def steps(context: Context) -> Sequence[Step]:
    """One step per purpose."""
    return [
        Step(
            step_name(purpose),
            partial(_update, purpose),
            ("lookalike", "evaluation.new_item_share", "dates"),
            as_of=date,
            after=(source(context),),
            inputs=("impressions",),
        )
        for purpose, date in PURPOSES.items()
    ]
