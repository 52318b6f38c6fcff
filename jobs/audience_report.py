"""Report on an item's or a list's audience: are its seeds good, who is in it, which size (--item, --list): a page."""

from __future__ import annotations

import argparse

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.audience_reports.report import steps
from jobs.steps.audience_reports.request import Asked


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--item", metavar="ID", help="the item whose audience is reported on")
    parser.add_argument(
        "--list",
        dest="seeds",
        action="append",
        metavar="FILE_OR_TABLE",
        help="the list, as it was given to extend_audience --seeds; again for each further one",
    )
    parser.add_argument(
        "--system", metavar="NAME", help="what scored the audience; default: the only system that made one"
    )
    parser.add_argument("--name", metavar="NAME", help="the list's --name, if extend_audience was given one")
    parser.add_argument("--column", metavar="NAME", help="the list's id column, or its place from 1")
    parser.add_argument("--hashed", action="store_true", help="the list holds SHA-256 digests of user ids")
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    asked = Asked(**arguments.options)
    asked.check()
    run(arguments, "audience_report", lambda context: steps(context, asked))


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
