"""Turn histories and profiles into indices and normalised numbers, what the models read of a user, as of a date."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import functions as F

from jobs.application import run
from jobs.arguments import Arguments, run_job
from jobs.build_histories import DATES
from jobs.build_vocabularies import current_vocabulary, load_sizes, source
from ralm.features.user_fields import FieldIndexer, join_profiles, output_schema
from ralm.features.vocabularies import lookup_tables
from ralm.runs import Context, RunningStep, Step
from udfs.fields import index_users


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
    """One step a date."""
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


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "build_user_fields", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
