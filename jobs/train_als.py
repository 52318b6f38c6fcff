"""Fit implicit ALS on what users acted on before A1 and keep the features' factors; users and items are folded in."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.user_model.als_factors import STEP, steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, STEP, steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
