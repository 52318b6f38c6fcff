"""The closed-form set model by itself: RALM without its attention, and without the classifiers of single items."""

from __future__ import annotations

import numpy as np

from jobs.steps.lookalike.clustering import centroid_arrays
from jobs.steps.lookalike.target_embeddings import step_name as targets_step
from jobs.steps.lookalike.variants import final_step, lookalike_folder
from jobs.steps.systems.contract import Dependency, Prepared, System, Task
from jobs.steps.systems.inputs import after_embeddings, clustered_seeds, embedded_users
from ralm.baselines.dot_product import DotProduct
from ralm.config.names import SYSTEM
from ralm.dates import DateName
from ralm.errors import ConfigError, DataError
from ralm.models.plda import Plda, seed_means
from ralm.runs.context import Context
from ralm.scoring.contract import ScorerState
from ralm.training.checkpoints import dated_weights


def _prepare(task: Task) -> Prepared:
    weights = dated_weights(lookalike_folder(task.context, SYSTEM), task.as_of)
    model = Plda.of_arrays(weights)
    if model is None:
        raise ConfigError(f"plda: variants.{SYSTEM} was trained with lookalike.closed_form false; set it, train again")
    users = embedded_users(task)
    found, arrays = centroid_arrays(clustered_seeds(task, task.seeds, users, 1, iterations=1), task.items)
    missing = [item for item in task.items if item not in set(found)]
    if missing:
        raise DataError(f"{len(missing)} items have no seed with an embedding as of the users' date: {missing[:3]}")
    directions = model.directions(*seed_means(arrays["centroids"], arrays["sizes"]))  # (items, d)
    vectors = directions @ model.basis.T  # of raw embeddings
    return Prepared(users, ScorerState(DotProduct, {"vectors": vectors, "bias": -np.asarray(vectors @ model.mean)}))


def _after(context: Context, date: DateName) -> tuple[Dependency, ...]:
    return (*after_embeddings(context, date), (targets_step(SYSTEM), date), (final_step(context.config, SYSTEM), "a1"))


PLDA = System("plda", _prepare, ("user_embeddings",), _after, ("lookalike", f"variants.{SYSTEM}"), set_model=SYSTEM)
