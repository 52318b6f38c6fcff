"""The user model's training set with its log-uniform negatives, beside a copy of as many bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import Benchmark, Contest
from benchmarks.user_tables import ITEMS, log_uniform_array, user_fields
from benchmarks.work import saved, workspace
from ralm.config import UserSamples
from ralm.features.samples import build_user_samples

POSITIVES, POSITIVES_A_USER = 10_000_000, 10


@contextmanager
def samples(size: int | None) -> Iterator[Benchmark]:
    """10 million positives (or `size`), ten a user, of 100,000 items, with ten log-uniform negatives each.

    Reference: `copy`, a plain Spark job that scans the same input and writes as many bytes: the finished training set.
    """
    users = max(1, (size or POSITIVES) // POSITIVES_A_USER)
    with workspace("samples") as (spark, folder):
        fields = saved(user_fields(spark, users), f"{folder}/fields")
        positives = saved(random_positives(spark, users), f"{folder}/positives")

        def build(path: str) -> DataFrame:
            return saved(build_user_samples(fields, positives, ITEMS, UserSamples(), 1), f"{folder}/{path}")

        finished = build("finished")

        def copy() -> None:
            for frame in (fields, positives):
                frame.write.format("noop").mode("overwrite").save()
            saved(finished, f"{folder}/copy")

        yield Benchmark("samples", "s", [Contest("", lambda: build("ours"), {"copy": copy}, 1)])


def random_positives(spark: SparkSession, users: int) -> DataFrame:
    """(user_id, positives, known) as of `user_positives`."""
    known = F.array_distinct(log_uniform_array("positive", 2 * POSITIVES_A_USER, ITEMS))
    return spark.range(users).select(
        F.col("id").alias("user_id"), F.slice(known, 1, POSITIVES_A_USER).alias("positives"), known.alias("known")
    )
