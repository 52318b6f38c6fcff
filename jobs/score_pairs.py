"""Score given (user, item) pairs as of their times, as a feature for a ranking model downstream (--pairs)."""

from __future__ import annotations

import argparse

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.audiences.scored_pairs import steps


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--pairs", required=True, metavar="PATH", help="Parquet or Delta: user_id, item_id, at (time)")
    parser.add_argument("--name", metavar="NAME", help="name of the set in `scored_pairs.pairs`; default: the file's")
    parser.add_argument(
        "--time-format",
        metavar="FORMAT",
        help="how `at` is written: epoch_s, epoch_ms, a Spark pattern; default: a time",
    )
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    given = arguments.options
    run(arguments, "score_pairs", lambda context: steps(context, given["pairs"], given["name"], given["time_format"]))


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
