"""Users who were forgotten come in again: their rows are left out, by whatever way they come."""

import datetime as dt
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.steps.forgetting.erasures import Asked, Erasures
from jobs.steps.forgetting.forgotten import remember
from jobs.steps.seeds.live_seeds import SeedStream
from jobs.steps.sources import ingested_logs, simulated_world
from ralm.config import load_config
from ralm.errors import RalmError
from ralm.features.seeds import clicks, item_seeds
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from ralm.warehouse.forgotten import forgotten
from ralm.warehouse.once import replace
from tests.finished import TINY
from tests.steps.sources.test_landed_files import Folder, rows
from tests.steps.toy import toy_config, write_toy

pytestmark = [pytest.mark.long, pytest.mark.spark]
GONE = ["g0u00", "g1u07"]


def remembered(context: Context, users: list[str]) -> int:
    return remember(context, context.spark.createDataFrame([(user,) for user in users], "id string"))


def listed(folder: Path, users: list[str]) -> str:
    path = folder / "gone.txt"
    path.write_text("\n".join(users) + "\n")
    return str(path)


def test_who_was_forgotten_is_known_by_a_salted_hash_alone(spark: SparkSession, tmp_path: Path) -> None:
    contexts = [
        Context(spark, load_config(TINY, [f"warehouse={tmp_path / name}"]), say=lambda _: None) for name in "ab"
    ]
    assert [remembered(context, GONE) for context in contexts] == [2, 2]
    assert remembered(contexts[0], [GONE[0], "more"]) == 1
    found = [context.warehouse.read("forgotten") for context in contexts]
    assert [frame.count() for frame in found] == [3, 2]
    assert found[0].select("salt").distinct().count() == 1
    assert found[0].join(found[1], "user_hash").isEmpty()
    assert not [value for row in found[0].collect() for value in row if str(value) in GONE]
    gone = forgotten(contexts[0].warehouse)
    assert gone is not None
    people = spark.createDataFrame([(GONE[0],), ("stays",), (None,)], "user_id string")
    assert [row[0] for row in gone.among(people).collect()] == [GONE[0]]
    assert {row[0] for row in gone.without(people).collect()} == {"stays", None}


def without_ids(folder: Path, users: list[str]) -> None:
    """Write the toy world's logs again without some users."""
    for name in ("users", "events", "impressions"):
        table = pq.read_table(folder / f"{name}.parquet").to_pandas()
        table[~table["user_id"].isin(users)].to_parquet(folder / f"{name}.parquet", index=False)


def content(context: Context, name: str) -> DataFrame:
    return context.warehouse.read(name)


def test_an_ingest_of_the_same_logs_is_one_of_logs_without_them(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "other").mkdir()
    lines: list[str] = []
    context = Context(spark, write_toy(tmp_path / "own"), say=lines.append)
    run_steps(context, ingested_logs.steps(context)[:1])
    assert content(context, "events").where(F.col("user_id").isin(GONE)).count()
    Erasures(context, Asked(users=listed(tmp_path, GONE))).run()
    for name in ("users", "events", "impressions"):
        assert content(context, name).where(F.col("user_id").isin(GONE)).isEmpty()

    again = Context(spark, toy_config(tmp_path / "own"), say=lines.append)
    run_steps(again, ingested_logs.steps(again)[:1])
    assert lines[-1].endswith("already done, skipped")
    forced = Context(spark, toy_config(tmp_path / "own"), force=True, say=lines.append)
    run_steps(forced, ingested_logs.steps(forced)[:1])
    rows_left_out = content(forced, "checks").where("name LIKE 'forgotten:%'").collect()
    sources = {row["name"]: row["value"] for row in rows_left_out}
    raw = pq.read_table(tmp_path / "own" / "events.parquet").to_pandas()
    assert sources["forgotten:users"] == len(GONE)
    assert sources["forgotten:events[0]"] == raw["user_id"].isin(GONE).sum()
    assert any("rows of users who were forgotten are left out" in line for line in lines)

    write_toy(tmp_path / "other")
    without_ids(tmp_path / "other", GONE)
    other = Context(spark, toy_config(tmp_path / "other"), say=lambda _: None)
    run_steps(other, ingested_logs.steps(other)[:1])
    for name in ("users", "items", "events", "impressions"):
        ours, theirs = content(forced, name), content(other, name)
        assert ours.exceptAll(theirs.select(ours.columns)).isEmpty(), name
        assert ours.count() == theirs.count(), name


def test_the_built_in_world_goes_on_without_them(spark: SparkSession, tmp_path: Path) -> None:
    settings = [f"warehouse={tmp_path / 'wh'}", "simulate.users=1000"]
    context = Context(spark, load_config(TINY, settings), say=lambda _: None)
    run_steps(context, simulated_world.steps(context)[:1])
    gone = [row["user_id"] for row in content(context, "users").orderBy("user_id").limit(2).collect()]
    before = content(context, "events")
    remembered(context, gone)
    forced = Context(spark, context.given, force=True, say=lambda _: None)
    run_steps(forced, simulated_world.steps(forced)[:1])
    after = content(forced, "events")
    assert after.count() == before.where(~F.col("user_id").isin(gone)).count() < before.count()
    assert content(forced, "users").where(F.col("user_id").isin(gone)).isEmpty()


def test_files_that_land_and_the_stream_of_seeds_leave_them_out(spark: SparkSession, tmp_path: Path) -> None:
    folder = Folder(spark, tmp_path)
    folder.land("a.jsonl", rows(0, 60))
    folder.take()
    folder.land("b.jsonl", rows(60, 60))
    folder.land_only()  # the stream has yet to see these when the users go
    Erasures(folder.context, Asked(users=listed(tmp_path, ["u3", "u5"]))).run()
    SeedStream(folder.context).start(None).awaitTermination()
    folder.land("c.jsonl", rows(120, 60))
    folder.take()
    assert any("rows of users who were forgotten are left out" in line for line in folder.lines)
    impressions = folder.context.warehouse.read("impressions")
    kept = [row for row in rows(0, 180) if row["uid"] not in ("u3", "u5")]
    assert impressions.count() == len(kept)
    clicked = clicks(impressions, dt.date(2030, 1, 1)).withColumn("draw", F.lit(0))
    columns = ["item_id", "seeds", "seed_count", "clickers"]
    expected = item_seeds(clicked, 10).select(columns).orderBy("item_id").collect()
    assert folder.context.warehouse.read("live_seeds").select(columns).orderBy("item_id").collect() == expected


class Slow:
    """A step that copies users into `recommendations`; what happens while it is at work is up to a test."""

    def __init__(self, spark: SparkSession, tmp_path: Path) -> None:
        self.lines: list[str] = []
        self.config = load_config(TINY, [f"warehouse={tmp_path / 'wh'}"])
        self.spark = spark
        context = self.context()
        context.warehouse.create("users")
        people = spark.createDataFrame([(user,) for user in (*GONE, "stays")], "user_id string")
        users = people.withColumn("as_of", F.lit("1970-01-01").cast("date"))
        replace(context.warehouse, "users", users, {}, app_id="test", attempt=1, run_id="test")
        self.list = listed(tmp_path, GONE)

    def context(self) -> Context:
        return Context(self.spark, self.config, say=self.lines.append)

    def run(self, between: object = None, after: object = None) -> None:
        def action(step: RunningStep) -> None:
            rows = (
                step.read("users")
                .select("user_id")
                .withColumns(
                    {
                        "as_of": F.lit("2024-03-01").cast("date"),
                        "system": F.lit("ralm"),
                        "item_ids": F.array(F.lit("i1")),
                        "scores": F.array(F.lit(1.0)),
                    }
                )
            )
            if callable(between):
                between()
            step.replace("recommendations", rows, system="ralm")
            if callable(after):
                after()

        context = self.context()
        run_steps(context, [Step("slow", action, inputs=("users",), measured=False)])

    def forget(self) -> None:
        Erasures(self.context(), Asked(users=self.list)).run()

    def recommended(self) -> list[str]:
        return sorted(row["user_id"] for row in self.context().warehouse.read("recommendations").collect())


@pytest.fixture
def slow(spark: SparkSession, tmp_path: Path) -> Slow:
    return Slow(spark, tmp_path)


def test_a_step_at_work_writes_nothing_of_them(slow: Slow) -> None:
    with pytest.raises(RalmError, match="users were forgotten while it ran; run the same command again"):
        slow.run(between=slow.forget)
    assert any("step slow began at" in line and "has not ended" in line for line in slow.lines)
    slow.run()
    assert slow.recommended() == ["stays"]
    last = slow.context().ledger.last("slow", None, "done")
    assert last is not None
    assert last.attempt == 2


def test_a_crashed_step_does_not_go_on_with_what_it_read(slow: Slow) -> None:
    def crash() -> None:
        raise ValueError("killed")

    with pytest.raises(ValueError, match="killed"):
        slow.run(after=crash)
    assert slow.recommended() == sorted([*GONE, "stays"])
    slow.forget()
    assert slow.recommended() == ["stays"]
    slow.run()
    assert slow.recommended() == ["stays"]


def test_what_was_written_in_the_meantime_is_found_by_the_next_run(slow: Slow) -> None:
    with pytest.raises(RalmError, match="users were forgotten while it ran"):
        slow.run(after=slow.forget)
    assert slow.recommended() == ["stays"]
    # As if a write had ended after the users were gone.
    warehouse = slow.context().warehouse
    people = slow.spark.createDataFrame([(GONE[0],)], "user_id string")
    late = people.selectExpr(
        "date'2024-03-01' AS as_of", "'ralm' AS system", "user_id", "array('i1') AS item_ids", "array(1D) AS scores"
    )
    warehouse.conform("recommendations", late).write.format("delta").mode("append").save(
        warehouse.table_path("recommendations")
    )
    assert slow.recommended() == [GONE[0], "stays"]
    Erasures(slow.context(), Asked()).run()
    assert slow.recommended() == ["stays"]


def test_nobody_to_forget_is_said(spark: SparkSession, tmp_path: Path) -> None:
    lines: list[str] = []
    context = Context(spark, load_config(TINY, [f"warehouse={tmp_path / 'wh'}"]), say=lines.append)
    Erasures(context, Asked()).run()
    assert lines == ["nobody was forgotten yet: give a list with --users"]
