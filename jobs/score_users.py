"""Score all users against the chosen items: audiences, recommendations, exposure thresholds, score histograms."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.application import run
from jobs.arguments import Arguments, run_job
from jobs.cluster_seeds import step_name as clusters_step
from jobs.clustering import centroid_arrays, current_clusters
from jobs.embed_targets import step_name as targets_step
from jobs.ranking import Ranking, Scored, rank_users
from jobs.variants import lookalike_folder, lookalike_version
from ralm.config import Scoring
from ralm.errors import DataError
from ralm.evaluation.metrics import top_size
from ralm.features.hashing import bucket
from ralm.runs import Context, RunningStep, Step
from ralm.scoring.scorer import lookalike_state
from ralm.scoring.thresholds import exposure_threshold, histogram, histogram_edges, quantiles
from ralm.training.checkpoints import load_weights, model_folder

SYSTEM = "ralm"
# Readers of one item open a few files: items are spread over this many partitions.
ITEM_BUCKETS = 8


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


def _probe(step: RunningStep, items: Sequence[str], sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """Write `thresholds` and `score_histograms`; give the exposure thresholds (items,)."""
    scoring, spark = step.context.config.scoring, step.context.spark
    probe = sample[: scoring.probe]
    cutoffs = [exposure_threshold(probe[:, i], scoring.probe_fraction) for i in range(len(items))]
    rows = [
        (step.as_of, SYSTEM, item, cutoffs[i], len(probe), scoring.probe_fraction, quantiles(probe[:, i]))
        for i, item in enumerate(items)
    ]
    schema = "as_of date, system string, item_id string, cutoff double, probe_size bigint, top_fraction double, "
    step.replace(
        "thresholds",
        spark.createDataFrame(rows, schema + "quantiles array<double>").coalesce(1),
        as_of=step.as_of,
        system=SYSTEM,
    )
    low, high = float(np.floor(sample.min() * 10) / 10), float(np.ceil(sample.max() * 10) / 10)
    edges = histogram_edges(low, high if high > low else low + 0.1)
    counts = histogram(sample, edges)  # (items, bins)
    filled = [
        (step.as_of, SYSTEM, items[i], int(b), float(edges[b]), float(edges[b + 1]), int(counts[i, b]))
        for i, b in zip(*np.nonzero(counts), strict=True)
    ]
    schema = "as_of date, system string, item_id string, bin int, low double, high double, count bigint"
    step.replace("score_histograms", spark.createDataFrame(filled, schema).coalesce(1), as_of=step.as_of, system=SYSTEM)
    return np.array(cutoffs)


def _rank(step: RunningStep, scored: Scored, scoring: Scoring, seeds: DataFrame | None) -> Ranking:
    sample = scored.sample(max(scoring.sample, scoring.probe), step.context.config.seed)
    thresholds = _probe(step, scored.items, sample)
    audience = scoring.audience
    counts: dict[str, int] = {}
    if seeds is not None:
        counts = {row["item_id"]: row["count"] for row in seeds.groupBy("item_id").count().collect()}
    candidates = {item: max(0, scored.users - counts.get(item, 0)) for item in scored.items}
    wanted = {
        item: min(audience.top_n, count) if audience.mode == "top_n" else top_size(count, audience.top_fraction)
        for item, count in candidates.items()
    }
    cuts = thresholds if audience.mode == "threshold" else None
    return rank_users(scored, sample, wanted, seeds, cuts, scoring.recommendations)


def _score(step: RunningStep) -> None:
    context, config, scoring = step.context, step.context.config, step.context.config.scoring
    items, clusters = centroid_arrays(current_clusters(step, SYSTEM, "production"), choose_items(step))
    targets = step.at("target_embeddings", as_of=step.as_of, model_version=lookalike_version(context, SYSTEM))
    users = targets.count()
    folder = context.models("work", f"score-{step.version}")
    scored = Scored(
        targets.select("user_id", "bias", "embedding"),
        users,
        items,
        lookalike_state(load_weights(lookalike_folder(context, SYSTEM)), **clusters),
        folder,
        config.user_id_type,
        scoring.block,
    )
    seeds = None
    if not scoring.audience.include_seeds:
        listed = step.at("item_seeds", as_of=step.as_of, purpose="production").where(F.col("item_id").isin(items))
        seeds = listed.select("item_id", F.explode("seeds.user_id").alias("user_id")).join(
            targets.select("user_id"), "user_id", "left_semi"
        )
    ranking = _rank(step, scored, scoring, seeds)
    audiences = ranking.best.select(
        F.lit(step.as_of).alias("as_of"),
        "item_id",
        "user_id",
        "score",
        (1 - (F.col("rank") - 1) / F.lit(users)).alias("percentile"),
        F.lit(SYSTEM).alias("system"),
        F.lit(step.record.started_at).alias("scored_at"),
        bucket("item", 0, "item_id", buckets=ITEM_BUCKETS).cast("int").alias("item_bucket"),
    )
    step.replace("audiences", audiences, "audience rows", as_of=step.as_of, system=SYSTEM)
    context.warehouse.create("recommendations")  # readers find the table also where none are asked for
    if scoring.recommendations:
        ids = F.array(*[F.lit(item) for item in items])
        recommendations = ranking.scored.select(
            F.lit(step.as_of).alias("as_of"),
            F.lit(SYSTEM).alias("system"),
            "user_id",
            F.transform("top_items", lambda item: F.get(ids, item)).alias("item_ids"),
            F.col("top_scores").alias("scores"),
        )
        step.replace("recommendations", recommendations, as_of=step.as_of, system=SYSTEM)
    shutil.rmtree(model_folder(folder), ignore_errors=True)
    step.counts |= {"items": len(items), "users": users, "passes": ranking.passes}


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
