"""Build the look-alike model's training set: labelled pairs of [A1, A2), seeds left out, with user embeddings."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.lookalike.lookalike_samples import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "build_lookalike_samples", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
