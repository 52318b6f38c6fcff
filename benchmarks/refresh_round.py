"""`python -m benchmarks.refresh_round`: a round of `refresh` in which every item changed, and where its time goes.

Users have random embeddings and the model is untrained: the times do not depend on their values. The first
round scores all items; an item then gets a fifth as many clicks as it has seeds, and the second round, which finds the
audiences of the first, is measured. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from benchmarks.machine import machine
from benchmarks.work import workspace
from jobs.steps.lookalike.clustering import seed_clusters
from jobs.steps.refresh.round import refresh
from ralm.arrow.arrays import list_array
from ralm.config import load_config
from ralm.config.counts import DataCounts
from ralm.features.seeds import item_seeds
from ralm.models.lookalike import LookalikeModel
from ralm.models.weights import export_weights
from ralm.runs.context import MEASURE, Context
from ralm.runs.record import Record
from ralm.storage.path import StoragePath
from ralm.training.checkpoints import MODEL, publish
from ralm.warehouse.once import append, replace
from udfs.shapes import Batches
from udfs.targets import target_embeddings

WIDTH, FURTHER = 64, 5
AS_OF, USERS_VERSION, MODEL_VERSION = dt.date(2024, 1, 1), "attention-random", "ralm-random"
CONFIG = Path(__file__).resolve().parents[1] / "conf" / "demo.yaml"


def main(arguments: list[str]) -> int:
    """Make the warehouse, run two rounds, and print how long the second took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refresh_round", description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=1_000, help="all of them change")
    parser.add_argument("--seeds", type=int, default=1_000, help="seeds per item, before the measured round")
    asked = parser.parse_args(arguments)
    with workspace("refresh_round", "6g") as (spark, folder):
        settings = [
            f"warehouse={folder}/wh",
            "user_id_type=bigint",
            f"scoring.max_items={asked.items}",
            f"refresh.max_items={asked.items}",
        ]
        lines: list[tuple[float, str]] = []

        def say(line: str) -> None:
            lines.append((time.monotonic(), line))
            print(line, flush=True)

        context = Context(spark, load_config(CONFIG, settings), say=say)
        context.ledger.add(counted(asked.users, asked.items, asked.seeds))
        nightly(context, asked.users, asked.items, asked.seeds)
        refresh(context)
        append_clicks(context, asked.users, asked.items, asked.seeds // FURTHER, draw=1)
        say("measured round")
        started = time.monotonic()
        refresh(context)
        seconds = time.monotonic() - started
        measured = lines[[line for _, line in lines].index("measured round") :]
        profile = {
            line.strip(): round(moment - before, 1) for (before, _), (moment, line) in itertools.pairwise(measured)
        }
        rows = context.warehouse.read("audiences").count()
    result = {"name": "refresh_round", "value": seconds, "unit": "s", "users": asked.users, "items": asked.items}
    print(json.dumps(result | {"seeds": asked.seeds, "audience_rows": rows, "profile": profile, "machine": machine()}))
    return 0


def counted(users: int, items: int, seeds: int) -> Record:
    """The record of the counts that settings follow from."""
    clicks = items * seeds
    counts = DataCounts(users, users, items, 2 * clicks, clicks, usual=seeds, least=seeds)
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return Record(MEASURE, MEASURE, None, "done", "benchmark", 1, "benchmark", {}, {}, counts.as_map(), now, now)


def nightly(context: Context, users: int, items: int, seeds: int) -> None:
    """What a nightly run leaves for the rounds after it, except the audiences."""
    spark, config, warehouse = context.spark, context.config, context.warehouse
    torch.manual_seed(1)
    model = LookalikeModel(WIDTH, config.lookalike).eval()
    weights = export_weights(model)
    folder = Path(context.models("lookalike", MODEL_VERSION))
    checkpoint = folder / "checkpoint_random_1"
    checkpoint.mkdir(parents=True)
    torch.save(model.state_dict(), checkpoint / MODEL)
    publish(str(folder), StoragePath.at(checkpoint), {}, weights)

    def put(name: str, frame: DataFrame) -> None:
        replace(warehouse, name, frame, {}, app_id=name, attempt=1, run_id="benchmark")

    def random_embeddings(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            ids = batch.column(0)
            values = np.random.default_rng(ids[0].as_py()).normal(size=(batch.num_rows, WIDTH)).astype(np.float32)
            yield pa.record_batch([ids, list_array(values)], ["user_id", "embedding"])

    ids = spark.range(0, users, 1, 8).mapInArrow(random_embeddings, "user_id bigint, embedding array<float>")
    dated = {"as_of": F.lit(AS_OF)}
    put("user_embeddings", ids.withColumns({**dated, "model_version": F.lit(USERS_VERSION)}))
    embeddings = warehouse.read("user_embeddings")
    targets = embeddings.select("user_id", "embedding").mapInArrow(*target_embeddings(weights, "bigint"))
    put("target_embeddings", targets.withColumns({**dated, "model_version": F.lit(MODEL_VERSION)}))
    number = F.col("id").cast("string")
    published = F.timestamp_seconds(F.lit(1_700_000_000) + F.col("id"))
    put(
        "items",
        spark.range(items).select(
            F.concat(F.lit("i"), number).alias("item_id"),
            published.alias("published_at"),
            F.array(F.lit("any")).alias("categories"),
        ),
    )
    append_clicks(context, users, items, seeds, draw=0)
    clicked = warehouse.read("impressions").select("user_id", "item_id", F.col("shown_at").alias("clicked_at"))
    found = item_seeds(clicked.withColumn("draw", F.lit(0)), config.lookalike.seed_cap)
    put("item_seeds", found.withColumns({**dated, "purpose": F.lit("production")}))
    clusters = seed_clusters(
        warehouse.read("item_seeds"), embeddings, config.lookalike, config.seed, weights, previous=None
    )
    keyed = {"purpose": F.lit("production"), "model_version": F.lit(MODEL_VERSION), "round": F.lit(0)}
    put("seed_clusters", clusters.withColumns({**dated, **keyed}))
    for name in ("audiences", "thresholds"):
        warehouse.create(name)
    pinned = {name: warehouse.version(name) for name in ("audiences", "thresholds", "seed_clusters")}
    models = {"user_model": USERS_VERSION, "lookalike": MODEL_VERSION}
    created = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    append(warehouse, "releases", [("nightly", created, AS_OF, pinned, models, {}, True, None)])


def append_clicks(context: Context, users: int, items: int, clicks: int, draw: int) -> None:
    """So many clicks by random users on every item, in the last hour."""
    user = F.pmod(F.xxhash64("id", F.lit(draw)), F.lit(users))
    clicked = context.spark.range(items * clicks).select(
        user.alias("user_id"),
        F.concat(F.lit("i"), (F.col("id") % items).cast("string")).alias("item_id"),
        (F.current_timestamp() - F.make_dt_interval(secs=F.pmod(F.hash("id"), F.lit(3600)))).alias("shown_at"),
        F.lit(True).alias("clicked"),
        F.lit("feed").alias("domain"),
    )
    context.warehouse.create("impressions")
    conformed = context.warehouse.conform("impressions", clicked.withColumn("shown_date", F.to_date("shown_at")))
    conformed.write.format("delta").mode("append").save(context.warehouse.table_path("impressions"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
