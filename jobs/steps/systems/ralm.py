"""RALM and its variants: local and global attention over clusters of the seeds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial

from pyspark.sql import DataFrame

from jobs.steps.lookalike.clustering import centroid_arrays
from jobs.steps.lookalike.target_embeddings import step_name as targets_step
from jobs.steps.lookalike.variants import final_step, lookalike_version, variant_lookalike
from jobs.steps.systems.contract import Dependency, Prepared, System, Task
from jobs.steps.systems.inputs import clustered_seeds, embedded_users
from jobs.steps.user_model.user_embeddings import step_name as embedding_step
from ralm.config import Config
from ralm.dates import DateName
from ralm.errors import DataError
from ralm.runs.context import Context
from ralm.runs.step import RunningStep
from ralm.scoring.scorer import lookalike_state
from ralm.training.checkpoints import dated_weights


def clustered(
    step: RunningStep, model: str, as_of: dt.date, clusters: DataFrame, items: Sequence[str] | None = None
) -> tuple[list[str], Prepared | None]:
    """The only place where a look-alike model and the centroids of seeds become a scorer.

    Args:
        step: has the input `target_embeddings`.
        model: version of the look-alike model.
        as_of: users are described as of this date.
        clusters: (item_id, draw, centroids, sizes).
        items: in the order of the scorer; by default all that have clusters, sorted.

    Returns:
        The items that have clusters, and what scores them; None if there are none. Other items are `unknown`.
    """
    found, arrays = centroid_arrays(clusters, items)
    if not found:
        return [], None
    row = {item: place for place, item in enumerate(found)}
    rows = [row.get(item, 0) for item in items or found]  # an unknown item has the clusters of another one
    weights = dated_weights(step.context.models("lookalike", model), as_of)
    state = lookalike_state(weights, **{name: array[rows] for name, array in arrays.items()})
    targets = step.at("target_embeddings", as_of=as_of, model_version=model)
    unknown = [item for item in items or found if item not in row]
    return found, Prepared(targets.select("user_id", "bias", "embedding"), state, unknown=unknown, scan=True)


def _prepare(variant: str, task: Task) -> Prepared:
    model = task.model or lookalike_version(task.context, variant)
    clusters = _clusters(variant, task, model) if task.clusters is None else task.clusters(variant)
    found, prepared = clustered(task.step, model, task.as_of, clusters, task.items)
    if prepared is None or (prepared.unknown and task.clusters is None):
        missing = [item for item in task.items if item not in set(found)]
        raise DataError(f"{len(missing)} items have no seed with an embedding as of the users' date: {missing[:3]}")
    return prepared


def _clusters(variant: str, task: Task, model: str) -> DataFrame:
    settings, config = variant_lookalike(task.config, variant), task.config
    weights = dated_weights(task.context.models("lookalike", model), task.as_of)
    users = embedded_users(task, config.variants[variant].merge)
    iterations = settings.cluster_iterations
    return clustered_seeds(task, task.seeds, users, settings.clusters, iterations=iterations, weights=weights)


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
            set_model=variant,
        )
        for variant in config.variants
    ]
