"""All steps of a night, in order: read this first."""

from __future__ import annotations

from jobs.steps.audiences import nightly_scoring
from jobs.steps.evaluation import evaluate
from jobs.steps.lookalike import cold_start_model, lookalike_samples, seed_clusters, target_embeddings
from jobs.steps.lookalike import training as lookalike_training
from jobs.steps.releases import releases
from jobs.steps.seeds import item_seeds
from jobs.steps.sources import ingested_logs, simulated_world, split
from jobs.steps.systems.prerequisites import prerequisites
from jobs.steps.user_model import training as user_model_training
from jobs.steps.user_model import user_embeddings, user_samples
from jobs.steps.users import histories, stand_ins, user_fields, vocabularies
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.runs.step import Step


def data_steps(context: Context) -> list[Step]:
    """The first steps, which read and measure the data."""
    source = simulated_world if context.given.simulate is not None else ingested_logs
    return list(source.steps(context))


def steps(context: Context) -> list[Step]:
    """All steps in order; which ones follow the data may depend on what was measured."""
    stages = (
        split,
        vocabularies,
        histories,
        user_fields,
        stand_ins,
        user_samples,
        user_model_training,
        *user_embeddings.stacked_trainings(context),
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
    planned = data_steps(context) + [step for stage in stages for step in stage.steps(context)]
    known = {(step.name, step.as_of) for step in planned}
    complete: list[Step] = []
    for step in planned:
        if unknown := set(step.after) - known:  # what another system than RALM needs, and no stage makes
            missing = [one for one in prerequisites(context, unknown) if (one.name, one.as_of) not in known]
            known |= {(one.name, one.as_of) for one in missing}
            complete += missing
        complete.append(step)
    return complete


def run_night(context: Context) -> None:
    """Run all steps: those that read and measure the data, then the others as the data ask for them."""
    first = data_steps(context)
    run_steps(context, first, total=len(steps(context)))
    planned = steps(context)
    run_steps(context, planned[len(first) :], first=len(first) + 1, total=len(planned))
