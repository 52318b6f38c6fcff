"""Seeds from the change feed: whatever happens to the log, they are what the batch job makes of it.

Over 300 lines because one stream is tried with each thing that can happen to its log.
"""

import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from jobs.cli.intervals import interval
from jobs.steps.seeds.live_seeds import SOURCE, SeedStream
from jobs.steps.sources.landed_files import Landing
from jobs.steps.sources.streaming import keep_going
from ralm.config import load_config
from ralm.errors import ConfigError, MissingInputError
from ralm.features.seeds import clicks, item_seeds
from ralm.runs.context import Context
from ralm.spark.jvm import QUICK
from ralm.warehouse.once import append
from tests.steps.sources.test_landed_files import Folder, break_at
from tests.steps.sources.test_landed_files import rows as landed_rows

pytestmark = pytest.mark.spark
ROOT = Path(__file__).resolve().parents[3]
TINY = ROOT / "conf" / "tiny.yaml"
CAP = 10
DAY = dt.datetime(2024, 3, 1)
KEPT = ["item_id", "seeds", "seed_count", "clickers"]


def rows(count: int, seed: int, late: dt.timedelta = dt.timedelta(0)) -> list[tuple]:
    """Impressions of 40 users and 5 items over three days, half of them clicked."""
    drawn = random.Random(seed)
    made = []
    for _ in range(count):
        shown = DAY + dt.timedelta(seconds=drawn.randrange(3 * 86_400)) - late
        clicked = drawn.random() < 0.5
        made.append((f"u{drawn.randrange(40)}", f"i{drawn.randrange(5)}", shown, clicked, "feed", shown.date()))
    return made


@pytest.fixture
def context(spark: SparkSession, tmp_path: Path) -> Context:
    config = load_config(TINY, [f"warehouse={tmp_path / 'wh'}", f"lookalike.seed_cap={CAP}", "lookalike.min_seeds=1"])
    return Context(spark, config, say=lambda line: None)


def stream(context: Context) -> None:
    """All that is new, in one query."""
    query = SeedStream(context).start(None)
    query.awaitTermination()


def log(context: Context) -> DeltaTable:
    return DeltaTable.forPath(context.spark, context.warehouse.table_path("impressions"))


def live(context: Context) -> DataFrame:
    return context.warehouse.read("live_seeds")


def assert_like_the_batch(context: Context) -> int:
    clicked = clicks(context.warehouse.read("impressions"), dt.date(2030, 1, 1)).withColumn("draw", F.lit(0))
    expected = item_seeds(clicked, CAP).select(KEPT).orderBy("item_id").collect()
    assert live(context).select(KEPT).orderBy("item_id").collect() == expected
    return len(expected)


@pytest.mark.long
def test_late_repeated_and_deleted_clicks(context: Context) -> None:
    append(context.warehouse, "impressions", rows(200, 1))
    stream(context)
    assert assert_like_the_batch(context) == 5
    before = {row["item_id"]: row["changes"] for row in live(context).collect()}
    append(context.warehouse, "impressions", rows(100, 2, late=dt.timedelta(days=2)))
    append(context.warehouse, "impressions", rows(150, 1))  # the same again
    log(context).delete("user_id < 'u2' AND item_id = 'i1'")
    log(context).delete("item_id = 'i2'")
    log(context).update("item_id = 'i3'", {"clicked": F.lit(True)})
    stream(context)
    assert assert_like_the_batch(context) == 4  # nobody clicked i2
    after = {row["item_id"]: row["changes"] for row in live(context).collect()}
    assert all(after[item] >= before[item] for item in after)
    assert after["i3"] > before["i3"]


@pytest.mark.long
def test_a_back_fill_of_the_same_rows_changes_nothing(context: Context) -> None:
    append(context.warehouse, "impressions", rows(200, 1))
    stream(context)
    version = context.warehouse.version("live_seeds")
    same = context.warehouse.read("impressions").where(F.col("shown_date") == F.lit(DAY.date())).localCheckpoint()
    path = context.warehouse.table_path("impressions")
    same.write.format("delta").mode("overwrite").option("replaceWhere", "shown_date = '2024-03-01'").save(path)
    stream(context)
    assert context.warehouse.version("live_seeds") == version
    assert_like_the_batch(context)


@pytest.mark.long
def test_a_batch_that_comes_again_is_skipped(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    append(context.warehouse, "impressions", rows(200, 1))
    update = SeedStream.update

    def killed(self: SeedStream, changes: DataFrame, batch: int) -> None:
        update(self, changes, batch)
        raise RuntimeError("killed after the write, before the checkpoint")

    monkeypatch.setattr(SeedStream, "update", killed)
    with pytest.raises(StreamingQueryException):
        stream(context)
    monkeypatch.undo()
    version = context.warehouse.version("live_seeds")
    stream(context)
    assert context.warehouse.version("live_seeds") == version
    commit = DeltaTable.forPath(context.spark, context.warehouse.table_path("live_seeds")).history(1).first()
    assert commit is not None
    assert json.loads(commit["userMetadata"])["batch"] == 0
    append(context.warehouse, "impressions", rows(100, 2))
    stream(context)
    assert_like_the_batch(context)


@pytest.mark.long
def test_clicks_of_the_future_go_to_quarantine(context: Context) -> None:
    append(context.warehouse, "impressions", rows(20, 1))
    ahead = dt.datetime.now() + dt.timedelta(days=2)
    append(context.warehouse, "impressions", [("u1", "i9", ahead, True, "feed", ahead.date())])
    stream(context)
    assert live(context).where("item_id = 'i9'").isEmpty()
    refused = context.warehouse.read("quarantine").where(F.col("source") == SOURCE).collect()
    assert [json.loads(row["row"])["item_id"] for row in refused] == ["i9"]
    assert refused[0]["reason"].startswith("shown_at after")
    stream(context)
    assert context.warehouse.read("quarantine").count() == 1


@pytest.mark.long
def test_a_stream_needs_its_table(context: Context) -> None:
    with pytest.raises(MissingInputError, match="impressions"):
        stream(context)
    append(context.warehouse, "impressions", rows(5, 1))
    stream(context)
    DeltaTable.forPath(context.spark, context.warehouse.table_path("live_seeds"))
    path = Path(context.warehouse.table_path("live_seeds"))
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(MissingInputError, match=r"remove .*_streams/live_seeds to begin it anew"):
        stream(context)


@pytest.mark.long
def test_the_log_may_get_a_column_while_it_is_followed(context: Context) -> None:
    append(context.warehouse, "impressions", rows(200, 1))
    queries: list[StreamingQuery] = []

    def start() -> StreamingQuery:
        queries.append(SeedStream(context).start(dt.timedelta(seconds=1)))
        return queries[-1]

    def wait(done: Callable[[], bool]) -> None:
        limit = time.monotonic() + 120
        while not done() and time.monotonic() < limit:
            time.sleep(0.5)
        assert done()

    said: list[str] = []
    follower = threading.Thread(target=keep_going, args=([start], said.append))
    follower.start()
    wait(lambda: context.warehouse.exists("live_seeds") and live(context).count() == 5)
    row = {"item_id": F.lit("i9"), "clicked": F.lit(True), "place": F.lit(1)}
    wider = context.warehouse.read("impressions").limit(1).withColumns(row).write.format("delta").mode("append")
    wider.option("mergeSchema", "true").save(context.warehouse.table_path("impressions"))
    wait(lambda: live(context).count() == 6)
    assert len(queries) == 2
    assert said == ["live_seeds: the columns of its table changed; it goes on with the new ones"]
    queries[-1].stop()
    follower.join()
    assert_like_the_batch(context)


def test_intervals() -> None:
    times = [dt.timedelta(seconds=30), dt.timedelta(minutes=1), dt.timedelta(hours=2)]
    assert [interval(text) for text in ("30s", "1m", "2h")] == times
    with pytest.raises(ConfigError, match="such as 30s or 1m"):
        interval("1 day")


# `update_seeds`, killed before or after one of its methods the first time that it comes to it.
KILLED_AT = """
import os, signal, sys
from jobs import update_seeds
from jobs.cli.arguments import run_job
from jobs.steps.seeds.live_seeds import SeedStream
from jobs.steps.sources.landed_files import Landing

kind, name, when = sys.argv.pop(1).split(".")
owner = {"Landing": Landing, "SeedStream": SeedStream}[kind]
method = getattr(owner, name)

def killed(*given):
    if when == "after":
        method(*given)
    os.killpg(0, signal.SIGKILL)

setattr(owner, name, killed)
run_job(update_seeds.main, "", options=update_seeds.options())
"""


class Process:
    """`update_seeds` over a landing folder, as a process of its own."""

    def __init__(self, folder: Folder) -> None:
        self.given = ["--config", str(folder.file), "--landing", str(folder.path)]
        for setting in (*folder.settings, "spark.driver_memory=1g"):
            self.given += ["--set", setting]

    def start(self, *command: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "JDK_JAVA_OPTIONS": QUICK},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )

    def run(self) -> None:
        ended = self.start("jobs/update_seeds.py", *self.given, "--available-now")
        _, told = ended.communicate()
        assert ended.returncode == 0, told[-2_000:]

    def kill_at(self, point: str) -> None:
        process = self.start("-c", KILLED_AT, point, *self.given, "--available-now")
        _, told = process.communicate()
        assert process.returncode == -signal.SIGKILL, f"{point} was not reached: {told[-2_000:]}"


@pytest.fixture
def folder(spark: SparkSession, tmp_path: Path) -> Folder:
    """A table of clicks, and a folder in which files will land."""
    made = Folder(spark, tmp_path)
    append(made.context.warehouse, "impressions", rows(200, 1))
    return made


def land(folder: Folder, number: int) -> None:
    """Rows that come into the table, rows that go, a file that is good but for one row, and a broken one."""
    context = folder.context
    append(context.warehouse, "impressions", rows(30, 10 + number))
    log(context).delete(f"user_id = 'u{number}'")
    good = landed_rows(0, 20, article=f"l{number}", uid=f"v{number}")
    folder.land(f"{number}.jsonl", [*good, *landed_rows(0, 1, uid=None)])
    folder.land(f"{number}-broken.jsonl", b"\x00 nothing of it is JSON")


def assert_taken_once(folder: Folder, files: int) -> None:
    folder.assert_seeds_are_the_batch_s()
    landed = folder.context.warehouse.read("impressions").where("item_id LIKE 'l%'").groupBy("item_id").count()
    assert sorted(tuple(row) for row in landed.collect()) == [(f"l{number}", 20) for number in range(files)]
    assert len(folder.refused()) == 2 * files


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ended_at_each_point_where_something_is_half_done(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    land(folder, 0)  # files are taken but not ticked off
    break_at(monkeypatch, folder, Landing, "take", after=True)
    land(folder, 1)  # files are taken, and no seeds of them
    break_at(monkeypatch, folder, SeedStream, "_merge", after=False)
    land(folder, 2)  # seeds are merged, but their batch is not ticked off; this time the whole process is killed
    Process(folder).kill_at("SeedStream._merge.after")
    folder.take()
    assert_taken_once(folder, 3)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_ten_times_at_any_moment(folder: Folder) -> None:
    process = Process(folder)
    drawn = random.Random(7)
    for number in range(10):
        running = process.start("jobs/update_seeds.py", *process.given, "--trigger", "1s", stderr=subprocess.DEVNULL)
        land(folder, number)
        # At any moment, also before the first batch: Spark starts in some 8 seconds here.
        time.sleep(drawn.uniform(6, 20))
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    process.run()
    assert_taken_once(folder, 10)
