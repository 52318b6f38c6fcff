"""RALM and its variants: local and global attention over clusters of the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.lookalike.clustering import Weights, centroid_arrays
from jobs.steps.lookalike.target_embeddings import step_name as targets_step
from jobs.steps.lookalike.variants import final_step, lookalike_folder, lookalike_version, variant_lookalike
from jobs.steps.systems.contract import Dependency, Prepared, System, Task
from jobs.steps.systems.inputs import embedded_users
from jobs.steps.user_model.user_embeddings import step_name as embedding_step
from ralm.config import Config
from ralm.dates import DateName
from ralm.errors import DataError
from ralm.runs.context import Context
from ralm.scoring.contract import ScorerState
from ralm.scoring.scorer import lookalike_state
from ralm.training.checkpoints import dated_weights
from udfs.cluster import cluster_items


def lookalike_scorer(
    weights: Weights, clusters: DataFrame, items: Sequence[str] | None = None
) -> tuple[list[str], ScorerState | None]:
    """The only place where a look-alike model and the centroids of seeds become a scorer.

    Args:
        weights: of the model.
        clusters: (item_id, draw, centroids, sizes).
        items: the items in their order; by default all, sorted.

    Returns:
        The items that have clusters, and their scorer; None without items.
    """
    found, arrays = centroid_arrays(clusters, items)
    return found, lookalike_state(weights, **arrays) if found else None


def _prepare(variant: str, task: Task) -> Prepared:
    context = task.context
    weights = dated_weights(lookalike_folder(context, variant), context.dates[task.date])
    clusters = _clusters(variant, task, weights) if task.clusters is None else task.clusters(variant)
    found, state = lookalike_scorer(weights, clusters, task.items)
    row = {item: place for place, item in enumerate(found)}
    missing = [item for item in task.items if item not in row]
    if state is None or (missing and task.clusters is None):
        raise DataError(f"{len(missing)} items have no seed with an embedding as of the users' date: {missing[:3]}")
    if missing:  # they get the clusters of another item
        rows = [row.get(item, 0) for item in task.items]
        own = {name: state.arrays[name][rows] for name in ("centroids", "sizes")}
        state = ScorerState(state.scorer, {**state.arrays, **own})
    targets = task.step.at(
        "target_embeddings", as_of=context.dates[task.date], model_version=lookalike_version(context, variant)
    )
    return Prepared(targets.select("user_id", "bias", "embedding"), state, unknown=missing)


def _clusters(variant: str, task: Task, weights: Weights) -> DataFrame:
    settings, config = variant_lookalike(task.config, variant), task.config
    rows = task.seeds.join(embedded_users(task, config.variants[variant].merge), "user_id")
    udf = cluster_items(settings.clusters, iterations=settings.cluster_iterations, seed=config.seed, weights=weights)
    seeds = rows.select("item_id", F.lit(0).alias("draw"), "user_id", "embedding")
    return seeds.groupBy("item_id", "draw").applyInArrow(*udf)


def _after(variant: str, context: Context, date: DateName) -> tuple[Dependency, ...]:
    merge = context.config.variants[variant].merge
    return ((embedding_step(merge), date), (targets_step(variant), date), (final_step(context.config, variant), "a1"))


def variant_systems(config: Config) -> list[System]:
    """One system per configured variant."""
    return [
        System(
            variant,
            partial(_prepare, variant),
            ("user_embeddings", "target_embeddings"),
            partial(_after, variant),
            ("lookalike", f"variants.{variant}"),
        )
        for variant in config.variants
    ]
