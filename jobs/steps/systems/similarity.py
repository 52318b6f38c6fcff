"""Similarity of users to each seed, by feature sets or embeddings: as configured, and in all combinations."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from typing import get_args

from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.inputs import (
    after_embeddings,
    after_fields,
    embedded_users,
    feature_space,
    field_users,
    require_seeds,
    seed_table,
)
from ralm.baselines.similarity import ToSeeds, cosine_state, jaccard_state
from ralm.config import Config, Similarity
from ralm.config.names import SYSTEM


def _jaccard(to_seeds: ToSeeds, task: Task) -> Prepared:
    users, space = field_users(task), feature_space(task)
    seeds = seed_table(task, users, task.config.baselines.similarity.seed_cap)
    require_seeds(task, seeds["item_index"])
    state = jaccard_state(space, seeds, len(task.items), to_seeds)
    return Prepared(users, state, counts={"seeds": seeds.num_rows})


def _cosine(to_seeds: ToSeeds, task: Task) -> Prepared:
    users = embedded_users(task)
    seeds = seed_table(task, users, task.config.baselines.similarity.seed_cap)
    require_seeds(task, seeds["item_index"])
    return Prepared(users, cosine_state(seeds, len(task.items), to_seeds), counts={"seeds": seeds.num_rows})


def _system(name: str, measure: str, to_seeds: ToSeeds) -> System:
    if measure == "jaccard":
        return System(
            name, partial(_jaccard, to_seeds), ("user_fields",), after_fields, ("fields", "baselines.similarity")
        )
    return System(
        name,
        partial(_cosine, to_seeds),
        ("user_embeddings",),
        after_embeddings,
        ("fields", f"variants.{SYSTEM}", "baselines.similarity"),
    )


def similarity_systems(config: Config) -> list[System]:
    """`similarity` as configured, and `similarity_<measure>_<to_seeds>` for every measure and combination."""
    chosen = config.baselines.similarity
    measures = get_args(Similarity.model_fields["measure"].annotation)
    return [
        replace(_system("similarity", chosen.measure, chosen.to_seeds), repeats=True),
        *(
            _system(f"similarity_{measure}_{to_seeds}", measure, to_seeds)
            for measure, to_seeds in itertools.product(measures, get_args(ToSeeds))
        ),
    ]
