"""All steps of a night, in order: read this first."""

from __future__ import annotations

from jobs.steps.audiences import nightly_scoring
from jobs.steps.evaluation import evaluate
from jobs.steps.lookalike import cold_start_model, lookalike_samples, seed_clusters, target_embeddings
from jobs.steps.lookalike import training as lookalike_training
from jobs.steps.releases import releases
from jobs.steps.seeds import item_seeds
from jobs.steps.sources import ingested_logs, simulated_world, split
from jobs.steps.user_model import als_factors, user_embeddings, user_samples
from jobs.steps.user_model import training as user_model_training
from jobs.steps.users import histories, user_fields, vocabularies
from ralm.runs.context import Context
from ralm.runs.step import Step


def steps(context: Context) -> list[Step]:
    """All steps in order."""
    source = simulated_world if context.config.simulate is not None else ingested_logs
    factors = (als_factors,) if user_embeddings.needs_factors(context) else ()
    stages = (
        source,
        split,
        vocabularies,
        histories,
        user_fields,
        user_samples,
        user_model_training,
        *factors,
        user_embeddings,
        item_seeds,
        lookalike_samples,
        lookalike_training,
        cold_start_model,
        target_embeddings,
        seed_clusters,
        nightly_scoring,
        evaluate,
        releases,
    )
    return [step for stage in stages for step in stage.steps(context)]
