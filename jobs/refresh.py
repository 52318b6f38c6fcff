"""Between two nightly runs: follow the clicks, cluster and score the items whose seeds changed, publish (--every)."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from jobs.cli.application import configured
from jobs.cli.arguments import Arguments, run_job
from jobs.cli.intervals import interval
from jobs.steps.refresh.round import refresh
from ralm.errors import RalmError
from ralm.runs.context import Context
from ralm.spark.errors import short_message
from ralm.spark.session import get_session


def loop(context: Context, every: dt.timedelta, landing: str | None = None) -> None:
    """Start a round once per `every` until the process is ended; after a longer round the next one starts at once.

    Raises:
        RalmError, PySparkException: `refresh.max_failures` rounds failed in a row.
    """
    failures = 0
    while True:
        started = time.monotonic()
        try:
            refresh(context, landing=landing)
            failures = 0
        except (RalmError, PySparkException, Py4JError) as error:
            failures += 1
            if failures >= context.config.refresh.max_failures:
                raise
            print(f"error: {short_message(str(error))}; the next round tries again", file=sys.stderr, flush=True)
        taken = time.monotonic() - started
        context.say(f"round: {taken:.0f} s")
        time.sleep(max(0.0, every.total_seconds() - taken))


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--every", metavar="5m", help="start a round at this interval; default: one round")
    parser.add_argument(
        "--landing", metavar="FOLDER", help="first take in the new files of this folder, laid out as ingest.impressions"
    )
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    every, landing = arguments.options["every"], arguments.options["landing"]
    pause = interval(every, "--every") if every else None
    config = configured(arguments)
    spark = get_session(f"ralm refresh {config.name}", config.spark, config.s3)
    try:
        context = Context(spark, config, force=arguments.force)
        if pause is None:
            refresh(context, landing=landing)
        else:
            loop(context, pause, landing)
    finally:
        spark.stop()


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
