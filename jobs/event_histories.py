"""The newest entries of every user from a log of events. No job itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.config import HistoryField
from udfs.histories import newest_entries, pack_events


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
        where the user did nothing there). What cannot be among the newest is cut before the shuffle, so a user with
        10^6 events moves at most `length` rows a million that are read. A worker holds one partition's events (some
        100 bytes each): `spark.sql.shuffle.partitions` says how many there are.
    """
    spark = events.sparkSession
    domains = [field.domain for field in fields]
    window = (F.col("event_time") < F.lit(until)) & F.col("domain").isin(domains)
    if since is not None:
        window &= F.col("event_time") >= F.lit(since)
    parts = int(spark.conf.get("spark.sql.shuffle.partitions") or 200)
    kind = events.schema["user_id"].dataType.simpleString()
    # `hash` is what a shuffle partitions by: any user of a part takes its events where they belong.
    columns = events.where(window).select(
        "user_id",
        (F.array_position(F.array(*map(F.lit, domains)), F.col("domain")) - 1).cast("tinyint").alias("domain"),
        "feature_id",
        F.unix_micros("event_time").alias("event_time"),
        F.pmod(F.hash("user_id"), F.lit(parts)).alias("part"),
    )
    packed = columns.mapInArrow(*pack_events(fields, kind)).repartition(parts, "user_id")
    return packed.mapInArrow(*newest_entries(fields, kind))
