"""Extend items' seeds, or your own lists of users, to an audience with any look-alike system (--system, --seeds)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from ralm.runs.context import Context
from ralm.runs.step import Step


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--system", required=True, metavar="NAME", help="the look-alike system, e.g. ralm or lsh_iv")
    add = parser.add_argument
    add(
        "--seeds",
        action="append",
        metavar="FILE_OR_TABLE",
        help="your own seeds; again for a further list in the same audience; default: those of the chosen items",
    )
    add("--weight", metavar="COLUMN", help="the lists' column of what each seed is worth, 0 or more")
    add("--not-like", metavar="FILE_OR_TABLE", help="users whom the audience is to be unlike")
    add("--exclude", metavar="FILE_OR_TABLE", help="users to keep out of every audience")
    add("--between", nargs=2, type=float, metavar=("FROM", "TO"), help="shares of the ranking, such as .01 .02")
    add("--hold-out", type=float, metavar="SHARE", help="of the audience, not delivered, so that lift can be measured")
    add("--name", "--item", dest="item", metavar="NAME", help="the audience's item_id; default list:<file name>")
    add("--column", metavar="NAME", help="the lists' id column, or its place from 1; default: user_id, or the only one")
    add("--hashed", action="store_true", help="the lists hold SHA-256 digests of user ids")
    add("--resamples", type=int, default=5, metavar="N", help="draws of the seeds that say how stable it is; 0: none")
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""

    def plan(context: Context) -> Sequence[Step]:
        from jobs.steps.audiences.own_list import Request, steps

        return steps(context, Request(**arguments.options))

    run(arguments, "extend_audience", plan, meanwhile="jobs.steps.audiences.own_list")


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
