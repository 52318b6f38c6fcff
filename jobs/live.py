"""Continue the built-in world in rounds (--every): publish, show and click items, refresh, and update a page."""

from __future__ import annotations

import argparse

from jobs.cli.application import configured
from jobs.cli.arguments import Arguments, run_job
from jobs.cli.intervals import interval
from jobs.cli.numbers import whole
from jobs.steps.world.living_world import World, play
from jobs.steps.world.page import PAGE, page_server
from ralm.runs.context import Context
from ralm.spark.session import get_session


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    add = parser.add_argument
    add("--every", metavar="1m", default="1m", help="start a round at this interval (default 1m)")
    add("--rounds", type=whole(1, 10**9), metavar="N", help="stop after N rounds; default: run until stopped")
    add("--step", metavar="1h", help="time that passes per round; default: this machine's clock")
    add("--port", type=whole(0, 65_535), default=8777, help="the page's port (default 8777; 0: write only the file)")
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    given = arguments.options
    pause = interval(given["every"], "--every")
    step = interval(given["step"], "--step") if given["step"] else None
    config = configured(arguments)
    spark = get_session(f"ralm live {config.name}", config.spark, config.s3)
    try:
        context = Context(spark, config)
        world = World(context, step)
        with page_server(context, given["port"]) as address:
            print(f"page: {address or f'{context.warehouse.path}/{PAGE}'}", flush=True)
            play(world, given["rounds"], pause)
    finally:
        spark.stop()


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
