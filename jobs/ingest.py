"""Read raw logs of any layout, mapped by the configuration, into users, items, events and impressions."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.sources import ingested_logs, split


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "ingest", lambda context: [*ingested_logs.steps(context), *split.steps(context)])


if __name__ == "__main__":
    run_job(main, __doc__ or "")
