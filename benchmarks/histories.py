"""Histories from events, next to the obvious line of Spark, and next to DuckDB."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import Benchmark, Contest
from benchmarks.user_tables import hashed, log_uniform
from benchmarks.work import cores, saved, workspace
from jobs.steps.users.histories import build_histories
from ralm.config import HistoryField

EVENTS, USERS_SHARE, HEAVY_SHARE, DAYS = 20_000_000, 1 / 20, 1 / 20, 20
DOMAINS, LENGTH, FEATURES = ("reading", "shopping", "search", "music"), 20, 1_000_000
FIELDS = [HistoryField(domain=domain, length=LENGTH) for domain in DOMAINS]
START = dt.date(2024, 1, 1)
END = START + dt.timedelta(days=DAYS)


@contextmanager
def histories(size: int | None) -> Iterator[Benchmark]:
    """20 million events (or `size`), a user per 20 by a power law, one with a twentieth of all; newest 20 per domain.

    References: `collect_list` (collect, sort, slice), `duckdb` (`list(… order by …)[1:20]`) on as many threads.
    """
    count = size or EVENTS
    with workspace("histories") as (spark, folder):
        events = saved(make_events(spark, count), f"{folder}/events")
        files = [path.removeprefix("file://") for path in events.inputFiles()]
        yield Benchmark(
            "histories",
            "events/s",
            [
                Contest(
                    "",
                    lambda: saved(build_histories(events, FIELDS, END), f"{folder}/ours"),
                    {
                        "collect_list": lambda: saved(collected(events), f"{folder}/collected"),
                        "duckdb": lambda: in_duckdb(files, f"{folder}/duckdb.parquet"),
                    },
                    count,
                )
            ],
        )


def make_events(spark: SparkSession, count: int) -> DataFrame:
    """Events (user_id, domain, feature_id, event_time) of `DAYS` days.

    Ranks of users follow a power law of exponent 1/2, features one of exponent 1; user 0 has a twentieth of all.
    """
    number, users = F.col("id"), max(2, int(count * USERS_SHARE))

    other = F.floor(F.pow(hashed("user", number), 2.0) * (users - 1)) + 1
    seconds = F.floor(hashed("time", number) * F.lit(DAYS * 86_400.0))
    return spark.range(count).select(
        F.when(number % int(1 / HEAVY_SHARE) == 0, F.lit(0)).otherwise(other).cast("bigint").alias("user_id"),
        F.element_at(
            F.array(*map(F.lit, DOMAINS)), F.pmod(F.xxhash64(F.lit("domain"), number), 4).cast("int") + 1
        ).alias("domain"),
        F.concat(F.lit("f"), log_uniform("feature", FEATURES, number).cast("string")).alias("feature_id"),
        F.timestamp_seconds(F.unix_timestamp(F.lit(START).cast("timestamp")) + seconds).alias("event_time"),
    )


def collected(events: DataFrame) -> DataFrame:
    """The plain Spark job: collect all of a user's events, sort them, take the newest."""
    entry = F.struct("event_time", "feature_id")
    newest = [
        F.slice(F.sort_array(F.collect_list(F.when(F.col("domain") == domain, entry)), asc=False), 1, LENGTH).alias(
            domain
        )
        for domain in DOMAINS
    ]
    return events.groupBy("user_id").agg(*newest)


def in_duckdb(files: list[str], path: str) -> None:
    """The same in DuckDB, from the same files into its own file."""
    entry = "{'feature_id': feature_id, 'event_time': event_time}"
    newest = ", ".join(
        f"(list({entry} ORDER BY event_time DESC) FILTER (domain = '{domain}'))[1:{LENGTH}] AS {domain}"
        for domain in DOMAINS
    )
    query = f"SELECT user_id, {newest} FROM read_parquet({files!r}) GROUP BY user_id"
    with duckdb.connect() as connection:
        connection.execute(f"SET threads = {cores()}")
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
