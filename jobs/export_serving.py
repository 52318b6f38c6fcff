"""Export the current release for online serving to a key-value store: only what changed, or everything with --full."""

from __future__ import annotations

import argparse

from jobs.cli.application import configured
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.releases.serving_export import Export
from ralm.runs.context import Context
from ralm.serving.stores import open_store
from ralm.spark.session import get_session


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--full", action="store_true", help="export all, not only what changed since the last export")
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    config = configured(arguments)
    spark = get_session(f"ralm export_serving {config.name}", config.spark, config.s3)
    try:
        context = Context(spark, config)
        store = open_store(config.serving.store or f"{context.warehouse.path}/_serving")
        Export(context, store, full=arguments.options["full"]).run()
    finally:
        spark.stop()


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
