"""Regression: one classifier per item over its seeds and sampled other users."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy import sparse

from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.feature_ranking import feature_ranking
from jobs.steps.systems.inputs import (
    after_embeddings,
    after_fields,
    embedded_users,
    feature_space,
    field_users,
    sampled_seeds,
)
from jobs.steps.systems.negatives import exposed_users, other_users, user_pool, wanted_negatives
from ralm.baselines.regression_scorers import logistic_state, trees_state
from ralm.config import Config, Regression
from ralm.errors import DataError
from udfs.regression import fit_logistic_items, fit_tree_items
from udfs.shapes import GroupUdf


def training_pairs(task: Task, settings: Regression, users: DataFrame) -> DataFrame:
    """(item_index, user_id, label 0/1): an item's sampled seeds, and its negatives; kept in the task's folder.

    Args:
        task: the items and their seeds; tables: impressions, where the negatives are `exposed`.
        settings: at most `max_seeds` seeds per item and `negatives_per_seed` negatives per seed, seeds excluded. An
            item with fewer exposed users than seeds gets other users instead, and a progress line says so.
        users: (user_id), everyone.
    """
    wanted = wanted_negatives(task, settings.max_seeds, settings.negatives_per_seed)
    sampled = _exposed_or_others if settings.negatives == "exposed" else _others
    seeds = sampled_seeds(task, settings.max_seeds).withColumn("label", F.lit(1))
    return seeds.unionByName(sampled(task, settings, users, wanted).withColumn("label", F.lit(0)))


def _others(task: Task, settings: Regression, users: DataFrame, wanted: DataFrame) -> DataFrame:
    pool = user_pool(task, users, settings.max_seeds, settings.negatives_per_seed).persist()
    found = task.kept("others", other_users(task, pool, wanted))
    pool.unpersist()
    return found


def _exposed_or_others(task: Task, settings: Regression, users: DataFrame, wanted: DataFrame) -> DataFrame:
    cap, per_seed = settings.max_seeds, settings.negatives_per_seed
    exposed = task.kept("exposed", exposed_users(task, wanted, cap * per_seed))
    counted = wanted.join(exposed.groupBy("item_index").count(), "item_index", "left")
    few = F.coalesce("count", F.lit(0)) < F.least("seeds", F.lit(cap))
    short = task.kept("short", counted.where(few).drop("count"))
    if (count := short.count()) == 0:
        return exposed
    task.step.say(
        f"{count:,} of {len(task.items):,} items were shown to fewer users who did not click than they have seeds: "
        "their negatives are sampled from all other users"
    )
    return exposed.join(short, "item_index", "left_anti").unionByName(_others(task, settings, users, short))


def _logistic(settings: Regression, task: Task) -> Prepared:
    users, space = field_users(task), feature_space(task)
    fitted = _fitted(task, settings, users, fit_logistic_items(space, settings, task.config.seed))
    weights = _weights(fitted, space.size)
    state = logistic_state(space, weights, _numbers(fitted, "intercept"), _numbers(fitted, "label_frequency"))
    return Prepared(users, state, feature_ranking(task, weights, settings.listed_features), _counts(fitted))


def _boosted_trees(settings: Regression, task: Task) -> Prepared:
    users = embedded_users(task)
    fitted = _fitted(task, settings, users, fit_tree_items(settings, task.config.seed))
    state = trees_state(fitted.column("model").to_pylist(), _numbers(fitted, "label_frequency"))
    return Prepared(users, state, counts=_counts(fitted))


def _fitted(task: Task, settings: Regression, users: DataFrame, udf: GroupUdf) -> pa.Table:
    """One row per item, in the order of the items: bounded by the items and the features in their rows."""
    rows = training_pairs(task, settings, users).join(users, "user_id")
    fitted = rows.groupBy("item_index").applyInArrow(*udf).toArrow().combine_chunks().sort_by("item_index")
    missing = sorted(set(range(len(task.items))) - set(fitted.column("item_index").to_pylist()))
    if missing:
        named = [task.items[index] for index in missing[:3]]
        raise DataError(f"{len(missing)} items have no seed, or no other user, known as of the users' date: {named}")
    return fitted


def _numbers(fitted: pa.Table, name: str) -> NDArray[Any]:
    found: NDArray[Any] = fitted.column(name).to_numpy()
    return found


def _weights(fitted: pa.Table, features: int) -> sparse.csr_matrix:
    """(items, features)."""
    lists = fitted.column("indices").combine_chunks()
    values, indices = (fitted.column(name).combine_chunks().flatten().to_numpy() for name in ("weights", "indices"))
    offsets = np.concatenate([[0], np.cumsum(lists.value_lengths().to_numpy())])
    return sparse.csr_matrix((values, indices, offsets), shape=(len(lists), features))


def _counts(fitted: pa.Table) -> dict[str, int]:
    return {f"training {name}": int(_numbers(fitted, name).sum()) for name in ("positives", "negatives")}


def _system(name: str, settings: Regression) -> System:
    trees = settings.model == "boosted_trees"
    inputs = ("user_embeddings",) if trees else ("user_fields", "vocabularies")
    return System(
        name,
        partial(_boosted_trees if trees else _logistic, settings),
        (*inputs, *(("impressions",) if settings.negatives == "exposed" else ())),
        after_embeddings if trees else after_fields,
        ("fields", "lookalike", "baselines.regression"),
    )


def regression_systems(config: Config) -> list[System]:
    """`regression` as configured, and each of its two models under its own name, for comparisons."""
    settings = config.baselines.regression
    return [
        replace(_system("regression", settings), repeats=True),
        *(
            _system(f"regression_{model}", settings.model_copy(update={"model": model}))
            for model in ("logistic", "boosted_trees")
        ),
    ]
