"""Implicit ALS by MLlib: the factors of features, fitted on the interactions of users."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.baselines.feature_space import FeatureSpace
from ralm.config import Als
from ralm.features.hashing import bucket
from ralm.field_specs import UserFields
from ralm.storage.path import StoragePath

# The number of messages between blocks is the number of blocks squared.
_BLOCKS = 100
# A task may carry the lineage of at most so many iterations.
_CHECKPOINT_INTERVAL = 3


def history_space(fields: UserFields) -> FeatureSpace:
    """A column for every feature of every history, all domains side by side."""
    return FeatureSpace(fields=UserFields(histories=fields.histories))


def interactions(events: DataFrame, vocabulary: DataFrame, space: FeatureSpace, until: dt.date, seed: int) -> DataFrame:
    """Which user acted on which feature, whatever the length of the histories.

    Args:
        events: (user_id, domain, feature_id, event_time), without held-out items.
        vocabulary: (field, feature_id, index).
        space: of `history_space`.
        until: only events before this midnight (UTC).
        seed: of the keys.

    Returns:
        (user_key int, feature int, rating float), distinct; `feature` is a column of the space, every rating is 1.
        MLlib takes 32-bit ids: the key is a hash on 31 bits, and users who share one count as one user (of 5 million
        users, 0.2 % do). Only the features' factors are kept, so no user gets the vector of another.
    """
    domains = [spec.domain for spec in space.fields.histories]
    starts = np.cumsum([0, *space.widths]).tolist()
    shifted = [
        F.when(F.col("field") == name, F.col("index") - 1 + start)
        for name, start in zip(domains, starts[:-1], strict=True)
    ]
    known = vocabulary.where(F.col("field").isin(domains)).select(
        F.col("field").alias("domain"), "feature_id", F.coalesce(*shifted).cast("int").alias("feature")
    )
    acted = events.where(F.col("event_time") < F.lit(until)).join(known, ["domain", "feature_id"])
    key = bucket("als key", seed, "user_id", buckets=1 << 31).cast("int")
    return acted.select(key.alias("user_key"), "feature").distinct().withColumn("rating", F.lit(1.0).cast("float"))


def mllib_als(settings: Als, seed: int, partitions: int) -> ALS:
    """MLlib's estimator for the rows of `interactions`.

    Its confidence of a rating r is 1 + alpha·r, here r = 1; its penalty is regParam times the number of ratings of a
    user, or of an item.
    """
    blocks = min(partitions, _BLOCKS)
    return ALS(
        rank=settings.factors,
        maxIter=settings.iterations,
        regParam=settings.regularisation,
        alpha=settings.alpha,
        implicitPrefs=True,
        userCol="user_key",
        itemCol="feature",
        ratingCol="rating",
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        checkpointInterval=_CHECKPOINT_INTERVAL,
        seed=seed,
    )


@contextmanager
def checkpoints(spark: SparkSession, folder: str) -> Iterator[None]:
    """Inside the block, MLlib writes its factors to storage every few iterations; they are removed at the end.

    Without checkpoints a task carries the lineage of all iterations, and reading it can overflow the JVM's stack: on
    two cores this happened at ten iterations.

    Args:
        spark: the session.
        folder: next to the models, on storage that all executors reach.
    """
    place = StoragePath.at(folder)
    spark.sparkContext.setCheckpointDir(place.url)
    try:
        yield
    finally:
        place.remove()


def feature_factors(factors: DataFrame, features: int, width: int) -> NDArray[np.float32]:
    """MLlib's `itemFactors` as one array (features, width); zeros where no user acted on a feature."""
    table = factors.select("id", F.col("features").alias("vector")).toArrow()  # bounded by the vocabularies
    found = np.zeros((features, width), dtype=np.float32)
    vectors = table.column("vector").combine_chunks().flatten().to_numpy()
    found[table.column("id").to_numpy()] = vectors.reshape(-1, width)
    return found
