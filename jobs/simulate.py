"""Make the built-in world: users, items, events and impressions with known click probabilities."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.sources import simulated_world, split


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "simulate", lambda context: [*simulated_world.steps(context), *split.steps(context)])


if __name__ == "__main__":
    run_job(main, __doc__ or "")
