"""The table `user_embeddings`: every user's embedding as of a date."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from types import ModuleType

from pyspark.sql import functions as F

from jobs.steps.sources.known_events import source
from jobs.steps.user_model import als_factors, interests
from jobs.steps.user_model.training import folder, merges
from jobs.steps.user_model.training import step_name as training_step
from jobs.steps.users.file_scan import map_files
from jobs.steps.users.population import in_population
from jobs.steps.users.vocabularies import load_sizes
from ralm.config import Merge
from ralm.dates import DateName
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from udfs.embed import embed_users


def step_name(merge: Merge) -> str:
    """The step that embeds users with the models of a merge layer."""
    return f"embed_users[{merge}]"


def stacked_trainings(context: Context) -> tuple[ModuleType, ...]:
    """The modules of what is stacked next to the representations and trained, in the order of the embedding."""
    stacked = context.config.user_model.stacked
    return tuple(module for name, module in (("interests", interests), ("factors", als_factors)) if name in stacked)


def model_version(context: Context, merge: Merge) -> str:
    """The version of the stacked user models: one hash of all representations and whatever is stacked next to them."""
    settings = context.config.user_model
    versions = [context.require(training_step(merge, name), "a0").version for name in settings.representations]
    versions += [context.require(module.STEP, "a1").version for module in stacked_trainings(context)]
    versions += ["activity"] if "activity" in settings.stacked else []
    return f"{merge}-{hashlib.sha256(' '.join(versions).encode()).hexdigest()[:8]}"


def _embed(merge: Merge, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    sizes = load_sizes(context)
    fields = step.at("user_fields", as_of=step.as_of, vocabulary_version=sizes.version)
    folders = [folder(context, merge, name) for name in config.user_model.representations]
    stacked = config.user_model.stacked
    udf = embed_users(
        folders,
        sizes.user_fields,
        config.user_id_type,
        interests.current_model(context) if "interests" in stacked else None,
        als_factors.current_model(context)[0] if "factors" in stacked else None,
        "activity" in stacked,
    )
    columns = ["user_id", *sizes.user_fields.columns]
    if step.step.as_of == "a1":
        window = (F.col("shown_at") >= F.lit(context.dates.a1)) & (F.col("shown_at") < F.lit(context.dates.a2))
        involved = step.read("impressions").where(window).select("user_id").distinct()
        sampled = fields.where(in_population(step)).select("user_id")
        wanted = involved.union(sampled).distinct()
        embeddings = fields.join(wanted, "user_id", "left_semi").select(*columns).mapInArrow(*udf)
    else:
        embeddings = map_files(fields, columns, udf, vocabulary_version=sizes.version)
    version = model_version(context, merge)
    keyed = embeddings.withColumns({"as_of": F.lit(step.as_of), "model_version": F.lit(version)})
    step.replace("user_embeddings", keyed, "users", as_of=step.as_of, model_version=version)


def steps(context: Context) -> Sequence[Step]:
    """One step per merge layer and date; as of A3 only the released one, or all if systems are compared as of A3."""
    config = context.config
    later = [config.released.merge] if config.comparison.window == "later" else merges(context)
    return [step for step in all_steps(context) if step.as_of != "a3" or step.name in map(step_name, later)]


def all_steps(context: Context) -> Sequence[Step]:
    """One step per merge layer and date, those that a night leaves out among them."""
    dates: tuple[DateName, ...] = ("a1", "a2", "a3")
    return [_step(context, merge, date) for date in dates for merge in merges(context)]


def _step(context: Context, merge: Merge, date: DateName) -> Step:
    trained: tuple[tuple[str, DateName], ...] = tuple((module.STEP, "a1") for module in stacked_trainings(context))
    return Step(
        step_name(merge),
        partial(_embed, merge),
        ("dates", "lookalike.population") if date == "a1" else ("dates",),
        as_of=date,
        after=(
            source(context),
            ("build_user_fields", date),
            *((training_step(merge, name), "a0") for name in context.config.user_model.representations),
            *trained,
        ),
        inputs=("user_fields", "impressions"),
    )
