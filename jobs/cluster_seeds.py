"""Cluster each item's seeds by k-means in the look-alike model's space: for the evaluation and for production."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.lookalike.seed_clusters import steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "cluster_seeds", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
