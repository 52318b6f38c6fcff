"""Yahoo's look-alikes (Ma et al. 2016): candidates by MinHash buckets, scores by Information Value.

Two systems: `lsh_iv`, and `information_value`, for which every user is a candidate. The first scores fewer users where
most users share nothing with any seed; in small data sets the second is better.

What 10^9 users cost `lsh_iv`: they are read and hashed once (an Arrow UDF, nothing shuffled), joined to the buckets of
the seeds (`lsh_candidates`), and the matches are written. Two things are shuffled: the matches, by user, and once the
users' fields, to be joined with `candidate_of`; the result is written, so that scoring passes read it without a join.
The buckets of the seeds are bounded by seeds · bands; where they are too many to broadcast (100 items of 10^4 seeds
that share nothing are 2 · 10^7), users · bands narrow rows are shuffled as well. What comes to the driver is bounded by
items · features.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.feature_ranking import feature_ranking
from jobs.steps.systems.information_values import feature_counts, feature_weights, users_by_feature
from jobs.steps.systems.inputs import after_fields, feature_space, field_users
from jobs.steps.systems.lsh_candidates import (
    BROADCAST_BUCKETS,
    bucket_matches,
    candidates,
    crowded_buckets,
    seed_buckets,
)
from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.information_value import information_value_state
from ralm.baselines.minhash import MinHash
from udfs.minhash import bucket_users


def _lsh_iv(task: Task) -> Prepared:
    space = feature_space(task)
    seeds = _seeds(task, space).persist()
    try:
        users, counts = _candidates(task, space, seeds)
        found = users.where(F.size("candidate_of") > 0)
        counts["candidates"] = found.count()
        counted = users_by_feature(found, space, "candidate_of", len(task.items))
        prepared = _prepared(task, space, seeds, users, counted, counts, candidates_only=True)
    finally:
        seeds.unpersist()
    return prepared


def _information_value(task: Task) -> Prepared:
    space, users = feature_space(task), field_users(task)
    everyone = users_by_feature(users.withColumn("everyone", F.array(F.lit(0))), space, "everyone", 1)
    return _prepared(task, space, _seeds(task, space), users, everyone, {}, candidates_only=False)


def _seeds(task: Task, space: FeatureSpace) -> DataFrame:
    """(items array<int>, the columns of the space): the users who are seeds of any item, one row each."""
    items = task.seeds.groupBy("user_id").agg(F.sort_array(F.collect_set("item_index")).alias("items"))
    return items.join(field_users(task), "user_id").select("items", *space.columns)


def _candidates(task: Task, space: FeatureSpace, seeds: DataFrame) -> tuple[DataFrame, dict[str, int]]:
    """All users with their fields and `candidate_of` (empty for most), and the number of dropped buckets.

    The written matches and users lie in the task's folder: hashing and joins run once, whatever is read later.
    """
    settings, config = task.config.baselines.lsh_iv, task.config
    minhash = MinHash(settings.bands, settings.rows, config.seed)
    users = field_users(task)
    hashed_seeds = seeds.mapInArrow(*bucket_users(space, minhash, {"items": "array<int>"}))
    known = task.kept("buckets", seed_buckets(hashed_seeds))
    hashed = users.mapInArrow(*bucket_users(space, minhash, {"user_id": config.user_id_type}))
    matches = task.kept("matches", bucket_matches(hashed, known, known.count() <= BROADCAST_BUCKETS))
    crowded = task.kept("crowded", crowded_buckets(matches, settings.bucket_share * users.count()))
    nothing = F.array().cast("array<int>")
    flagged = users.join(candidates(matches, crowded), "user_id", "left").withColumn(
        "candidate_of", F.coalesce("candidate_of", nothing)
    )
    return task.kept("users", flagged), {"dropped buckets": crowded.count()}


def _prepared(
    task: Task,
    space: FeatureSpace,
    seeds: DataFrame,
    users: DataFrame,
    counted: DataFrame,
    counts: dict[str, int],
    candidates_only: bool,
) -> Prepared:
    settings, items = task.config.baselines.lsh_iv, len(task.items)
    of_seeds = users_by_feature(seeds, space, "items", items)
    found = feature_counts(space, task.items, of_seeds, counted, shared=not candidates_only)
    weights = feature_weights(found, space.size, settings)
    return Prepared(
        users,
        information_value_state(space, weights, candidates_only),
        feature_ranking(task, weights.T.tocsr(), settings.listed_features),
        counts | {"positive features": weights.nnz},
    )


_INPUTS, _SECTIONS = ("user_fields", "vocabularies"), ("fields", "baselines.lsh_iv")
LSH_IV = System("lsh_iv", _lsh_iv, _INPUTS, after_fields, _SECTIONS)
INFORMATION_VALUE = System("information_value", _information_value, _INPUTS, after_fields, _SECTIONS)
