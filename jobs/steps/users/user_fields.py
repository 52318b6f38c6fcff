"""The table `user_fields`: histories and profiles as indices, as of a date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.sources.known_events import source
from jobs.steps.users.histories import DATES
from jobs.steps.users.vocabularies import current_vocabulary, load_sizes
from ralm.features.user_fields import FieldIndexer, join_profiles, output_schema
from ralm.features.vocabularies import lookup_tables
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from udfs.fields import index_users


def weak_users(step: RunningStep, as_of: dt.date | None) -> DataFrame:
    """(user_id, weak): all users, and whether they have no history in the strong domain as of that date."""
    context = step.context
    fields = step.at("user_fields", as_of=as_of, vocabulary_version=load_sizes(context).version)
    history = F.col(f"history_{context.config.fields.strong_domain}")
    return fields.select("user_id", (F.get(history, F.lit(0)) == 0).alias("weak"))


def _build(step: RunningStep) -> None:
    config, context = step.context.config, step.context
    sizes = load_sizes(context)
    tables = lookup_tables(current_vocabulary(step, sizes), sizes)
    users = step.read("users")
    profiles = join_profiles(users, step.at("histories", as_of=step.as_of), config.fields)
    schema = output_schema(sizes, users.schema["user_id"])
    frame = profiles.mapInArrow(index_users(FieldIndexer(sizes, tables)), schema)
    keyed = frame.withColumns({"as_of": F.lit(step.as_of), "vocabulary_version": F.lit(sizes.version)})
    step.replace("user_fields", keyed, "users", as_of=step.as_of, vocabulary_version=sizes.version)


def steps(context: Context) -> Sequence[Step]:
    """One step per date."""
    return [
        Step(
            "build_user_fields",
            _build,
            ("fields",),
            as_of=name,
            after=(source(context), ("build_vocabularies", "a1"), ("build_histories", name)),
            inputs=("users", "histories", "vocabularies"),
        )
        for name in DATES
    ]
