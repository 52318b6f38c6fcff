"""A warehouse that the pipeline filled on the smallest built-in world, and copies of it to go on from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from jobs import pipeline
from ralm.config import Config, load_config
from ralm.runs import Context

TINY = Path(__file__).resolve().parents[1] / "conf" / "tiny.yaml"
AVERAGE = "variants.ralm_average.pooling=average"  # a second variant beside the file's own


@dataclass
class Finished:
    """A warehouse, its configuration, and the lines that were printed while it was filled."""

    spark: SparkSession
    config: Config
    lines: list[str]

    def context(self, *assignments: str, say: Callable[[str], None] | None = None) -> Context:
        config = load_config(TINY, [f"warehouse={self.config.warehouse}", AVERAGE, *assignments])
        return Context(self.spark, config, say=say or self.lines.append)

    def table(self, name: str) -> DataFrame:
        return self.spark.read.format("delta").load(f"{self.config.warehouse}/{name}")

    def copy(self, path: Path) -> Finished:
        """The same somewhere else, for tests that change it."""
        shutil.copytree(str(self.config.warehouse), path)
        return replace(self, config=load_config(TINY, [f"warehouse={path}", AVERAGE]), lines=list(self.lines))


def run_tiny(spark: SparkSession, path: Path) -> Finished:
    """Run the pipeline."""
    made = Finished(spark, load_config(TINY, [f"warehouse={path}", AVERAGE]), [])
    context = made.context()
    context.run(pipeline.steps(context))
    return made
