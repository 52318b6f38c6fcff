"""Clustered similarity: how many seeds and how many users share a user's cell, by k-means or random hyperplanes."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.inputs import after_embeddings, embedded_users, require_seeds, seed_table
from ralm.arrow.arrays import matrix
from ralm.baselines.clustered_similarity import lift_state
from ralm.baselines.embedding_cells import Cells, Doubles, Hyperplanes, KMeansCells
from ralm.baselines.mean_cosine import unit_rows
from ralm.config import ClusteredSimilarity, Config
from ralm.config.names import SYSTEM
from ralm.features.hashing import uniform


def _prepare(kind: str, task: Task) -> Prepared:
    settings = task.config.baselines.clustered_similarity
    users = embedded_users(task)
    seeds = seed_table(task, users, settings.seed_cap)
    require_seeds(task, seeds["item_index"])
    sample = _sample(users, settings.sample, task.config.seed)
    state = lift_state(_cells(kind, settings, sample, task.config.seed), sample, seeds, len(task.items))
    return Prepared(users, state, counts={"seeds": seeds.num_rows, "sampled users": len(sample)})


def _cells(kind: str, settings: ClusteredSimilarity, sample: Doubles, seed: int) -> Cells:
    if kind == "kmeans":
        return KMeansCells.fit(sample, settings.kmeans_cells, seed)
    return Hyperplanes.draw(sample, settings.tables, settings.planes, seed)


def _sample(users: DataFrame, size: int, seed: int) -> Doubles:
    """Unit embeddings (about `size`, d) of users by hash, in the order of their ids."""
    share = size / max(1, users.count())
    drawn = users if share >= 1 else users.where(uniform("cell sample", seed, "user_id") < F.lit(share))
    return unit_rows(matrix(drawn.toArrow().sort_by("user_id"), "embedding"))


def clustered_systems(config: Config) -> list[System]:
    """`clustered_similarity` as configured, and with `_kmeans` or `_hyperplanes` behind its name."""
    kinds = {
        "clustered_similarity": config.baselines.clustered_similarity.cells,
        "clustered_similarity_kmeans": "kmeans",
        "clustered_similarity_hyperplanes": "hyperplanes",
    }
    sections = ("fields", f"variants.{SYSTEM}", "baselines.clustered_similarity")
    return [
        System(
            name,
            partial(_prepare, kind),
            ("user_embeddings",),
            after_embeddings,
            sections,
            repeats=name == "clustered_similarity",
        )
        for name, kind in kinds.items()
    ]
