"""Say how a warehouse stands: the last runs, the release, what is stale (--json); starts no Spark."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys

from jobs.cli.arguments import Arguments, run_job
from jobs.cli.numbers import whole
from ralm.status.gathered import gather
from ralm.status.page import RUNS, as_json, page
from ralm.warehouse.without_spark import TableFiles


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    count = whole(0, 10**6)
    parser.add_argument("--runs", type=count, default=RUNS, metavar="N", help=f"how many runs; default: {RUNS}")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of text")
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    config = arguments.config
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    status = gather(TableFiles(config.warehouse_path, config.spark.conf), now)
    shown = as_json if arguments.options["json"] else page
    try:
        print(shown(status, max(1, arguments.options["runs"])), flush=True)
    except BrokenPipeError:  # `status | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
