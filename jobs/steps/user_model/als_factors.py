"""The ALS model, and the factors of users at any date."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from jobs.steps.sources.known_events import known_events, source
from jobs.steps.users.vocabularies import current_vocabulary, load_sizes
from ralm.baselines.als_alternation import alternate, is_local
from ralm.baselines.als_model import MARKER, AlsModel, read_als, write_als
from ralm.baselines.als_training import checkpoints, feature_factors, history_space, interactions, mllib_als
from ralm.dates import DateName
from ralm.errors import ConfigError
from ralm.features.hashing import chosen
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from udfs.als import fold_in_users

STEP = "train_als"


def folder(context: Context) -> str:
    """The folder of the current model."""
    return context.models("als", context.require(STEP, "a1").version)


def current_model(context: Context) -> tuple[str, AlsModel]:
    """The folder of the current model, and what the model was fitted on.

    Raises:
        MissingInputError: the model is not there.
        ConfigError: it belongs to another vocabulary.
    """
    path = folder(context)
    model = read_als(path)
    if model.vocabulary_version != load_sizes(context).version:
        raise ConfigError(f"{path}: fitted on another vocabulary than the current one; run '{STEP}' again")
    return path, model


def user_factors(step: RunningStep, date: DateName) -> DataFrame:
    """(user_id, embedding): every user's factor as of a date, zeros without a known feature.

    ALS's last half-step in closed form, over the histories of `user_fields` (an input that the step declares):
    these hold the newest entries of each domain, whereas the features' factors were fitted on all entries.

    Raises:
        MissingInputError: the model or the date's fields are not there.
        ConfigError: the model belongs to another vocabulary.
    """
    context = step.context
    path, model = current_model(context)
    fields = step.at("user_fields", as_of=context.dates[date], vocabulary_version=model.vocabulary_version)
    histories = fields.select("user_id", *model.space.columns)
    return histories.mapInArrow(*fold_in_users(path, context.config.user_id_type))


def _train(step: RunningStep) -> None:
    context, config = step.context, step.context.config
    settings, sizes = config.baselines.als, load_sizes(context)
    space = history_space(sizes.user_fields)
    users = step.at("user_fields", as_of=step.as_of, vocabulary_version=sizes.version).count()
    events = known_events(step).where(chosen("als user", config.seed, min(1.0, settings.max_users / users), "user_id"))
    acted = interactions(events, current_vocabulary(step, sizes), space, context.dates.a1, config.seed).persist()
    step.counts["interactions"] = acted.count()
    step.refuse_empty(acted, f"{STEP}: no event of a history domain before {context.dates.a1}; check fields and dates")
    if is_local(settings, min(users, settings.max_users), step.counts["interactions"]):
        factors = alternate(acted.select("user_key", "feature").toArrow(), space.size, settings, config.seed)
    else:
        with checkpoints(context.spark, context.models("als", f"{step.version}.checkpoints")):
            model = mllib_als(settings, config.seed, config.spark.shuffle_partitions).fit(acted)
            factors = feature_factors(model.itemFactors, space.size, settings.factors)
    acted.unpersist()
    step.counts["features"] = int(factors.any(axis=1).sum())
    described = AlsModel(settings=settings, vocabulary_version=sizes.version, space=space)
    write_als(context.models("als", step.version), described, factors)


def steps(context: Context) -> Sequence[Step]:
    """One step: the factors are fitted once and used as of any later date."""
    return [
        Step(
            STEP,
            _train,
            ("fields", "baselines.als", "evaluation.new_item_share", "dates"),
            as_of="a1",
            after=(source(context), ("build_vocabularies", "a1"), ("build_user_fields", "a1")),
            inputs=("events", "user_fields", "vocabularies"),
            models=lambda version: [f"{context.models('als', version)}/{MARKER}"],
        )
    ]
