"""Check the last night's rows, users, scores and clusters against the section `health`: warn, fail or off."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.health.night import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "check_health", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
