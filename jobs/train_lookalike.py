"""Train the look-alike models under TorchDistributor, in rounds: cluster the seeds, train, cluster again, train."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.lookalike.training import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "train_lookalike", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
