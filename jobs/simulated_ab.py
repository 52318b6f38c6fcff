"""The talk's online test in the built-in world: arms of users under other policies for some days, in several worlds."""

from __future__ import annotations

import argparse
import datetime as dt
import time

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import pipeline
from jobs.application import configured
from jobs.arguments import Arguments, run_job
from jobs.live import World
from jobs.report_sections import heading
from ralm.config import Config
from ralm.errors import ConfigError
from ralm.evaluation.ab import METRICS, Change, relative_changes
from ralm.evaluation.diversity import gini, tail_share
from ralm.evaluation.report_files import update_report
from ralm.runs import Context
from ralm.session import get_session
from ralm.simulation import clock, truth
from ralm.training.checkpoints import model_folder

PROTOCOL, CONTROL = "simulated_ab", "profile"
Arms = dict[str, dict[str, float]]


def world_config(config: Config, world: int) -> Config:
    """The configuration of one world: its own seed and warehouse."""
    warehouse = f"{config.warehouse_path}/world-{world}"
    return config.model_copy(update={"seed": world, "warehouse": warehouse})


def play_world(context: Context, days: int) -> Arms:
    """Train on the world's log, let its arms live for some days after it, and measure them.

    What an interrupted run finished is not done again.
    """
    context.run(pipeline.steps(context))
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
    counted = shown.groupBy("policy").agg(F.count("*").alias("shown"), F.count_if("clicked").alias("clicks")).collect()
    about = warehouse.read("items").join(items, "item_id")
    categories = _variety(shown, about.select("item_id", F.explode("categories").alias("name")))
    tags = _variety(shown, _tags(context, about))
    found: Arms = {}
    for row in sorted(counted, key=lambda row: config.live.policies.index(row["policy"])):
        policy, own = row["policy"], shown.where(F.col("policy") == row["policy"])
        exposure = items.join(own.groupBy("item_id").count(), "item_id", "left").fillna(0, ["count"])
        counts = [one["count"] for one in exposure.collect()]  # an item each
        found[policy] = {
            "exposure": row["shown"] / sizes[policy],
            "ctr": row["clicks"] / row["shown"],
            "clicks": row["clicks"] / sizes[policy],
            "tail_share": tail_share(counts),
            "categories": categories[policy],
            "tags": tags[policy],
            "gini": gini(counts),
        }
    return found


def _tags(context: Context, items: DataFrame) -> DataFrame:
    """(item_id, name): all topics whose friends like an item, of which `categories` lists one or two."""
    cfg = context.config.simulate
    assert cfg is not None
    numbered = items.select("item_id", F.substring("item_id", 2, 20).cast("bigint").alias("item"))
    latent = truth.with_item_truth(numbered, cfg, context.config.seed)
    topics = F.array(*(F.col(f"liked_{place}") for place in range(truth.MOST_AUDIENCES)))
    return latent.select("item_id", F.explode(F.array_distinct(topics)).alias("name")).where("name >= 0")


def _variety(shown: DataFrame, about: DataFrame) -> dict[str, float]:
    """policy -> distinct names among what a user was shown, the mean of the users who were shown anything."""
    named = shown.select("policy", "user_id", "item_id").join(F.broadcast(about), "item_id")
    distinct = named.groupBy("policy", "user_id").agg(F.count_distinct("name").alias("n"))
    return {row["policy"]: row["n"] for row in distinct.groupBy("policy").agg(F.avg("n").alias("n")).collect()}


def write_results(context: Context, changes: list[Change]) -> None:
    """The changes as `metrics` of the protocol, and in the report."""
    cfg = context.config.simulate
    assert cfg is not None
    as_of = cfg.start + dt.timedelta(days=cfg.days)
    rows = [
        (PROTOCOL, as_of, c.policy, PROTOCOL, "test", f"{c.metric} / {CONTROL} - 1", c.value, c.low, c.high, c.worlds)
        for c in changes
    ]
    schema = (
        "run_id string, as_of date, system string, protocol string, split string, metric string, value double, "
        "low double, high double, items bigint"
    )
    context.warehouse.replace(
        "metrics",
        context.spark.createDataFrame(rows, schema).coalesce(1),
        {"as_of": as_of, "protocol": PROTOCOL},
        app_id=PROTOCOL,
        attempt=time.time_ns(),
        run_id=PROTOCOL,
    )
    update_report(model_folder(context.warehouse.path), heading(context), online=changes)


def print_results(context: Context, worlds: list[Arms], changes: list[Change]) -> None:
    """The arms' means and their changes against the control."""
    policies = list(worlds[0])
    context.say(f"\n{len(worlds)} worlds, means; in brackets the change against '{CONTROL}' with its 95 % interval")
    context.say(f"{'':<12}" + "".join(f"{policy:>34}" for policy in policies))
    found = {(change.policy, change.metric): change for change in changes}
    for metric in METRICS:
        cells = []
        for policy in policies:
            mean = sum(world[policy][metric] for world in worlds) / len(worlds)
            change = found.get((policy, metric))
            span = "" if change is None else f" ({change.value:+.1%}{_interval(change)})"
            cells.append(f"{f'{mean:.3f}{span}':>34}")
        context.say(f"{metric:<12}" + "".join(cells))


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
        for world in range(given["first"], given["first"] + given["worlds"]):
            print(f"world {world}", flush=True)
            worlds.append(play_world(Context(spark, world_config(config, world)), given["days"]))
        changes = relative_changes(worlds, CONTROL)
        context = Context(spark, config)
        write_results(context, changes)
        print_results(context, worlds, changes)
    finally:
        spark.stop()


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
