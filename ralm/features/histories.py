"""Histories: the newest L things a user acted on, a behaviour domain at a time."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.config import HistoryField

_ENTRY = "array<struct<feature_id:string,event_time:timestamp>>"


def update_histories(previous: DataFrame, recent: DataFrame, fields: Sequence[HistoryField]) -> DataFrame:
    """Yesterday's histories with the recent entries before them.

    Args:
        previous: histories as of a date.
        recent: histories of only the events since that date.
        fields: the behaviour domains with their lengths.

    Returns:
        The same rows that `build_histories` would give over all events.
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
    # Hashing the recent rows, the fewer ones, saves sorting all users' nested ones.
    return old.join(new.hint("shuffle_hash"), "user_id", "full_outer").select("user_id", *merged)
