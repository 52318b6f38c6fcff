"""The table `vocabularies`: the ranked features of each field."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.sources.known_events import known_events, source
from ralm.features.vocabularies import FieldSizes, build_vocabularies, field_sizes
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.storage.path import StoragePath

SECTIONS = ("fields", "evaluation.new_item_share", "dates")


def sizes_path(context: Context) -> StoragePath:
    """Where the sizes of the current vocabulary are kept."""
    version = context.require("build_vocabularies", "a1").version
    return StoragePath.at(context.models("vocabulary", version)) / "fields.json"


def load_sizes(context: Context) -> FieldSizes:
    """The sizes and normalisation of the current vocabulary."""
    return FieldSizes.model_validate_json(sizes_path(context).read_text())


def current_vocabulary(step: RunningStep, sizes: FieldSizes) -> DataFrame:
    """The rows of the current vocabulary."""
    return step.at("vocabularies", vocabulary_version=sizes.version)


def _build(step: RunningStep) -> None:
    config, context = step.context.config, step.context
    users = step.read("users")
    frame = build_vocabularies(known_events(step), users, config.fields, context.dates.a1)
    labelled = frame.withColumn("vocabulary_version", F.lit(step.version))
    step.replace("vocabularies", labelled, "features", vocabulary_version=step.version)
    written = step.written("vocabularies").where(F.col("vocabulary_version") == step.version)
    sizes = field_sizes(written, users, config.fields, step.version)
    (StoragePath.at(context.models("vocabulary", step.version)) / "fields.json").write_text(
        sizes.model_dump_json(indent=1)
    )


def steps(context: Context) -> Sequence[Step]:
    """One step: the vocabulary of the user model's label window and of everything before it."""
    return [
        Step(
            "build_vocabularies",
            _build,
            SECTIONS,
            as_of="a1",
            after=(source(context),),
            inputs=("events", "users"),
            models=lambda version: [f"{context.models('vocabulary', version)}/fields.json"],
        )
    ]
