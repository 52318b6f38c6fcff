"""All steps of a night, in order: read this first."""

from __future__ import annotations

from jobs.steps.audiences import nightly_scoring
from jobs.steps.evaluation import evaluate
from jobs.steps.health import night as health
from jobs.steps.lookalike import cold_start_model, lookalike_samples, seed_clusters, target_embeddings
from jobs.steps.lookalike import training as lookalike_training
from jobs.steps.releases import releases
from jobs.steps.seeds import item_seeds
from jobs.steps.sources import ingested_logs, simulated_world, split
from jobs.steps.systems.prerequisites import prerequisites
from jobs.steps.tracking import release_run
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
        split.steps,
        health.inputs,
        vocabularies.steps,
        histories.steps,
        user_fields.steps,
        stand_ins.steps,
        user_samples.steps,
        health.users,
        user_model_training.steps,
        *(stage.steps for stage in user_embeddings.stacked_trainings(context)),
        user_embeddings.steps,
        item_seeds.steps,
        lookalike_samples.steps,
        lookalike_training.steps,
        cold_start_model.steps,
        target_embeddings.steps,
        seed_clusters.steps,
        nightly_scoring.steps,
        health.audiences,
        evaluate.steps,
        releases.steps,
        release_run.steps,
    )
    planned = data_steps(context) + [step for stage in stages for step in stage(context)]
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
    """Run all steps: those that read and measure the data, then the others as the data ask for them.

    Raises:
        DataError: there is nothing to learn from, among others.
    """
    first = data_steps(context)
    run_steps(context, first, total=len(steps(context)))
    planned = steps(context)
    split_at = len(first) + len(split.steps(context))
    run_steps(context, planned[len(first) : split_at], first=len(first) + 1, total=len(planned))
    split.refuse_hopeless(context)
    run_steps(context, planned[split_at:], first=split_at + 1, total=len(planned))
