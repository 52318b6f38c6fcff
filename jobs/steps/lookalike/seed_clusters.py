"""The table `seed_clusters`: centroids of each item's seeds, for every purpose."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import functions as F

from jobs.steps.lookalike.clustering import cluster
from jobs.steps.lookalike.variants import final_step, lookalike_folder, lookalike_version, rounds
from jobs.steps.seeds.item_seeds import PURPOSES
from jobs.steps.seeds.item_seeds import step_name as seeds_step
from jobs.steps.user_model.user_embeddings import step_name as embedding_step
from ralm.config.names import SYSTEM
from ralm.errors import MissingInputError
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.training.checkpoints import load_weights


def step_name(variant: str, purpose: str) -> str:
    """The step that clusters the seeds of a purpose for a variant."""
    return f"cluster_seeds[{variant}/{purpose}]"


def _cluster(variant: str, purpose: str, step: RunningStep) -> None:
    context = step.context
    weights = load_weights(lookalike_folder(context, variant))
    version = lookalike_version(context, variant)
    frame = cluster(step, variant, purpose, weights, None, rounds(context.config, variant))
    keyed = frame.withColumn("model_version", F.lit(version))
    step.replace("seed_clusters", keyed, "items", as_of=step.as_of, purpose=purpose, model_version=version)
    if step.counts["items"] == 0:
        raise MissingInputError(f"user_embeddings: none for the seeds as of {step.as_of}; run job 'embed_users' first")


def steps(context: Context) -> Sequence[Step]:
    """One step per variant for the evaluation, one for production."""
    wanted = [*((variant, "evaluate") for variant in context.config.variants), (SYSTEM, "production")]
    return [
        Step(
            step_name(variant, purpose),
            partial(_cluster, variant, purpose),
            ("lookalike",),
            as_of=PURPOSES[purpose],
            after=(
                (seeds_step(purpose), PURPOSES[purpose]),
                (embedding_step(context.config.variants[variant].merge), PURPOSES[purpose]),
                (final_step(context.config, variant), "a1"),
            ),
            inputs=("item_seeds", "user_embeddings"),
        )
        for variant, purpose in wanted
    ]
