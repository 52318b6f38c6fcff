"""The table `user_embeddings`: every user's embedding as of a date."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

from pyspark.sql import functions as F

from jobs.steps.sources.known_events import source
from jobs.steps.user_model import als_factors
from jobs.steps.user_model.training import folder, merges
from jobs.steps.user_model.training import step_name as training_step
from jobs.steps.users.file_scan import map_files
from jobs.steps.users.vocabularies import load_sizes
from ralm.config import Merge
from ralm.dates import DateName
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from udfs.embed import embed_users


def step_name(merge: Merge) -> str:
    """The step that embeds users with the models of a merge layer."""
    return f"embed_users[{merge}]"


def needs_factors(context: Context) -> bool:
    """Whether embeddings hold the users' ALS vectors."""
    return "factors" in context.config.user_model.stacked


def model_version(context: Context, merge: Merge) -> str:
    """The version of the stacked user models: one hash of all representations and whatever is stacked next to them."""
    settings = context.config.user_model
    versions = [context.require(training_step(merge, name), "a0").version for name in settings.representations]
    if needs_factors(context):
        versions.append(context.require(als_factors.STEP, "a1").version)
    versions += [name for name in settings.stacked if name != "factors"]
    return f"{merge}-{hashlib.sha256(' '.join(versions).encode()).hexdigest()[:8]}"


def _embed(merge: Merge, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    sizes = load_sizes(context)
    fields = step.at("user_fields", as_of=step.as_of, vocabulary_version=sizes.version)
    folders = [folder(context, merge, name) for name in config.user_model.representations]
    als = als_factors.current_model(context)[0] if needs_factors(context) else None
    udf = embed_users(folders, sizes.user_fields, config.user_id_type, als, "activity" in config.user_model.stacked)
    columns = ["user_id", *sizes.user_fields.columns]
    if step.step.as_of == "a1":
        window = (F.col("shown_at") >= F.lit(context.dates.a1)) & (F.col("shown_at") < F.lit(context.dates.a2))
        involved = step.read("impressions").where(window).select("user_id").distinct()
        embeddings = fields.join(involved, "user_id", "left_semi").select(*columns).mapInArrow(*udf)
    else:
        embeddings = map_files(fields, columns, udf, vocabulary_version=sizes.version)
    version = model_version(context, merge)
    keyed = embeddings.withColumns({"as_of": F.lit(step.as_of), "model_version": F.lit(version)})
    step.replace("user_embeddings", keyed, "users", as_of=step.as_of, model_version=version)


def steps(context: Context) -> Sequence[Step]:
    """One step per merge layer and date; as of A3 only the released one, or all if systems are compared as of A3."""
    config = context.config
    later: list[Merge] = [config.variants["ralm"].merge] if context.window == "later" else merges(context)
    factors: tuple[tuple[str, DateName], ...] = ((als_factors.STEP, "a1"),) if needs_factors(context) else ()
    needed: list[tuple[Merge, DateName]] = [(merge, date) for merge in merges(context) for date in ("a1", "a2")]
    return [
        Step(
            step_name(merge),
            partial(_embed, merge),
            ("dates",),
            as_of=date,
            after=(
                source(context),
                ("build_user_fields", date),
                *((training_step(merge, name), "a0") for name in config.user_model.representations),
                *factors,
            ),
            inputs=("user_fields", "impressions"),
        )
        for merge, date in [*needed, *((merge, "a3") for merge in later)]
    ]
