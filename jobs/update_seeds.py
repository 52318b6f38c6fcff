"""Collect each item's seeds, its newest clickers: in a batch, or as a stream (--trigger, --available-now)."""

from __future__ import annotations

import argparse

from jobs.cli.application import configured, run
from jobs.cli.arguments import Arguments, run_job
from jobs.cli.intervals import interval
from jobs.steps.seeds.item_seeds import steps
from jobs.steps.seeds.live_seeds import follow
from ralm.errors import ConfigError
from ralm.runs.context import Context
from ralm.spark.session import get_session


def options() -> argparse.ArgumentParser:
    """The options of the stream."""
    parser = argparse.ArgumentParser(add_help=False)
    stream = parser.add_mutually_exclusive_group()
    stream.add_argument("--trigger", metavar="1m", help="merge new impressions into `live_seeds` at this interval")
    stream.add_argument("--available-now", action="store_true", help="bring `live_seeds` up to date, then end")
    parser.add_argument(
        "--landing",
        metavar="FOLDER",
        help="with either of these: first take in the new files of this folder, laid out as ingest.impressions",
    )
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    trigger = arguments.options["trigger"]
    landing = arguments.options["landing"]
    if trigger or arguments.options["available_now"]:
        pause = interval(trigger) if trigger else None
        config = configured(arguments)
        spark = get_session(f"ralm update_seeds {config.name}", config.spark, config.s3)
        try:
            follow(Context(spark, config), pause, landing)
        finally:
            spark.stop()
    elif landing is not None:
        raise ConfigError("--landing: give --trigger or --available-now, too")
    else:
        run(arguments, "update_seeds", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
