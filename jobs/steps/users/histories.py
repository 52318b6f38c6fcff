"""The table `histories`: the newest things a user did in each behaviour domain, as of a date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.sources.known_events import known_events, source
from ralm.config import HistoryField
from ralm.dates import DateName
from ralm.features.histories import update_histories
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
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
        (user_id, one column per domain: array<struct<feature_id, event_time>>, newest first, ties by feature_id, empty
        where the user did nothing). Events that cannot be among the newest are cut before the shuffle, so a user with
        10^6 events moves at most `length` rows per million read. A worker holds one partition's events (some
        100 bytes each): `spark.sql.shuffle.partitions` says how many there are.
    """
    spark = events.sparkSession
    domains = [field.domain for field in fields]
    window = (F.col("event_time") < F.lit(until)) & F.col("domain").isin(domains)
    if since is not None:
        window &= F.col("event_time") >= F.lit(since)
    parts = int(spark.conf.get("spark.sql.shuffle.partitions") or 200)
    kind = events.schema["user_id"].dataType.simpleString()
    # `hash` is what a shuffle partitions by: any user's id takes its part's events to the right place.
    columns = events.where(window).select(
        "user_id",
        (F.array_position(F.array(*map(F.lit, domains)), F.col("domain")) - 1).cast("tinyint").alias("domain"),
        "feature_id",
        F.unix_micros("event_time").alias("event_time"),
        F.pmod(F.hash("user_id"), F.lit(parts)).alias("part"),
    )
    packed = columns.mapInArrow(*pack_events(fields, kind)).repartition(parts, "user_id")
    return packed.mapInArrow(*newest_entries(fields, kind))


DATES: tuple[DateName, ...] = ("a0", "a1", "a2", "a3")


def _build(step: RunningStep) -> None:
    context, fields = step.context, step.context.config.fields.history
    assert step.as_of is not None
    earlier = DATES[: DATES.index(step.step.as_of or "a0")]
    if not earlier:
        histories = build_histories(known_events(step), fields, step.as_of)
    else:
        since = context.dates[earlier[-1]]
        previous = step.at("histories", as_of=since)
        recent = build_histories(known_events(step), fields, step.as_of, since=since)
        histories = update_histories(previous.drop("as_of"), recent, fields)
    step.replace("histories", histories.withColumn("as_of", F.lit(step.as_of)), "users", as_of=step.as_of)


def steps(context: Context) -> Sequence[Step]:
    """One step per date, each on top of the one before."""
    made = []
    for position, name in enumerate(DATES):
        previous = (("build_histories", DATES[position - 1]),) if position else ()
        made.append(
            Step(
                "build_histories",
                _build,
                ("fields", "evaluation.new_item_share", "dates"),
                as_of=name,
                after=(source(context), *previous),
                inputs=("events", "histories") if previous else ("events",),
            )
        )
    return made
