"""Candidates of items by MinHash bands, next to MLlib's MinHash join of users and seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from pyspark.ml.feature import MinHashLSH
from pyspark.ml.linalg import Vectors, VectorUDT
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from benchmarks.harness import Benchmark, Contest
from benchmarks.user_tables import FIELDS, user_fields
from benchmarks.work import saved, workspace
from jobs.steps.systems.lsh_candidates import bucket_matches, candidates, crowded_buckets, seed_buckets
from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.minhash import MinHash
from ralm.config.baselines import LshIv
from udfs.minhash import bucket_users
from udfs.shapes import Batches

USERS, ITEMS, SEEDS = 100_000, 100, 20
SETTINGS, SPACE = LshIv(), FeatureSpace(fields=FIELDS)


@contextmanager
def lsh_iv(size: int | None) -> Iterator[Benchmark]:
    """The candidates of 100 items with 20 seeds each among 100,000 users (or `size`) of some 50 features.

    Reference: `mllib`, `MinHashLSH.approxSimilarityJoin` of users and seeds at the bands' threshold, with as many hash
    tables as give the same recall there (MLlib has no AND: a table is one hash). It joins pairs of users and seeds, so
    it cannot manage a million users here.
    """
    users = size or USERS
    with workspace("lsh-iv") as (spark, folder):
        fields = saved(user_fields(spark, users), f"{folder}/fields")
        seeds = saved(seeds_of(fields, users), f"{folder}/seeds")
        vectors = fields.select("user_id", *SPACE.columns).mapInArrow(indices, "user_id bigint, indices array<int>")
        sparse = F.udf(lambda found: Vectors.sparse(SPACE.size, found, [1.0] * len(found)), VectorUDT())
        features = saved(vectors.select("user_id", sparse("indices").alias("features")), f"{folder}/vectors")
        model = MinHashLSH(inputCol="features", outputCol="hashes", numHashTables=tables(), seed=1).fit(features)
        known = features.join(seeds.select("user_id"), "user_id")

        def mllib() -> None:
            pairs = model.approxSimilarityJoin(features, known, 1.0 - threshold())
            saved(pairs.select(F.col("datasetA.user_id").alias("user_id")).distinct(), f"{folder}/mllib")

        yield Benchmark(
            "lsh_iv",
            "users/s",
            [Contest("", lambda: saved(ours(fields, seeds), f"{folder}/ours"), {"mllib": mllib}, users)],
        )


def ours(fields: DataFrame, seeds: DataFrame) -> DataFrame:
    """The candidates, as the system `lsh_iv` finds them."""
    minhash = MinHash(SETTINGS.bands, SETTINGS.rows, 1)
    known = seed_buckets(seeds.mapInArrow(*bucket_users(SPACE, minhash, {"items": "array<int>"})))
    hashed = fields.mapInArrow(*bucket_users(SPACE, minhash, {"user_id": "bigint"}))
    matches = bucket_matches(hashed, known, broadcast=True).persist()
    return candidates(matches, crowded_buckets(matches, SETTINGS.bucket_share * fields.count()))


def threshold() -> float:
    """The Jaccard similarity at which the bands' S-curve is steepest, (1 / b)^(1 / r)."""
    return float((1 / SETTINGS.bands) ** (1 / SETTINGS.rows))


def tables() -> int:
    """Hash tables whose recall at the threshold, 1 - (1 - s)^tables, is that of the bands or more."""
    similarity = threshold()
    missed = (1 - similarity**SETTINGS.rows) ** SETTINGS.bands
    return math.ceil(math.log(missed) / math.log(1 - similarity))


def seeds_of(fields: DataFrame, users: int) -> DataFrame:
    """The fields of `ITEMS` · `SEEDS` users by hash, with `items` array<int>, one each."""
    order = F.xxhash64(F.lit("seed"), "user_id")
    chosen = fields.orderBy(order).limit(min(users, ITEMS * SEEDS))
    return chosen.withColumn("items", F.array(F.pmod(F.xxhash64("user_id"), F.lit(ITEMS)).cast("int")))


def indices(batches: Batches) -> Iterator[pa.RecordBatch]:
    """user_id and the sorted places of the user's features."""
    for batch in batches:
        found = SPACE.matrix(batch)
        found.sort_indices()
        lists = pa.ListArray.from_arrays(pa.array(found.indptr, pa.int32()), pa.array(found.indices, pa.int32()))
        yield pa.record_batch([batch.column("user_id"), lists], ["user_id", "indices"])
