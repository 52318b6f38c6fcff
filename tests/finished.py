"""A warehouse that the pipeline filled on the smallest built-in world, and copies of it to go on from."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from jobs.steps.nightly import run_night
from ralm.config import Config, load_config
from ralm.runs.context import Context
from ralm.spark.jvm import QUICK

ROOT = Path(__file__).resolve().parents[1]
TINY = ROOT / "conf" / "tiny.yaml"
# A second variant beside the file's own; without the closed form it is trained, whatever the validation items.
VARIANTS = ("variants.ralm_average.pooling=average", "variants.ralm_average.settings.closed_form=false")
ON_EXECUTORS = (
    *(f"{training}.local_mode=false" for training in ("user_training", "lookalike_training")),
    *(f"{training}.processes=2" for training in ("user_training", "lookalike_training")),
)
SETTINGS = (*VARIANTS, *ON_EXECUTORS)
# The frames are tiny and there are many of them: what Spark compiled is kept.
SPARK = {"spark.sql.codegen.cache.maxEntries": "5000", "spark.default.parallelism": "2"}


@dataclass
class Finished:
    """A warehouse, its configuration, and the lines that were printed while it was filled."""

    spark: SparkSession
    config: Config
    settings: tuple[str, ...]
    lines: list[str] = field(default_factory=list)

    def context(self, *assignments: str, say: Callable[[str], None] | None = None) -> Context:
        config = load_config(TINY, [f"warehouse={self.config.warehouse}", *self.settings, *assignments])
        return Context(self.spark, config, say=say or self.lines.append)

    def table(self, name: str) -> DataFrame:
        return self.spark.read.format("delta").load(f"{self.config.warehouse}/{name}")

    def copy(self, path: Path) -> Finished:
        """The same somewhere else, for tests that change it."""
        shutil.copytree(str(self.config.warehouse), path)
        return replace(self, config=load_config(TINY, [f"warehouse={path}", *self.settings]), lines=list(self.lines))


def submit_tiny(folder: Path) -> None:
    """Run the pipeline as a user would, on two real executors which hold the training ranks too."""
    command = ["./spark-submit.sh", "pipeline", "--config", str(TINY)]
    command += [part for setting in (f"warehouse={folder / 'wh'}", *SETTINGS) for part in ("--set", setting)]
    command += ["--", "--master", "local-cluster[2,1,1024]"]
    settings = {**SPARK, "spark.executor.memory": "1g", "spark.executor.extraJavaOptions": QUICK}
    command += [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the pipeline ended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    (folder / "printed").write_text(done.stdout, encoding="utf-8")


def run_tiny(spark: SparkSession, folder: Path) -> None:
    """Run the same steps in this session, which is warm afterwards: minutes sooner than three JVMs that are not."""
    lines: list[str] = []
    config = load_config(TINY, [f"warehouse={folder / 'wh'}", *VARIANTS])
    run_night(Context(spark, config, say=lines.append))
    (folder / "printed").write_text("\n".join(lines), encoding="utf-8")


def read_tiny(spark: SparkSession, folder: Path, settings: tuple[str, ...]) -> Finished:
    """What `submit_tiny` or `run_tiny` left, with the settings of the one or the other."""
    lines = (folder / "printed").read_text(encoding="utf-8").splitlines()
    return Finished(spark, load_config(TINY, [f"warehouse={folder / 'wh'}", *settings]), settings, lines)
