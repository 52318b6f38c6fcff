"""The table `scored_pairs`: scores of given pairs as of their times."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import PurePosixPath

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.steps.lookalike.variants import final_step, lookalike_folder, lookalike_version
from jobs.steps.systems.ralm import lookalike_scorer
from ralm.config.names import SYSTEM
from ralm.errors import DataError, MissingInputError
from ralm.ingest.read import path_listing
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.scoring.bundle import write_scoring_bundle
from ralm.training.checkpoints import dated_weights, model_folder
from ralm.warehouse.warehouse import is_delta
from udfs.score import score_pairs

# Purposes whose clusters know no click after their date; those made by `refresh` (purpose `live`) may.
KNOWN = ("evaluate", "production")


def read_pairs(spark: SparkSession, path: str) -> DataFrame:
    """(user_id, item_id, at) of a Delta table's path, or of a Parquet file or folder; `at` is NULL if it is missing.

    Raises:
        MissingInputError: there is nothing at the path.
        DataError: a column is missing.
    """
    if not path_listing(spark, path):
        raise MissingInputError(f"--pairs {path}: not found")
    source = "delta" if is_delta(spark, path) else "parquet"
    found = spark.read.format(source).load(path)
    missing = [name for name in ("user_id", "item_id") if name not in found.columns]
    if missing:
        raise DataError(f"--pairs {path}: no column {', '.join(missing)}; found {', '.join(found.columns)}")
    at = F.col("at") if "at" in found.columns else F.lit(None)
    return found.select("user_id", F.col("item_id").cast("string"), at.cast("timestamp").alias("at"))


def _dates(step: RunningStep, version: str) -> list[dt.date]:
    """The dates as of which users and items can be scored by a model, in order."""
    own = F.col("model_version") == version
    targets = step.read("target_embeddings").where(own).select("as_of").distinct()
    clusters = step.read("seed_clusters").where(own & F.col("purpose").isin(*KNOWN)).select("as_of").distinct()
    return sorted(row["as_of"] for row in targets.intersect(clusters).collect())  # partition values


def _score(path: str, name: str, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    version = lookalike_version(context, SYSTEM)
    dates = _dates(step, version)
    if not dates:
        raise MissingInputError("target_embeddings, seed_clusters: no date in common; run the jobs that make them")
    pairs = read_pairs(context.spark, path).withColumn("user_id", F.col("user_id").cast(config.user_id_type))
    # The newest date at or before the pair's time: seeds and embeddings know only what was before that date.
    known = [F.when(F.coalesce(F.col("at") >= F.lit(date), F.lit(True)), F.lit(date)) for date in dates]
    pairs = pairs.withColumn("as_of", F.greatest(*known, F.lit(None).cast("date"))).persist()
    counts = {row["as_of"]: row["count"] for row in pairs.groupBy("as_of").count().collect()}
    if early := counts.get(None, 0):
        step.say(f"{early:,} pairs are before {dates[0]}, the first date that can be scored: left out")
    scored, joined_items, folders = [], [], []
    for date in (date for date in dates if counts.get(date)):
        clusters = step.at("seed_clusters", as_of=date, model_version=version)
        clusters = clusters.where(F.col("purpose").isin(*KNOWN))
        own = pairs.where(F.col("as_of") == F.lit(date))
        asked = own.select("item_id").distinct()
        weights = dated_weights(lookalike_folder(context, SYSTEM), date)
        items, state = lookalike_scorer(weights, clusters.join(F.broadcast(asked), "item_id"))
        if state is None:
            continue
        folders.append(context.models("work", f"pairs-{step.version}/{date}"))
        bundle = write_scoring_bundle(folders[-1], state, items)
        rows = context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
        joined_items.append(rows.select(F.lit(date).alias("as_of"), "item_id"))
        targets = step.at("target_embeddings", as_of=date, model_version=version)
        joined = own.join(F.broadcast(rows), "item_id").join(targets.select("user_id", "bias", "embedding"), "user_id")
        kept = {"as_of": "date", "user_id": config.user_id_type, "item_id": "string", "at": "timestamp"}
        chosen = joined.select(*kept, "item_index", "bias", "embedding")
        scored.append(chosen.mapInArrow(*score_pairs(bundle, kept, block=config.scoring.block)))
    if not scored:
        raise DataError(f"--pairs {path}: none of {sum(counts.values()):,} pairs has an item with seeds by its time")
    every = scored[0]
    for part in scored[1:]:
        every = every.unionByName(part)
    keyed = every.withColumns({"pairs": F.lit(name), "system": F.lit(SYSTEM)})
    step.replace("scored_pairs", keyed, "pairs", pairs=name)
    step.counts["without a score"] = sum(counts.values()) - step.counts["pairs"]
    if late := step.counts["without a score"] - early:
        known_items = joined_items[0]
        for part in joined_items[1:]:
            known_items = known_items.unionByName(part)
        dated = pairs.where(F.col("as_of").isNotNull())
        strange = dated.join(F.broadcast(known_items), ["as_of", "item_id"], "left_anti").count()
        step.say(
            f"{strange:,} pairs have an item without seeds by their time, {late - strange:,} a user without an "
            "embedding by their time: left out"
        )
    pairs.unpersist()
    shutil.rmtree(model_folder(context.models("work", f"pairs-{step.version}")), ignore_errors=True)


def steps(context: Context, path: str, name: str | None = None) -> Sequence[Step]:
    """One step per set of pairs; without a given name, the set has the file's."""
    called = name or PurePosixPath(path.rstrip("/")).stem
    return [
        Step(
            f"score_pairs[{called}]",
            partial(_score, path, called),
            ("lookalike", "scoring"),
            after=((final_step(context.config, SYSTEM), "a1"),),
            inputs=("target_embeddings", "seed_clusters"),
            extra=lambda: f"{path_listing(context.spark, path)} {versions(context)}",
        )
    ]


def versions(context: Context) -> list[int]:
    """Versions of the tables that the scores are made from: other embeddings or clusters give other scores."""
    return [context.warehouse.version(name) for name in ("target_embeddings", "seed_clusters")]
