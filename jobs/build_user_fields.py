"""Turn histories and profiles into what the models read of a user as of a date: indices and normalised numbers."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.users.user_fields import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "build_user_fields", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
