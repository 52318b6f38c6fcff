"""Extend items' seeds, or your own list of users, to an audience with any look-alike system (--system, --seeds)."""

from __future__ import annotations

import argparse

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.audiences.own_list import Request, steps
from ralm.errors import ConfigError


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--system", required=True, metavar="NAME", help="the look-alike system, e.g. ralm or lsh_iv")
    parser.add_argument("--seeds", metavar="FILE_OR_TABLE", help="your own seeds; default: those of the chosen items")
    parser.add_argument("--exclude", metavar="FILE_OR_TABLE", help="users to keep out of every audience")
    parser.add_argument(
        "--name", "--item", dest="item", metavar="NAME", help="item_id of the list's audience; default list:<file name>"
    )
    parser.add_argument(
        "--column", metavar="NAME", help="the lists' id column, or its place from 1; default: user_id, or the only one"
    )
    parser.add_argument("--hashed", action="store_true", help="the lists hold SHA-256 digests of user ids")
    parser.add_argument(
        "--resamples", type=int, default=5, metavar="N", help="draws of the seeds that say how stable it is; 0: none"
    )
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    request = Request(**arguments.options)
    if request.seeds is None and request.item is not None:
        raise ConfigError("--name names the audience of a list: give --seeds, too")
    if request.resamples not in range(101):
        raise ConfigError(f"--resamples {request.resamples}: a number from 0 to 100 expected")
    run(arguments, "extend_audience", lambda context: steps(context, request))


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
