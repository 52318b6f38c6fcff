"""Measure the lift of a delivered audience over its hold-out arm, from a log of what happened after (--outcomes)."""

from __future__ import annotations

import argparse

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.audiences.lifts import Measured, steps


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    add = parser.add_argument
    add("--item", required=True, metavar="ID", help="the item, or the list's name, as list:customers")
    add("--outcomes", required=True, metavar="FILE_OR_TABLE", help="the users who converted, or all with --converted")
    add("--converted", metavar="COLUMN", help="the log's column of numbers: above 0, the user converted")
    add("--system", metavar="NAME", help="what scored the audience; default: the only one that held users of it out")
    add("--column", metavar="NAME", help="the log's column of user ids, or its place from 1")
    add("--hashed", action="store_true", help="the log holds SHA-256 digests of user ids")
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "measure_lift", lambda context: steps(context, Measured(**arguments.options)))


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
