"""Read raw logs of any layout, mapped by the configuration, into users, items, events and impressions."""

from __future__ import annotations

import sys

from jobs.cli.application import configured, run
from jobs.cli.arguments import Arguments, run_job
from jobs.cli.dry_run import print_sources
from jobs.cli.suggestion import options, suggest
from jobs.steps.sources import ingested_logs, split


def main(arguments: Arguments) -> None:
    """Run the job, or only look at its sources."""
    if arguments.dry_run:
        print_sources("ingest", configured(arguments))
        return
    run(arguments, "ingest", lambda context: [*ingested_logs.steps(context), *split.steps(context)])


if __name__ == "__main__":
    suggest(sys.argv[1:])
    run_job(main, __doc__ or "", dry_run=True, options=options())
