"""`python -m benchmarks.skew [--size N]`: does a heavy key cause a task that the others wait for?

Three heavy keys, each in the code of the job that has it: a user with a twentieth of all events (`build_histories`),
an item with half of all clicks (`update_seeds`), a hash bucket that half of the users share (`lsh_iv`). The last line
is one JSON object: for every case, of the stages with a task of a second or more, the longest task over the median one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.event_log import CONF, event_log, read_stages
from benchmarks.histories import END, FIELDS, make_events
from benchmarks.work import saved, workspace
from jobs.steps.systems.lsh_candidates import bucket_matches, candidates, crowded_buckets, seed_buckets
from jobs.steps.users.histories import build_histories
from ralm.features.seeds import item_seeds

ROWS, CAP, BANDS = 20_000_000, 10_000, 16
SECONDS = 1.0


def main(arguments: list[str]) -> int:
    """Run the three cases."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.skew", description=__doc__)
    parser.add_argument("--size", type=int, default=ROWS, help=f"rows of each case (default {ROWS:,})")
    size = parser.parse_args(arguments).size
    found: dict[str, dict[str, float]] = {}
    with workspace("skew", conf=CONF) as (spark, folder):
        spark.conf.set("spark.sql.shuffle.partitions", 16)
        for name, case in CASES.items():
            made = saved(case[0](spark, size), f"{folder}/{name}")
            spark.sparkContext.setJobGroup(name, name)
            saved(case[1](made), f"{folder}/{name}-done")
            spark.sparkContext.setJobGroup("", "")
        with event_log(folder).open(encoding="utf-8") as lines:
            stages = read_stages(lines)
        for name in CASES:
            mine = [stage for stage in stages if stage.group == name]
            for stage in mine:
                print(
                    f"{name}: {len(stage.seconds)} tasks, {stage.slowest:.2f} s the longest, {stage.skew:.1f} × median"
                )
            long = [stage for stage in mine if stage.slowest >= SECONDS and len(stage.seconds) > 1]
            found[name] = {
                "stages": len(mine),
                "longest_s": max((stage.slowest for stage in mine), default=0.0),
                "skew": round(max((stage.skew for stage in long), default=1.0), 2),
            }
    print(json.dumps({"name": "skew", "rows": size, "cases": found}))
    return 0


def heavy_item(spark: SparkSession, rows: int) -> DataFrame:
    """Clicks (item_id, draw, user_id, clicked_at): half of them on one item, the rest on 10,000 others."""
    number = F.col("id")
    other = F.pmod(F.xxhash64(F.lit("item"), number), F.lit(10_000))
    return spark.range(rows).select(
        F.when(number % 2 == 0, F.lit("heavy")).otherwise(F.concat(F.lit("i"), other)).alias("item_id"),
        F.lit(0).alias("draw"),
        F.pmod(F.xxhash64(F.lit("user"), number), F.lit(rows)).alias("user_id"),
        F.timestamp_seconds(1_700_000_000 + F.pmod(F.xxhash64(F.lit("time"), number), F.lit(1_000_000))).alias(
            "clicked_at"
        ),
    )


def heavy_bucket(spark: SparkSession, rows: int) -> DataFrame:
    """Users (user_id, items, buckets) with `BANDS` buckets each, one of which is shared by half of the users."""
    users = rows // BANDS
    place = F.sequence(F.lit(0), F.lit(BANDS - 1))
    own = F.transform(place, lambda p: F.pmod(F.xxhash64(F.lit("bucket"), "id", p), F.lit(users)) * BANDS + p)
    heavy = F.transform(own, lambda bucket: F.when(bucket % BANDS == 0, F.lit(0)).otherwise(bucket))
    seed = F.col("id") % 1_000 == 0
    return spark.range(users).select(
        F.col("id").alias("user_id"),
        F.when(seed, F.array((F.col("id") % 100).cast("int"))).otherwise(F.array().cast("array<int>")).alias("items"),
        F.when(F.col("id") % 2 == 0, heavy).otherwise(own).alias("buckets"),
    )


def candidates_of(users: DataFrame) -> DataFrame:
    """The candidates, joined as by `lsh_iv` where the seeds' buckets are too many to be broadcast."""
    known = seed_buckets(users.where(F.size("items") > 0)).persist()
    matches = bucket_matches(users, known, broadcast=False).persist()
    return candidates(matches, crowded_buckets(matches, 0.1 * users.count()))


CASES: dict[str, tuple[Callable[[SparkSession, int], DataFrame], Callable[[DataFrame], DataFrame]]] = {
    "user": (make_events, lambda events: build_histories(events, FIELDS, END)),
    "item": (heavy_item, lambda clicks: item_seeds(clicks, CAP)),
    "bucket": (heavy_bucket, candidates_of),
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
