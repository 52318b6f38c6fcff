"""Fit the components of the users' interest vectors on what a sample of users did before A1."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.user_model.interests import STEP, steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, STEP, steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
