"""The training set of the user model: positives of a label window, each with log-uniform negatives. No job itself.

One row carries a user's fields once, up to P positives and their negatives, as item indices of the label domain.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.config import UserSamples
from ralm.features.hashing import chosen
from udfs.negatives import label_rows


def build_user_samples(
    user_fields: DataFrame, positives: DataFrame, items: int, config: UserSamples, seed: int
) -> DataFrame:
    """Rows of the training set.

    Args:
        user_fields: (user_id, the field columns) as of A0.
        positives: of `user_positives`.
        items: D, the size of the label domain's vocabulary.
        config: positives a row, negatives a positive, share of validation users.
        seed: of the draws.

    Returns:
        (user_key, validation, the field columns, positives array<int> of P, 0-padded, negatives array<int> of
        negatives·P, flat: those of positive j are at [negatives·j, negatives·(j+1)), 0 where there is none).
        Numeric columns only, as the loaders need them.
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
        chosen("validation user", seed, config.validation_share, "user_id").alias("validation"),
        *fields,
        "positives",
        "negatives",
    )
