"""Judge RALM, its variants and simple baselines on new items and on later clicks; write `metrics` and the report."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.evaluation.evaluate import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "evaluate", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
