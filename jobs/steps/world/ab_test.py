"""The online test in built-in worlds: arms side by side, measured against a control."""

from __future__ import annotations

import datetime as dt
import time

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps import nightly
from jobs.steps.report.page import heading
from jobs.steps.world.ab_arms import Arms, arm_metrics
from jobs.steps.world.living_world import World
from ralm.config import Config
from ralm.evaluation.online_test import METRICS, Change
from ralm.report.files import update_report
from ralm.runs.context import Context
from ralm.simulation import clock, truth
from ralm.storage.path import StoragePath
from ralm.warehouse.once import replace

PROTOCOL, CONTROL = "simulated_ab", "profile"


def world_config(config: Config, world: int) -> Config:
    """The configuration of one world: its own seed and warehouse."""
    warehouse = f"{config.warehouse_path}/world-{world}"
    return config.model_copy(update={"seed": world, "warehouse": warehouse})


def play_world(context: Context, days: int) -> Arms:
    """Train on the world's log, let its arms live for some days after it, and measure them.

    Work that an interrupted run finished is not repeated.
    """
    nightly.run_night(context)
    world = World(context, dt.timedelta(days=1))
    while world.last()[0] < days:
        world.round()
    return measure(context, days)


def measure(context: Context, days: int) -> Arms:
    """policy -> metric -> value, as in `ralm.evaluation.online_test.METRICS`, over the first `days` rounds."""
    config, warehouse = context.config, context.warehouse
    cfg = config.simulate
    assert cfg is not None
    shown = warehouse.read("live_exposures").where(F.col("round") <= days)
    items = warehouse.read("live_items").where(F.col("round") <= days).select("item_id").distinct()
    users = clock.arms(context.spark, cfg, config.live, config.seed, config.user_id_type).groupBy("policy").count()
    sizes = {row["policy"]: row["count"] for row in users.collect()}
    described = warehouse.read("items").join(items, "item_id")
    about = {
        "categories": described.select("item_id", F.explode("categories").alias("name")),
        "tags": _tags(context, described),
    }
    return arm_metrics(shown, items, about, sizes, config.live.policies)


def _tags(context: Context, items: DataFrame) -> DataFrame:
    """(item_id, name): all topics whose fans like an item; `categories` lists one or two of them."""
    cfg = context.config.simulate
    assert cfg is not None
    numbered = items.select("item_id", F.substring("item_id", 2, 20).cast("bigint").alias("item"))
    latent = truth.with_item_truth(numbered, cfg, context.config.seed)
    topics = F.array(*(F.col(f"liked_{place}") for place in range(truth.MOST_AUDIENCES)))
    return latent.select("item_id", F.explode(F.array_distinct(topics)).alias("name")).where("name >= 0")


def write_results(context: Context, changes: list[Change], seeds: str) -> None:
    """Write the changes into `metrics` under the protocol, with the worlds' seeds as the run, and into the report."""
    cfg = context.config.simulate
    assert cfg is not None
    as_of = cfg.start + dt.timedelta(days=cfg.days)
    rows = [
        (
            f"{PROTOCOL} {seeds}",
            as_of,
            c.policy,
            PROTOCOL,
            "test",
            f"{c.metric} / {CONTROL} - 1",
            c.value,
            c.low,
            c.high,
            c.worlds,
        )
        for c in changes
    ]
    schema = (
        "run_id string, as_of date, system string, protocol string, split string, metric string, value double, "
        "low double, high double, items bigint"
    )
    replace(
        context.warehouse,
        "metrics",
        context.spark.createDataFrame(rows, schema).coalesce(1),
        {"as_of": as_of, "protocol": PROTOCOL},
        app_id=PROTOCOL,
        attempt=time.time_ns(),
        run_id=f"{PROTOCOL} {seeds}",
    )
    update_report(StoragePath.at(context.warehouse.path), heading(context), online=changes)


def print_results(context: Context, worlds: list[Arms], changes: list[Change]) -> None:
    """The arms' means and their changes against the control."""
    policies = list(worlds[0])
    context.say(f"\n{len(worlds)} worlds, means; in brackets the change from '{CONTROL}' with its 95 % interval")
    context.say(f"{'':<14}" + "".join(f"{policy:>34}" for policy in policies))
    found = {(change.policy, change.metric): change for change in changes}
    for metric in METRICS:
        cells = []
        for policy in policies:
            mean = sum(world[policy][metric] for world in worlds) / len(worlds)
            change = found.get((policy, metric))
            span = "" if change is None else f" ({change.value:+.1%}{_interval(change)})"
            cells.append(f"{f'{mean:.3f}{span}':>34}")
        context.say(f"{metric:<14}" + "".join(cells))


def _interval(change: Change) -> str:
    return f" [{change.low:+.1%}, {change.high:+.1%}]" if change.worlds > 1 else ""
