"""Similarity to the seeds themselves, of feature sets or of embeddings, as configured and in all combinations.

No job itself.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import get_args

from jobs.build_vocabularies import source
from jobs.embed_users import step_name as embedding_step
from jobs.systems.contract import Dependency, Prepared, System, Task
from jobs.systems.inputs import embedded_users, feature_space, field_users, require_seeds, seed_table
from ralm.baselines.similarity import ToSeeds, cosine_state, jaccard_state
from ralm.config import Config, Similarity
from ralm.dates import DateName
from ralm.runs import Context


def _jaccard(to_seeds: ToSeeds, task: Task) -> Prepared:
    users, space = field_users(task), feature_space(task)
    seeds = seed_table(task, users, task.config.baselines.similarity.seed_cap)
    require_seeds(task, seeds["item_index"])
    state = jaccard_state(space, seeds, len(task.items), to_seeds)
    return Prepared(users, state, counts={"seeds": seeds.num_rows})


def _cosine(to_seeds: ToSeeds, task: Task) -> Prepared:
    users = embedded_users(task, task.config.variants["ralm"].merge)
    seeds = seed_table(task, users, task.config.baselines.similarity.seed_cap)
    require_seeds(task, seeds["item_index"])
    return Prepared(users, cosine_state(seeds, len(task.items), to_seeds), counts={"seeds": seeds.num_rows})


def _after_fields(context: Context, date: DateName) -> tuple[Dependency, ...]:
    return (source(context), ("build_user_fields", date))


def after_embeddings(context: Context, date: DateName) -> tuple[Dependency, ...]:
    """The embeddings of the released variant's user models."""
    return ((embedding_step(context.config.variants["ralm"].merge), date),)


def _system(name: str, measure: str, to_seeds: ToSeeds) -> System:
    if measure == "jaccard":
        return System(name, partial(_jaccard, to_seeds), ("user_fields",), _after_fields, ("fields", "baselines"))
    return System(
        name, partial(_cosine, to_seeds), ("user_embeddings",), after_embeddings, ("fields", "variants", "baselines")
    )


def similarity_systems(config: Config) -> list[System]:
    """`similarity` as configured, and `similarity_<measure>_<to_seeds>` for every measure and way to the seeds."""
    chosen = config.baselines.similarity
    measures = get_args(Similarity.model_fields["measure"].annotation)
    return [
        _system("similarity", chosen.measure, chosen.to_seeds),
        *(
            _system(f"similarity_{measure}_{to_seeds}", measure, to_seeds)
            for measure, to_seeds in itertools.product(measures, get_args(ToSeeds))
        ),
    ]
