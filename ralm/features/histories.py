"""Histories: the newest L things that a user acted on, per behaviour domain."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.config import HistoryField

_ENTRY = "array<struct<feature_id:string,event_time:timestamp>>"


def update_histories(previous: DataFrame, recent: DataFrame, fields: Sequence[HistoryField]) -> DataFrame:
    """Earlier histories with the recent entries put in front.

    Args:
        previous: histories as of a date.
        recent: histories of only the events since that date.
        fields: the behaviour domains with their lengths.

    Returns:
        The same rows as `build_histories` over all events.
    """
    old = previous.select("user_id", *[F.col(field.domain).alias(f"{field.domain}.old") for field in fields])
    new = recent.select("user_id", *[F.col(field.domain).alias(f"{field.domain}.new") for field in fields])
    empty = F.array().cast(_ENTRY)
    merged = [
        F.slice(
            F.concat(
                F.coalesce(F.col(f"`{field.domain}.new`"), empty), F.coalesce(F.col(f"`{field.domain}.old`"), empty)
            ),
            1,
            field.length,
        ).alias(field.domain)
        for field in fields
    ]
    # Hashing the recent rows, which are fewer, saves sorting all users' nested rows.
    return old.join(new.hint("shuffle_hash"), "user_id", "full_outer").select("user_id", *merged)
