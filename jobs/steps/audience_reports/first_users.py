"""Why the first users of an audience are in it: the nearest group of seeds, and what they share with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audience_reports.tastes import Kinds
from jobs.steps.audience_reports.who import Trait
from jobs.steps.users.vocabularies import load_sizes
from ralm.arrow.arrays import matrix
from ralm.report.audience_data import FirstUser
from ralm.runs.step import RunningStep

# Users who are explained, and features that are listed of each.
USERS, SHARED = 10, 5


def first_users(step: RunningStep, audience: DataFrame, kinds: Kinds, traits: Sequence[Trait]) -> list[FirstUser]:
    """The best users of the audience, with what `Workspace.why` says of each (tables: user_embeddings, user_fields).

    Args:
        step: the running step.
        audience: (user_id, score).
        kinds: the groups of seeds.
        traits: what each group has more often than everyone.
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
    users = []
    for row in best:
        user, group = row["user_id"], groups.get(row["user_id"])
        people = "seeds" if one else f"group {group}"
        shared = [t for t in listed if t.people == people and t.condition in has.get(user, ())]
        shared.sort(key=lambda trait: trait.rank)
        features = [(trait.feature, trait.share, trait.lift) for trait in shared]
        users.append(FirstUser(str(user), row["score"], group, features[:SHARED], len(features)))
    return users
