"""The talk's online test in the built-in world: arms of users under other policies for some days, in several worlds."""

from __future__ import annotations

import argparse
import datetime as dt
import time

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import pipeline
from jobs.ab_metrics import Arms, arm_metrics
from jobs.application import configured
from jobs.arguments import Arguments, run_job
from jobs.live import World
from jobs.report_sections import heading
from ralm.config import Config
from ralm.errors import ConfigError
from ralm.evaluation.ab import METRICS, Change, relative_changes
from ralm.evaluation.report_files import update_report
from ralm.runs import Context, run_steps
from ralm.session import get_session
from ralm.simulation import clock, truth
from ralm.tables import replace
from ralm.training.checkpoints import model_folder

PROTOCOL, CONTROL = "simulated_ab", "profile"


def world_config(config: Config, world: int) -> Config:
    """The configuration of one world: its own seed and warehouse."""
    warehouse = f"{config.warehouse_path}/world-{world}"
    return config.model_copy(update={"seed": world, "warehouse": warehouse})


def play_world(context: Context, days: int) -> Arms:
    """Train on the world's log, let its arms live for some days after it, and measure them.

    What an interrupted run finished is not done again.
    """
    run_steps(context, pipeline.steps(context))
    world = World(context, dt.timedelta(days=1))
    while world.last()[0] < days:
        world.round()
    return measure(context, days)


def measure(context: Context, days: int) -> Arms:
    """policy -> metric -> value, over the first `days` rounds (`ralm.evaluation.ab.METRICS`)."""
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
    """(item_id, name): all topics whose friends like an item, of which `categories` lists one or two."""
    cfg = context.config.simulate
    assert cfg is not None
    numbered = items.select("item_id", F.substring("item_id", 2, 20).cast("bigint").alias("item"))
    latent = truth.with_item_truth(numbered, cfg, context.config.seed)
    topics = F.array(*(F.col(f"liked_{place}") for place in range(truth.MOST_AUDIENCES)))
    return latent.select("item_id", F.explode(F.array_distinct(topics)).alias("name")).where("name >= 0")


def write_results(context: Context, changes: list[Change], seeds: str) -> None:
    """The changes as `metrics` of the protocol, with the worlds' seeds as its run, and in the report."""
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
    update_report(model_folder(context.warehouse.path), heading(context), online=changes)


def print_results(context: Context, worlds: list[Arms], changes: list[Change]) -> None:
    """The arms' means and their changes against the control."""
    policies = list(worlds[0])
    context.say(f"\n{len(worlds)} worlds, means; in brackets the change against '{CONTROL}' with its 95 % interval")
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


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--worlds", type=int, default=3, metavar="N", help="worlds, of the seeds 1 to N (default 3)")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="seed of the first world (default 1)")
    parser.add_argument("--days", type=int, default=4, metavar="N", help="days that the arms live (default 4)")
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    given, config = arguments.options, configured(arguments)
    if CONTROL not in config.live.policies:
        raise ConfigError(f"live.policies: {PROTOCOL} needs the control '{CONTROL}', found {config.live.policies}")
    if given["worlds"] < 1 or given["days"] < 1:
        raise ConfigError("--worlds and --days: at least 1")
    spark = get_session(f"ralm {PROTOCOL} {config.name}", config.spark)
    try:
        worlds = []
        seeds = range(given["first"], given["first"] + given["worlds"])
        for world in seeds:
            print(f"world {world}", flush=True)
            worlds.append(play_world(Context(spark, world_config(config, world)), given["days"]))
        changes = relative_changes(worlds, CONTROL)
        context = Context(spark, config)
        write_results(context, changes, f"worlds {seeds[0]} to {seeds[-1]}, {given['days']} days")
        print_results(context, worlds, changes)
    finally:
        spark.stop()


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
