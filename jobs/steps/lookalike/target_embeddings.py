"""The table `target_embeddings`: users as the look-alike model sees them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from pyspark.sql import functions as F

from jobs.steps.lookalike.variants import final_step, lookalike_folder, lookalike_version, variant_lookalike
from jobs.steps.user_model.user_embeddings import model_version
from jobs.steps.user_model.user_embeddings import step_name as embedding_step
from jobs.steps.users.file_scan import map_files
from jobs.steps.users.population import in_population
from ralm.arrow.arrays import matrix
from ralm.config.names import SYSTEM
from ralm.dates import DateName
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.training.checkpoints import dated_weights, write_mean
from udfs.targets import target_embeddings


def step_name(variant: str) -> str:
    """The step that makes a variant's target embeddings."""
    return f"embed_targets[{variant}]"


def _embed(variant: str, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    embeddings = step.at(
        "user_embeddings", as_of=step.as_of, model_version=model_version(context, config.variants[variant].merge)
    )
    folder = lookalike_folder(context, variant)
    if variant_lookalike(config, variant).closed_form:
        drawn = embeddings.where(in_population(step)).select("embedding").toArrow()  # about `population` rows
        assert step.as_of is not None
        write_mean(folder, step.as_of, matrix(drawn, "embedding").mean(axis=0, dtype=np.float64))
    udf = target_embeddings(dated_weights(folder, step.as_of), config.user_id_type)
    targets = map_files(embeddings, ["user_id", "embedding"], udf)
    version = lookalike_version(context, variant)
    keyed = targets.withColumns({"as_of": F.lit(step.as_of), "model_version": F.lit(version)})
    step.replace("target_embeddings", keyed, "users", as_of=step.as_of, model_version=version)


def steps(context: Context) -> Sequence[Step]:
    """One step per variant for the evaluation, one for production (per variant if systems are compared as of A3)."""
    config = context.config
    later = [SYSTEM] if config.comparison.window == "later" else list(config.variants)
    return [step for step in all_steps(context) if step.as_of != "a3" or step.name in map(step_name, later)]


def all_steps(context: Context) -> Sequence[Step]:
    """One step per variant and date, those that a night leaves out among them."""
    dates: tuple[DateName, ...] = ("a2", "a3")
    return [_step(context, variant, date) for date in dates for variant in context.config.variants]


def _step(context: Context, variant: str, date: DateName) -> Step:
    return Step(
        step_name(variant),
        partial(_embed, variant),
        as_of=date,
        after=(
            (embedding_step(context.config.variants[variant].merge), date),
            (final_step(context.config, variant), "a1"),
        ),
        inputs=("user_embeddings", "user_fields"),
    )
