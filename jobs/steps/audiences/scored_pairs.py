"""The table `scored_pairs`: scores of given pairs as of their times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Literal

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.steps.lookalike.variants import final_step, lookalike_version
from jobs.steps.systems.ralm import clustered
from ralm.config.names import SYSTEM
from ralm.config.sources import NULL_MARKERS, Source
from ralm.config.time_formats import check_time_format
from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.ingest.casts import UnmappableTypeError, cast_time
from ralm.ingest.ids import read_id, typed_id, whole
from ralm.ingest.read import path_listing, read_source
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.scoring.bundle import write_scoring_bundle
from ralm.spark.errors import user_errors
from ralm.storage.path import StoragePath
from ralm.warehouse.warehouse import is_delta
from udfs.score import score_pairs

# Purposes whose clusters know no click after their date; those made by `refresh` (purpose `live`) may.
KNOWN = ("evaluate", "production")
# No pair that a ranking model learns from is older; epochs of a wrong unit are.
FIRST_TIME = "1990-01-01"
COLUMNS = ("user_id", "item_id", "at")


def read_pairs(
    spark: SparkSession,
    path: str,
    time_format: str | None = None,
    markers: Sequence[str] = NULL_MARKERS,
    say: Callable[[str], None] = print,
) -> DataFrame:
    """(user_id, item_id, at) of a Delta table's path, or of a Parquet file or folder; `at` is NULL if it is missing.

    Files and ids are read by the rules of logs (`ralm.ingest.read`, `ralm.ingest.ids`); columns are found in whatever
    case they are written.

    Args:
        spark: the session.
        path: of the pairs.
        time_format: how `at` is written, as in a source; None: a timestamp, a date or an ISO-8601 string.
        markers: texts that stand for a missing id or time.
        say: takes what a person should know: that there is no column `at`, which files are left out.

    Raises:
        MissingInputError: there is nothing at the path.
        ConfigError: `time_format` is unknown.
        DataError: a column is missing, or times that cannot be: numbers without a format, text that is no time, days
            before 1990 or after tomorrow. By a wrong time, a score would know what came after its pair.
    """
    if not path_listing(spark, path):
        raise MissingInputError(f"--pairs {path}: not found")
    form: Literal["delta", "parquet"] = "delta" if is_delta(spark, path) else "parquet"
    source = Source(path=path, format=form, columns={name: name for name in COLUMNS})
    found = read_source(spark, source, ".", "--pairs", say)
    found = found.toDF(*(name.lower() if name.lower() in COLUMNS else name for name in found.columns))
    missing = [name for name in ("user_id", "item_id") if name not in found.columns]
    if missing:
        raise DataError(f"--pairs {path}: no column {', '.join(missing)}; found {', '.join(found.columns)}")
    ids = {name: _id(found, name, path, markers) for name in ("user_id", "item_id")}
    if "at" not in found.columns:
        others = ", ".join(name for name in found.columns if name not in COLUMNS) or "no other columns"
        say(f"--pairs {path}: no column at ({others}): every pair is scored as of the newest date")
        return found.select(
            *[column.alias(name) for name, column in ids.items()], F.lit(None).cast("timestamp").alias("at")
        )
    try:
        known = None if time_format is None else check_time_format(time_format)
        at = cast_time(F.col("at"), found.schema["at"].dataType, known, "UTC", markers)
    except ValueError as error:
        raise ConfigError(f"--time-format: {error}") from error
    except UnmappableTypeError as error:
        kind = found.schema["at"].dataType.simpleString()
        raise DataError(
            f"--pairs {path}: column at is {kind}, expected {error}, given here by --time-format"
        ) from error
    with user_errors(f"--pairs {path}"):
        _refuse_times(
            found.select(F.col("at").cast("string").alias("raw"), at.value.alias("at"), at.present.alias("is")), path
        )
    return found.select(*[column.alias(name) for name, column in ids.items()], at.value.alias("at"))


def _id(found: DataFrame, name: str, path: str, markers: Sequence[str]) -> Column:
    kind = found.schema[name].dataType
    if not whole(kind):
        raise DataError(f"--pairs {path}: column {name} is {kind.simpleString()}, expected a string or a whole number")
    return read_id(F.col(name), kind, markers).value


def _refuse_times(times: DataFrame, path: str) -> None:
    """Look for times that cannot be (columns: raw, at, is)."""
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    none = F.col("is") & F.col("at").isNull()
    early = F.col("at") < F.lit(FIRST_TIME).cast("timestamp")
    late = F.col("at") > F.lit(tomorrow.isoformat()).cast("timestamp")
    wrong = F.coalesce(none | early | late, F.lit(False))
    row = times.agg(F.count_if(wrong).alias("rows"), F.min(F.when(wrong, F.struct("raw", "at"))).alias("first")).first()
    if row is None or not row["rows"]:
        return
    read = "no time" if row["first"]["at"] is None else f"{row['first']['at']:%Y-%m-%d}"
    raise DataError(
        f"--pairs {path}: {row['rows']:,} times cannot be, such as {row['first']['raw']} ({read}): they lie between "
        f"{FIRST_TIME} and tomorrow; say by --time-format how `at` is written (epoch_ms, a pattern)"
    )


def _dates(step: RunningStep, version: str) -> list[dt.date]:
    """The dates as of which users and items can be scored by a model, in order."""
    own = F.col("model_version") == version
    targets = step.read("target_embeddings").where(own).select("as_of").distinct()
    clusters = step.read("seed_clusters").where(own & F.col("purpose").isin(*KNOWN)).select("as_of").distinct()
    return sorted(row["as_of"] for row in targets.intersect(clusters).collect())  # partition values


def _score(path: str, name: str, time_format: str | None, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    version = lookalike_version(context, SYSTEM)
    dates = _dates(step, version)
    if not dates:
        raise MissingInputError("target_embeddings, seed_clusters: no date in common; run the jobs that make them")
    markers = config.ingest.null_markers if config.ingest is not None else NULL_MARKERS
    pairs = read_pairs(context.spark, path, time_format, markers, step.say)
    pairs = pairs.withColumn("user_id", typed_id(F.col("user_id"), config.user_id_type))
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
        items, prepared = clustered(step, version, date, clusters.join(F.broadcast(asked), "item_id"))
        if prepared is None:
            continue
        folders.append(context.models("work", f"pairs-{step.version}/{date}"))
        bundle = write_scoring_bundle(folders[-1], prepared.state, items)
        rows = context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
        joined_items.append(rows.select(F.lit(date).alias("as_of"), "item_id"))
        joined = own.join(F.broadcast(rows), "item_id").join(prepared.users, "user_id")
        kept = {"as_of": "date", "user_id": config.user_id_type, "item_id": "string", "at": "timestamp"}
        chosen = joined.select(*kept, "item_index", *prepared.state.scorer.columns)
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
    StoragePath.at(context.models("work", f"pairs-{step.version}")).remove()


def steps(context: Context, path: str, name: str | None = None, time_format: str | None = None) -> Sequence[Step]:
    """One step per set of pairs; without a given name, the set has the file's. `time_format` is that of `at`."""
    called = name or PurePosixPath(path.rstrip("/")).stem
    return [
        Step(
            f"score_pairs[{called}]",
            partial(_score, path, called, time_format),
            ("lookalike", "scoring"),
            after=((final_step(context.config, SYSTEM), "a1"),),
            inputs=("target_embeddings", "seed_clusters"),
            extra=lambda: f"{path_listing(context.spark, path)} {versions(context)} {time_format or ''}".rstrip(),
        )
    ]


def versions(context: Context) -> list[int]:
    """Versions of the tables that the scores are made from: other embeddings or clusters give other scores."""
    return [context.warehouse.version(name) for name in ("target_embeddings", "seed_clusters")]
