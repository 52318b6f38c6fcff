"""Score all users against the chosen items: audiences, recommendations, exposure thresholds, score histograms."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.audiences.nightly_scoring import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "score_users", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
