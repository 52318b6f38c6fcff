"""Build the user model's training set: fields as of A0, positives of [A0, A1), log-uniform negatives."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.user_model.user_samples import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "build_user_samples", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
