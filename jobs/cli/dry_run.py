"""`--dry-run` of the commands that read sources: what they hold, from a sample; nothing is written."""

from __future__ import annotations

from pyspark.sql import SparkSession

from ralm.config import Config
from ralm.errors import ConfigError, RalmError
from ralm.ingest.preview import preview
from ralm.spark.session import get_session


def say_sources(spark: SparkSession, config: Config) -> RalmError | None:
    """Print what a sample of each source holds; the error with which ingest would stop, if it would."""
    found = preview(spark, config)
    for line in found.lines:
        print(line, flush=True)
    return found.error


def print_sources(name: str, config: Config) -> None:
    """The dry run of a job that only reads sources, in an application of its own.

    Raises:
        RalmError: what would stop the job.
    """
    if config.ingest is None:
        raise ConfigError("ingest: the configuration has no `ingest` section; run the job `simulate` for its world")
    spark = get_session(f"ralm {name} {config.name}", config.spark, config.s3)
    try:
        if error := say_sources(spark, config):
            raise error
    finally:
        spark.stop()
