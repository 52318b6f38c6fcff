"""The table `user_samples`: positives of a label window, each with log-uniform negatives.

One row carries a user's fields once, up to P positives and their negatives, as item indices of the label domain.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.sources.known_events import known_events, source
from jobs.steps.user_model.training_sets import write_training_set
from jobs.steps.users.vocabularies import current_vocabulary, load_sizes
from ralm.config import UserSamples
from ralm.features.samples import events_between, user_positives
from ralm.features.seeds import is_validation_user
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from udfs.negatives import label_rows


def build_user_samples(
    user_fields: DataFrame, positives: DataFrame, items: int, config: UserSamples, seed: int
) -> DataFrame:
    """Rows of the training set.

    Args:
        user_fields: (user_id, the field columns) as of A0.
        positives: of `user_positives`.
        items: D, the size of the label domain's vocabulary.
        config: positives per row, negatives per positive, share of validation users.
        seed: of the draws.

    Returns:
        (user_key, validation, the field columns, positives array<int> of P, 0-padded, negatives array<int> of
        negatives·P, flat: those of positive j are at [negatives·j, negatives·(j+1)), 0 where there is no positive).
        Numeric columns only, because the loaders read no others.
    """
    # Without room for a single negative there is nothing to learn from.
    labelled = positives.where(F.size("known") < items).select(
        "user_id", F.xxhash64("user_id").alias("user_key"), "positives", "known"
    )
    kind = positives.schema["user_id"].dataType.simpleString()
    rows = labelled.mapInArrow(*label_rows(items, config, seed, kind))
    fields = [column for column in user_fields.columns if column != "user_id"]
    return rows.join(user_fields, "user_id").select(
        "user_key",
        is_validation_user(config.validation_share, seed).alias("validation"),
        *fields,
        "positives",
        "negatives",
    )


def step_name(representation: str) -> str:
    """The step that makes a representation's samples."""
    return f"build_user_samples[{representation}]"


def _build(representation: str, step: RunningStep) -> None:
    config, dates = step.context.config, step.context.dates
    sizes = load_sizes(step.context)
    vocabulary = current_vocabulary(step, sizes)
    events = known_events(step)
    step.refuse_empty(
        events_between(events, representation, dates.a0, dates.a1),
        f"user_samples: no event of domain '{representation}' in [{dates.a0}, {dates.a1}); check "
        "user_model.representations and dates",
    )
    positives = user_positives(events, vocabulary, representation, dates.a0, dates.a1, config.user_samples, config.seed)
    items = vocabulary.where(F.col("field") == representation).count()
    fields = step.at("user_fields", as_of=step.as_of, vocabulary_version=sizes.version)
    samples = build_user_samples(
        fields.drop("as_of", "vocabulary_version"), positives, items, config.user_samples, config.seed
    )
    keys = ["user_key", "positives"]
    write_training_set(step, "user_samples", samples, keys, config.user_training, "rows", representation=representation)


def steps(context: Context) -> Sequence[Step]:
    """One step per representation."""
    return [
        Step(
            step_name(representation),
            partial(_build, representation),
            ("fields", "user_samples", "evaluation.new_item_share", "dates"),
            as_of="a0",
            after=(source(context), ("build_vocabularies", "a1"), ("build_user_fields", "a0")),
            inputs=("events", "user_fields", "vocabularies"),
        )
        for representation in context.config.user_model.representations
    ]
