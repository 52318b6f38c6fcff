"""Train the user models under TorchDistributor: one per merge layer and representation."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.user_model.training import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "train_user_model", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
