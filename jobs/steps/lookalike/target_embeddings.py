"""The table `target_embeddings`: users as the look-alike model sees them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import functions as F

from jobs.steps.lookalike.variants import final_step, lookalike_folder, lookalike_version
from jobs.steps.user_model.user_embeddings import model_version
from jobs.steps.user_model.user_embeddings import step_name as embedding_step
from jobs.steps.users.file_scan import map_files
from ralm.dates import DateName
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.training.checkpoints import load_weights
from udfs.targets import target_embeddings


def step_name(variant: str) -> str:
    """The step that makes a variant's target embeddings."""
    return f"embed_targets[{variant}]"


def _embed(variant: str, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    embeddings = step.at(
        "user_embeddings", as_of=step.as_of, model_version=model_version(context, config.variants[variant].merge)
    )
    udf = target_embeddings(load_weights(lookalike_folder(context, variant)), config.user_id_type)
    targets = map_files(embeddings, ["user_id", "embedding"], udf)
    version = lookalike_version(context, variant)
    keyed = targets.withColumns({"as_of": F.lit(step.as_of), "model_version": F.lit(version)})
    step.replace("target_embeddings", keyed, "users", as_of=step.as_of, model_version=version)


def steps(context: Context) -> Sequence[Step]:
    """One step per variant for the evaluation, one for production (per variant if systems are compared as of A3)."""
    config = context.config
    later = ["ralm"] if context.window == "later" else list(config.variants)
    wanted: list[tuple[str, DateName]] = [(variant, "a2") for variant in config.variants]
    wanted += [(variant, "a3") for variant in later]
    return [
        Step(
            step_name(variant),
            partial(_embed, variant),
            as_of=date,
            after=(
                (embedding_step(context.config.variants[variant].merge), date),
                (final_step(context.config, variant), "a1"),
            ),
            inputs=("user_embeddings",),
        )
        for variant, date in wanted
    ]
