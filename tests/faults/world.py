"""A world as small as one can be in which every job has something to do, and the jobs in the order of a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config import load_config
from ralm.spark.jvm import QUICK
from ralm.warehouse.once import append
from ralm.warehouse.warehouse import Warehouse

TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"
SMALL = (
    *("simulate.users=1000", "simulate.items=60", "simulate.impressions_per_user=40", "evaluation.bootstrap=10"),
    *("lookalike.rounds=1", "scoring.max_items=5", "comparison.systems=[ralm,user_activity]", "comparison.seeds=[20]"),
    *("comparison.min_users=10", "comparison.min_items=5"),
    *(f"{training}.local_mode=false" for training in ("user_training", "lookalike_training")),
    *(f"{training}.processes=2" for training in ("user_training", "lookalike_training")),
)
SPARK = {"spark.sql.codegen.cache.maxEntries": "5000", "spark.default.parallelism": "2"}
ON_EXECUTORS = {"spark.executor.memory": "1g", "spark.executor.extraJavaOptions": QUICK}


@dataclass(frozen=True)
class World:
    """A warehouse in a folder, and how its jobs are submitted.

    Attributes:
        folder: holds `wh`, and the list of users.
        cluster: on two executors, otherwise in one JVM. Training ranks are processes of Spark's tasks on both.
        given: settings of all jobs, as for `--set`.
    """

    folder: Path
    cluster: bool = False
    given: tuple[str, ...] = SMALL

    @property
    def warehouse(self) -> Path:
        """Of all jobs."""
        return self.folder / "wh"

    @property
    def settings(self) -> list[str]:
        """Of all jobs, as for `--set`."""
        return [f"warehouse={self.warehouse}", *self.given]

    def command(self, job: str, *options: str) -> list[str]:
        """A job as a user submits it."""
        command = ["./spark-submit.sh", job, "--config", str(TINY), *options]
        command += [part for setting in self.settings for part in ("--set", setting)]
        command += ["--", "--master", "local-cluster[2,1,1024]" if self.cluster else "local[2]"]
        settings = {**SPARK, **(ON_EXECUTORS if self.cluster else {})}
        return command + [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]


def clicks(spark: SparkSession, world: World, number: int) -> None:
    """Thirty users click on a new item, which the table of items gets first; the times follow from the log."""
    config = load_config(TINY, world.settings)
    warehouse = Warehouse(spark, str(world.warehouse), config.user_id_type)
    impressions, items = warehouse.read("impressions"), warehouse.read("items")
    last = impressions.where("item_id NOT LIKE 'i-new%'").agg(F.max("shown_at")).first()
    assert last is not None
    at, item = last[0] + dt.timedelta(hours=number), f"i-new-{number}"
    users = impressions.where("item_id NOT LIKE 'i-new%'").select("user_id").distinct().orderBy("user_id").limit(90)
    chosen = [row["user_id"] for row in users.collect()][30 * (number - 1) : 30 * number]
    row = items.where("item_id NOT LIKE 'i-new%'").orderBy("item_id").limit(1)
    row = row.withColumns({"item_id": F.lit(item), "published_at": F.lit(at)})
    row.write.format("delta").mode("append").save(warehouse.table_path("items"))
    append(warehouse, "impressions", [(user, item, at, True, "feed", at.date()) for user in chosen])


def own_list(spark: SparkSession, world: World) -> None:
    """A list of forty users."""
    users = spark.read.format("delta").load(str(world.warehouse / "users")).select("user_id").distinct()
    chosen = [row["user_id"] for row in users.orderBy("user_id").limit(40).collect()]
    (world.folder / "mine.txt").write_text("\n".join(chosen), encoding="utf-8")


@dataclass(frozen=True)
class Task:
    """A job of the day.

    Attributes:
        job: its name.
        options: of its command line; `{folder}` stands for the world's folder.
        before: what happens in the world before it, once.
    """

    job: str
    options: tuple[str, ...] = ()
    before: Callable[[SparkSession, World], None] | None = None

    def command(self, world: World) -> list[str]:
        """As a user submits it."""
        return world.command(self.job, *(option.format(folder=world.folder) for option in self.options))


DAY = (
    Task("pipeline"),
    Task("extend_audience", ("--system", "ralm", "--seeds", "{folder}/mine.txt"), own_list),
    Task("compare"),
    Task("update_seeds", ("--available-now",), lambda spark, world: clicks(spark, world, 1)),
    Task("refresh", (), lambda spark, world: clicks(spark, world, 2)),
    Task("export_serving"),
)
