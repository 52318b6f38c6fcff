"""Negative seeds: users whom an audience is to be unlike, for the systems that score by the closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.lookalike.clustering import centroid_arrays
from jobs.steps.lookalike.variants import lookalike_folder
from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.inputs import clustered_seeds, embedded_users
from ralm.config import Config
from ralm.errors import ConfigError, DataError
from ralm.models.plda import Plda, seed_means
from ralm.scoring.scorer import Scorer
from ralm.scoring.unlike import unlike_state
from ralm.training.checkpoints import dated_weights


def require_set_model(config: Config, found: System, option: str) -> None:
    """Refuse an option that only the closed form knows how to heed.

    Raises:
        ConfigError: the system does not score by it.
    """
    if found.set_model is None:
        able = ", ".join(dict.fromkeys([*config.variants, "plda"]))
        raise ConfigError(f"{option}: system {found.name} cannot heed it; these can: {able}")
    if not config.variants[found.set_model].lookalike(config.lookalike).closed_form:
        raise ConfigError(f"{option}: {found.name} has no closed form (lookalike.closed_form false), which heeds it")


def with_unlike(found: System, negatives: DataFrame) -> System:
    """The system with users (user_id) whom every audience of it is to be unlike; tables: user_embeddings."""
    return replace(found, prepare=lambda task: _prepared(found, found.prepare(task), task, negatives))


def _prepared(found: System, prepared: Prepared, task: Task, negatives: DataFrame) -> Prepared:
    assert found.set_model is not None
    variant = found.set_model
    weights = dated_weights(lookalike_folder(task.context, variant), task.as_of)
    model = Plda.of_arrays(weights)
    if model is None:
        raise ConfigError(f"{found.name}: its model has no closed form; train it with lookalike.closed_form true")
    users = embedded_users(task, task.config.variants[variant].merge)
    seeds = negatives.select(F.lit("negatives").alias("item_id"), "user_id")
    known, arrays = centroid_arrays(clustered_seeds(task, seeds, users, 1, iterations=1))
    if not known:
        raise DataError("--not-like: none of its users has an embedding as of the users' date")
    means, counts = seed_means(arrays["centroids"], arrays["sizes"])
    ralm = prepared.state.scorer is Scorer
    weight = float(np.asarray(weights["closed"])) if ralm else 1.0
    state = unlike_state(prepared.state, model, means[0], int(counts[0]), coordinates=ralm, weight=weight)
    return replace(prepared, state=state)
