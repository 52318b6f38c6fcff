"""The user model's training set with its log-uniform negatives, next to a copy of as many bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import Benchmark, Contest
from benchmarks.user_tables import ITEMS, log_uniform_array, user_fields
from benchmarks.work import saved, workspace
from jobs.steps.user_model.training_sets import shuffled
from jobs.steps.user_model.user_samples import build_user_samples
from ralm.config import UserSamples

POSITIVES, POSITIVES_PER_USER, FILES = 10_000_000, 10, 8


@contextmanager
def samples(size: int | None) -> Iterator[Benchmark]:
    """10 million positives (or `size`), ten per user, of 100,000 items, with ten log-uniform negatives each.

    Reference: `copy`, a plain Spark job that reads and writes as many bytes: the finished training set, which holds
    its inputs. Also `copy_shuffled`: ours with the shuffle by hash with which the job ends.
    """
    users = max(1, (size or POSITIVES) // POSITIVES_PER_USER)
    with workspace("samples") as (spark, folder):
        fields = saved(user_fields(spark, users), f"{folder}/fields")
        positives = saved(random_positives(spark, users), f"{folder}/positives")

        def build() -> DataFrame:
            return build_user_samples(fields, positives, ITEMS, UserSamples(), 1)

        finished = saved(build(), f"{folder}/finished")
        keys = ["user_key", "positives"]
        references = {"copy": lambda: saved(finished, f"{folder}/copy")}
        yield Benchmark(
            "samples",
            "s",
            [
                Contest("", lambda: saved(build(), f"{folder}/ours"), references, 1),
                Contest(
                    "shuffled",
                    lambda: saved(shuffled(build(), 1, keys, FILES), f"{folder}/ours"),
                    references,
                    1,
                ),
            ],
        )


def random_positives(spark: SparkSession, users: int) -> DataFrame:
    """(user_id, positives, known) as in `user_positives`."""
    known = F.array_distinct(log_uniform_array("positive", 2 * POSITIVES_PER_USER, ITEMS))
    return spark.range(users).select(
        F.col("id").alias("user_id"), F.slice(known, 1, POSITIVES_PER_USER).alias("positives"), known.alias("known")
    )
