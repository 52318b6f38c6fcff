"""Fit the linear model for items with few seeds on the clicks of [A1, A2): user embedding × item categories."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.lookalike.cold_start_model import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "train_cold_start", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
