"""Histories: the newest L things a user acted on, a behaviour domain at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ralm.config import HistoryField

_ENTRY = "array<struct<feature_id:string,event_time:timestamp>>"


def build_histories(
    events: DataFrame, fields: Sequence[HistoryField], until: dt.date, since: dt.date | None = None
) -> DataFrame:
    """The newest entries of each user.

    Args:
        events: (user_id, domain, feature_id, event_time), without held-out items.
        fields: the behaviour domains with their lengths.
        until: only events before this midnight (UTC).
        since: only events at or after this midnight; left out: from the beginning.

    Returns:
        (user_id, one column a domain: array<struct<feature_id, event_time>>, newest first, ties by feature_id, empty
        where the user did nothing there). The rank is cut before the shuffle (Spark's group limit), so a user with
        10^6 events moves at most `length` rows a partition.
    """
    lengths = {field.domain: field.length for field in fields}
    window = (F.col("event_time") < F.lit(until)) & F.col("domain").isin(list(lengths))
    if since is not None:
        window &= F.col("event_time") >= F.lit(since)
    newest = Window.partitionBy("user_id", "domain").orderBy(F.desc("event_time"), "feature_id")
    ranked = (
        events.where(window)
        .select("user_id", "domain", "feature_id", "event_time", F.row_number().over(newest).alias("rank"))
        .where(F.col("rank") <= max(lengths.values()))
    )
    return ranked.groupBy("user_id").agg(*[_entries(domain, length) for domain, length in lengths.items()])


def _entries(domain: str, length: int) -> Column:
    entry = F.struct("rank", F.struct("feature_id", "event_time").alias("entry"))
    mine = F.sort_array(F.collect_list(F.when((F.col("domain") == domain) & (F.col("rank") <= length), entry)))
    return F.transform(mine, lambda pair: pair["entry"]).cast(_ENTRY).alias(domain)


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
    return old.join(new, "user_id", "full_outer").select("user_id", *merged)
