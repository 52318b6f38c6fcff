"""The closed-form set model by itself: RALM without its attention, and without the classifiers of single items."""

from __future__ import annotations

import numpy as np
from pyspark.sql import functions as F

from jobs.steps.lookalike.clustering import centroid_arrays
from jobs.steps.lookalike.target_embeddings import step_name as targets_step
from jobs.steps.lookalike.variants import final_step, lookalike_folder
from jobs.steps.systems.contract import Dependency, Prepared, System, Task
from jobs.steps.systems.inputs import after_embeddings, embedded_users
from ralm.baselines.dot_product import DotProduct
from ralm.config.names import SYSTEM
from ralm.dates import DateName
from ralm.errors import ConfigError, DataError
from ralm.models.plda import Plda, seed_means
from ralm.runs.context import Context
from ralm.scoring.contract import ScorerState
from ralm.training.checkpoints import dated_weights
from udfs.cluster import cluster_items


def _prepare(task: Task) -> Prepared:
    weights = dated_weights(lookalike_folder(task.context, SYSTEM), task.as_of)
    model = Plda.of_arrays(weights)
    if model is None:
        raise ConfigError(f"plda: variants.{SYSTEM} was trained with lookalike.closed_form false; set it, train again")
    users = embedded_users(task)
    valued = "weight" in task.seeds.columns
    columns = ["user_id", "embedding", *(["weight"] if valued else [])]
    seeds = task.seeds.join(users, "user_id").select("item_id", F.lit(0).alias("draw"), *columns)
    udf = cluster_items(1, iterations=1, seed=task.config.seed, weighted=valued)
    means = seeds.groupBy("item_id", "draw").applyInArrow(*udf)
    found, arrays = centroid_arrays(means, task.items)
    missing = [item for item in task.items if item not in set(found)]
    if missing:
        raise DataError(f"{len(missing)} items have no seed with an embedding as of the users' date: {missing[:3]}")
    directions = model.directions(*seed_means(arrays["centroids"], arrays["sizes"]))  # (items, d)
    vectors = directions @ model.basis.T  # of raw embeddings
    return Prepared(users, ScorerState(DotProduct, {"vectors": vectors, "bias": -np.asarray(vectors @ model.mean)}))


def _after(context: Context, date: DateName) -> tuple[Dependency, ...]:
    return (*after_embeddings(context, date), (targets_step(SYSTEM), date), (final_step(context.config, SYSTEM), "a1"))


PLDA = System("plda", _prepare, ("user_embeddings",), _after, ("lookalike", f"variants.{SYSTEM}"), set_model=SYSTEM)
