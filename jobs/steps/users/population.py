"""The sample of users that stands for all of them."""

from __future__ import annotations

from pyspark.sql import Column

from jobs.steps.users.vocabularies import load_sizes
from ralm.features.hashing import chosen
from ralm.runs.step import RunningStep


def in_population(step: RunningStep) -> Column:
    """Whether a user is in the sample as of A1, by hash: about `lookalike.population` users.

    It reads the table user_fields.
    """
    context, config = step.context, step.context.config
    fields = step.at("user_fields", as_of=context.dates.a1, vocabulary_version=load_sizes(context).version)
    share = min(1.0, config.lookalike.population / max(1, fields.count()))  # counted from the files' footers
    return chosen("population", config.seed, share, "user_id")
