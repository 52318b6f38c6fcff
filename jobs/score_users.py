"""Score all users against the chosen items: audiences, recommendations, exposure thresholds, score histograms."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.application import run
from jobs.arguments import Arguments, run_job
from jobs.audiences import write_audiences
from jobs.cluster_seeds import step_name as clusters_step
from jobs.clustering import centroid_arrays, current_clusters
from jobs.embed_targets import step_name as targets_step
from jobs.ranking import Scored
from jobs.variants import lookalike_folder, lookalike_version
from ralm.errors import DataError
from ralm.runs import Context, RunningStep, Step
from ralm.scoring.scorer import lookalike_state
from ralm.training.checkpoints import load_weights, model_folder

SYSTEM = "ralm"


def choose_items(step: RunningStep) -> list[str]:
    """The items of this run that can be scored; the others are named.

    Raises:
        DataError: none of them has enough seeds.
    """
    context, scoring = step.context, step.context.config.scoring
    least = context.config.lookalike.min_seeds
    seeds = step.at("item_seeds", as_of=step.as_of, purpose="production").select("item_id", "seed_count")
    if isinstance(scoring.items, list):
        counts = {
            row["item_id"]: row["seed_count"] for row in seeds.where(F.col("item_id").isin(scoring.items)).collect()
        }
        short = [item for item in scoring.items if counts.get(item, 0) < least]
        for item in short:
            step.say(f"item '{item}' skipped: {counts.get(item, 0)} seeds, lookalike.min_seeds is {least}")
            step.check("item has seeds", False, float(counts.get(item, 0)), item)
        chosen_items = [item for item in scoring.items if item not in short]
    else:
        enough = seeds.where(F.col("seed_count") >= least).join(step.read("items"), "item_id", "left")
        newest = enough.orderBy(F.col("published_at").desc_nulls_last(), "item_id")
        limited = newest.limit(scoring.max_items) if scoring.items == "newest" else newest
        chosen_items = [row["item_id"] for row in limited.select("item_id").collect()]
    if not chosen_items:
        raise DataError(
            f"scoring.items: no chosen item has lookalike.min_seeds = {least} seeds as of {step.as_of}; choose others "
            "or lower it"
        )
    return chosen_items[: scoring.max_items]


def _score(step: RunningStep) -> None:
    context, config = step.context, step.context.config
    items, clusters = centroid_arrays(current_clusters(step, SYSTEM, "production"), choose_items(step))
    targets = step.at("target_embeddings", as_of=step.as_of, model_version=lookalike_version(context, SYSTEM))
    folder = context.models("work", f"score-{step.version}")
    scored = Scored(
        targets.select("user_id", "bias", "embedding"),
        targets.count(),
        items,
        lookalike_state(load_weights(lookalike_folder(context, SYSTEM)), **clusters),
        folder,
        config.user_id_type,
        config.scoring.block,
        scan=True,
    )
    seeds = None
    if not config.scoring.audience.include_seeds:
        seeds = listed_seeds(step, items).join(targets.select("user_id"), "user_id", "left_semi")
    write_audiences(step, SYSTEM, scored, seeds)
    shutil.rmtree(model_folder(folder), ignore_errors=True)


def listed_seeds(step: RunningStep, items: Sequence[str]) -> DataFrame:
    """(item_id, user_id): the seeds of the items, for production."""
    listed = step.at("item_seeds", as_of=step.as_of, purpose="production").where(F.col("item_id").isin(list(items)))
    return listed.select("item_id", F.explode("seeds.user_id").alias("user_id"))


def steps(context: Context) -> Sequence[Step]:
    """One step, for the date of production."""
    return [
        Step(
            "score_users",
            _score,
            ("scoring",),
            as_of="a3",
            after=((targets_step(SYSTEM), "a3"), (clusters_step(SYSTEM, "production"), "a3")),
            inputs=("target_embeddings", "seed_clusters", "item_seeds", "items"),
        )
    ]


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "score_users", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
