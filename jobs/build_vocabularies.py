"""Rank the features of each field; the vocabulary is frozen for the life of the models made with it."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.users.vocabularies import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "build_vocabularies", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
