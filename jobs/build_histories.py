"""Keep the newest L things that a user did in each behaviour domain as of a date, building on the date before."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.users.histories import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "build_histories", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
