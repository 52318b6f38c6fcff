"""Simulate the talk's online test: arms of users under different policies for some days, in several built-in worlds."""

from __future__ import annotations

import argparse

from jobs.cli.application import configured
from jobs.cli.arguments import Arguments, run_job
from jobs.cli.numbers import whole
from jobs.steps.world.ab_test import CONTROL, PROTOCOL, play_world, print_results, world_config, write_results
from ralm.errors import ConfigError
from ralm.evaluation.online_test import relative_changes
from ralm.runs.context import Context
from ralm.spark.session import get_session


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    add = parser.add_argument
    add("--worlds", type=whole(1, 1_000), default=3, metavar="N", help="number of worlds (default 3)")
    add("--first", type=whole(0, 10**9), default=1, metavar="SEED", help="seed of the first world (default 1)")
    add("--days", type=whole(1, 1_000), default=4, metavar="N", help="days that the arms run (default 4)")
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    given, config = arguments.options, configured(arguments)
    if CONTROL not in config.live.policies:
        raise ConfigError(f"live.policies: {PROTOCOL} needs the control '{CONTROL}', found {config.live.policies}")
    spark = get_session(f"ralm {PROTOCOL} {config.name}", config.spark, config.s3)
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
