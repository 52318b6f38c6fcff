"""Why the first users of an audience are in it: the nearest group of seeds, and what they share with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audience_reports.tastes import Kinds
from jobs.steps.audience_reports.who import Trait
from jobs.steps.user_model.training import folder as user_folder
from jobs.steps.users.vocabularies import load_sizes
from ralm.arrow.arrays import matrix
from ralm.report.audience_data import FirstUser
from ralm.runs.step import RunningStep
from udfs.embed import field_attention

# Users who are explained, features that are listed of each, and fields with their attention.
USERS, SHARED, FIELDS = 10, 5, 4


def first_users(
    step: RunningStep, audience: DataFrame, kinds: Kinds, traits: Sequence[Trait], system: str
) -> list[FirstUser]:
    """The best users of the audience, with what `Workspace.why` says of each (tables: user_embeddings, user_fields).

    Args:
        step: the running step.
        audience: (user_id, score).
        kinds: the groups of seeds.
        traits: what each group has more often than everyone.
        system: whose audience it is; the attention on fields is of RALM's user model alone.
    """
    best = audience.orderBy(F.desc("score"), "user_id").limit(USERS).collect()
    ids = [row["user_id"] for row in best]
    if not ids:
        return []
    rows = step.at("user_embeddings", as_of=step.as_of, model_version=kinds.version)
    table = rows.where(F.col("user_id").isin(ids)).select("user_id", "embedding").toArrow().combine_chunks()
    width = kinds.vectors.shape[1]
    values = matrix(table, "embedding", width) if table.num_rows else np.zeros((0, width))
    nearest = (np.asarray(values, np.float64) @ kinds.vectors.T + kinds.offsets).argmax(axis=1)
    groups = dict(zip(table["user_id"].to_pylist(), (nearest + 1).tolist(), strict=True))
    # With one group, what the seeds have is what it has.
    one = kinds.groups.count == 1
    listed = [trait for trait in traits if trait.people == "seeds" or trait.people.startswith("group ")]
    conditions = list(dict.fromkeys(trait.condition for trait in listed))
    fields = step.at("user_fields", as_of=step.as_of, vocabulary_version=load_sizes(step.context).version)
    held = [F.expr(condition).alias(f"c{at}") for at, condition in enumerate(conditions)]
    found = fields.where(F.col("user_id").isin(ids)).select("user_id", *held).collect()
    has = {row["user_id"]: {text for at, text in enumerate(conditions) if row[f"c{at}"]} for row in found}
    attention = _attention(step, fields.where(F.col("user_id").isin(ids)), system)
    users = []
    for row in best:
        user, group = row["user_id"], groups.get(row["user_id"])
        people = "seeds" if one else f"group {group}"
        shared = [t for t in listed if t.people == people and t.condition in has.get(user, ())]
        shared.sort(key=lambda trait: trait.rank)
        features = [(trait.feature, trait.share, trait.lift) for trait in shared]
        looks = attention.get(user, ())
        users.append(FirstUser(str(user), row["score"], group, features[:SHARED], len(features), looks))
    return users


def _attention(step: RunningStep, fields: DataFrame, system: str) -> dict[Any, list[tuple[str, float]]]:
    """user -> (field, weight) of the fields that count most in the user's vector: the mean over the representations."""
    context, config = step.context, step.context.config
    if system not in config.variants or config.variants[system].merge != "attention":
        return {}
    sizes = load_sizes(context).user_fields
    found: dict[Any, list[Any]] = {}
    for representation in config.user_model.representations:
        udf = field_attention(user_folder(context, "attention", representation), sizes, config.user_id_type)
        for row in fields.select("user_id", *sizes.columns).mapInArrow(*udf).collect():
            found.setdefault(row["user_id"], []).append(row["weights"])
    told = {}
    for user, weights in found.items():
        means = zip(sizes.names, np.mean(weights, axis=0).tolist(), strict=True)
        told[user] = sorted(means, key=lambda one: -one[1])[:FIELDS]
    return told
