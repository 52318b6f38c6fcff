"""Compute user embeddings, all representations side by side: at A1 for the users involved, at A2 and A3 for all."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.user_model.user_embeddings import all_steps


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "embed_users", all_steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
