"""Forget users: a list of ids leaves every table, file and store, and stays out (--users); history is vacuumed."""

from __future__ import annotations

import argparse

from jobs.cli.application import configured
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.forgetting.erasures import Asked, Erasures
from ralm.runs.context import Context
from ralm.spark.session import get_session


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    add = parser.add_argument
    add("--users", metavar="FILE_OR_TABLE", help="the users to forget; default: those forgotten before, once more")
    add("--column", metavar="NAME", help="the list's column of user ids, or its place from 1")
    add("--hashed", action="store_true", help="the list holds SHA-256 digests of user ids")
    add("--vacuum-now", action="store_true", help="keep no earlier version of the tables, whoever may read one")
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    config = configured(arguments)
    spark = get_session(f"ralm forget_users {config.name}", config.spark, config.s3)
    try:
        Erasures(Context(spark, config), Asked(**arguments.options)).run()
    finally:
        spark.stop()


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
