"""Pass user embeddings through the target tower; serving caches the result and scoring reads it."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.lookalike.target_embeddings import all_steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "embed_targets", all_steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
