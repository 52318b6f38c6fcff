"""Steps run once: skipped when done, resumed after a crash, redone for other settings; never half written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config import Config, load_config
from ralm.errors import DataError, MissingInputError
from ralm.runs.context import Context, Filled
from ralm.runs.runner import plan_steps, run_steps
from ralm.runs.step import RunningStep, Step
from ralm.warehouse.once import replace

pytestmark = pytest.mark.spark
TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"


class CrashError(Exception):
    """A stand-in for a killed driver: nothing of ours handles it."""


class Bench:
    """A warehouse with one step that writes `checks`-like rows into `thresholds`."""

    def __init__(self, spark: SparkSession, path: Path) -> None:
        self.spark, self.path, self.lines, self.calls = spark, path, [], 0

    def config(self, *assignments: str) -> Config:
        return load_config(TINY, [f"warehouse={self.path}", *assignments])

    def step(self, after_write: Callable[[], None] | None = None, rows: int = 3) -> Step:
        def action(step: RunningStep) -> None:
            self.calls += 1
            frame = self.spark.range(rows).select(
                F.lit("2024-01-01").alias("as_of"),
                F.lit("ralm").alias("system"),
                F.concat(F.lit("i"), "id").alias("item_id"),
                F.lit(float(self.calls)).alias("cutoff"),
                F.lit(1).alias("probe_size"),
                F.lit(0.1).alias("top_fraction"),
                F.array(F.lit(0.5)).alias("quantiles"),
            )
            step.replace("thresholds", frame, "rows", as_of="2024-01-01", system="ralm")
            if after_write:
                after_write()

        return Step("score_users", action, sections=("scoring",))

    def run(self, step: Step, *assignments: str, force: bool = False) -> Context:
        context = Context(self.spark, self.config(*assignments), force=force, say=self.lines.append)
        run_steps(context, [step])
        return context

    def cutoffs(self) -> set[float]:
        frame = self.spark.read.format("delta").load(f"{self.path}/thresholds")
        return {row["cutoff"] for row in frame.collect()}

    def version(self) -> int:
        return Context(self.spark, self.config(), say=self.lines.append).warehouse.version("thresholds")


@pytest.fixture
def bench(spark: SparkSession, tmp_path: Path) -> Bench:
    return Bench(spark, tmp_path / "wh")


def test_a_finished_step_is_skipped_and_says_so(bench: Bench) -> None:
    bench.run(bench.step())
    version = bench.version()
    bench.run(bench.step())
    assert bench.calls == 1
    assert "already done, skipped" in bench.lines[-1]
    assert bench.version() == version


@pytest.mark.long
def test_force_and_other_settings_run_it_again(bench: Bench) -> None:
    bench.run(bench.step())
    bench.run(bench.step(), force=True)
    assert bench.cutoffs() == {2.0}
    bench.run(bench.step(), "scoring.max_items=7")
    assert bench.cutoffs() == {3.0}
    bench.run(bench.step(), "lookalike.clusters=9")  # not one of its sections, so the settings before it are meant
    assert bench.calls == 4


def test_a_crash_after_the_write_keeps_what_is_committed(bench: Bench) -> None:
    def crash() -> None:
        raise CrashError

    with pytest.raises(CrashError):
        bench.run(bench.step(crash))
    version = bench.version()
    bench.run(bench.step())
    assert bench.version() == version  # the retry's write was skipped by Delta: exactly once
    assert bench.cutoffs() == {1.0}
    assert any("already written by an earlier try" in line for line in bench.lines)
    bench.run(bench.step())
    assert "already done, skipped" in bench.lines[-1]


def test_a_failure_is_recorded_with_its_message(bench: Bench) -> None:
    def fail() -> None:
        raise DataError("table 'x': broken")

    with pytest.raises(DataError):
        bench.run(bench.step(fail))
    records = bench.spark.read.format("delta").load(f"{bench.path}/runs").where("state = 'failed'").collect()
    assert [row["message"] for row in records] == ["table 'x': broken"]


def test_a_step_names_the_one_that_must_run_first(bench: Bench) -> None:
    needy = Step("cluster_seeds", lambda step: None, after=(("update_seeds", None),))
    with pytest.raises(MissingInputError, match=r"update_seeds.*run job 'update_seeds' first"):
        bench.run(needy)


def test_a_later_step_runs_again_when_one_before_it_did(bench: Bench) -> None:
    calls: list[str] = []
    first = bench.step()
    second = Step("publish", lambda step: calls.append("x"), after=(("score_users", None),))
    for force in (False, False):
        context = Context(bench.spark, bench.config(), force=force, say=bench.lines.append)
        run_steps(context, [first, second])
    assert calls == ["x"]
    bench.run(first, "scoring.max_items=7")
    context = Context(bench.spark, bench.config("scoring.max_items=7"), say=bench.lines.append)
    assert dict(plan_steps(context, [first, second])) == {"score_users": "skip (done)", "publish": "run"}
    run_steps(context, [first, second])
    assert calls == ["x", "x"]


@pytest.mark.long
def test_forcing_a_step_makes_the_later_ones_run_again(bench: Bench) -> None:
    calls: list[str] = []
    second = Step("publish", lambda step: calls.append("x"), after=(("score_users", None),))
    run_steps(Context(bench.spark, bench.config(), say=bench.lines.append), [bench.step(), second])
    bench.run(bench.step(), force=True)
    run_steps(Context(bench.spark, bench.config(), say=bench.lines.append), [bench.step(), second])
    assert calls == ["x", "x"]


@pytest.mark.long
def test_other_partitions_are_left_alone(bench: Bench) -> None:
    bench.run(bench.step())
    warehouse = Context(bench.spark, bench.config(), say=bench.lines.append).warehouse
    other = warehouse.read("thresholds").withColumn("system", F.lit("lsh_iv"))
    where = {"as_of": "2024-01-01", "system": "lsh_iv"}
    replace(warehouse, "thresholds", other, where, app_id="other", attempt=1, run_id="r")
    bench.run(bench.step(rows=1), force=True)
    frame = warehouse.read("thresholds")
    assert frame.where("system = 'lsh_iv'").count() == 3
    assert frame.where("system = 'ralm'").count() == 1


@pytest.mark.long
def test_a_step_is_pinned_at_its_own_commit(bench: Bench) -> None:
    found = []

    def write(step: RunningStep) -> None:
        rows = bench.spark.range(2).select(
            *(F.lit(text).alias(name) for name, text in {"as_of": "2024-01-01", "system": "ralm"}.items()),
            *(F.col("id").cast("string").alias("item_id"), F.lit(0.5).alias("cutoff"), F.lit(1).alias("probe_size")),
            *(F.lit(0.1).alias("top_fraction"), F.array(F.lit(0.5)).alias("quantiles")),
        )
        step.replace("thresholds", rows, "rows", as_of="2024-01-01", system="ralm")
        warehouse, mine = step.context.warehouse, step.outputs["thresholds"]
        others = rows.union(rows).withColumn("system", F.lit("lsh_iv"))
        replace(warehouse, "thresholds", others, {"system": "lsh_iv"}, app_id="x", attempt=1, run_id="r")
        step.replace("thresholds", rows, "rows again", as_of="2024-01-01", system="ralm")  # skipped: the same attempt
        found.append((mine, step.outputs["thresholds"], dict(step.counts), warehouse.version("thresholds")))

    context = Context(bench.spark, bench.config(), say=bench.lines.append)
    run_steps(context, [Step("score_users", write)])
    mine, again, counts, newest = found[0]
    assert mine == again < newest
    assert counts == {"rows": 2, "rows again": 2}


def test_the_end_of_a_step_is_written_with_the_start_of_the_next(bench: Bench) -> None:
    seen: list[list[str]] = []

    def states(step: RunningStep) -> None:
        rows = step.context.warehouse.read("runs").orderBy("started_at", F.desc("state")).collect()
        seen.append([f"{row['step']} {row['state']}" for row in rows])

    names = ("a", "b")
    context = Context(bench.spark, bench.config(), say=bench.lines.append)
    run_steps(context, [Step(name, states) for name in names])
    assert seen == [["a started"], ["a started", "a done", "b started"]]
    assert context.warehouse.read("runs").where("state = 'done'").count() == 2
    assert context.warehouse.version("runs") == 3  # its creation, one commit per step and one at the end


def test_the_checks_of_a_step_are_written_with_its_end(bench: Bench) -> None:
    def look(step: RunningStep) -> None:
        for name in ("first", "second"):
            step.check(name, True)
        assert not step.context.warehouse.exists("checks")

    def fail(step: RunningStep) -> None:
        step.check("third", False)
        raise DataError("table 'x': broken")

    context = Context(bench.spark, bench.config(), say=bench.lines.append)
    run_steps(context, [Step("a", look)])
    assert context.warehouse.version("checks") == 1  # its creation, and one commit for all
    with pytest.raises(DataError):
        run_steps(context, [Step("b", fail)])
    rows = context.warehouse.read("checks").orderBy("name").collect()
    assert [(row["step"], row["name"], row["passed"]) for row in rows] == [
        ("a", "first", True),
        ("a", "second", True),
        ("b", "third", False),
    ]


def test_a_record_says_what_it_came_after_and_who_ran_it(bench: Bench) -> None:
    second = Step("publish", lambda step: None, after=(("score_users", None),))
    context = Context(bench.spark, bench.config(), say=bench.lines.append)
    run_steps(context, [bench.step(), second])
    first, last = (Context(bench.spark, bench.config()).require(name, None) for name in ("score_users", "publish"))
    assert (first.after, last.after) == ({}, {"score_users": first.version})
    assert last.application == f"{bench.spark.sparkContext.appName} {bench.spark.sparkContext.applicationId}"


@pytest.mark.long
def test_runs_of_an_earlier_release_are_read_and_get_the_new_columns(bench: Bench) -> None:
    bench.run(bench.step())
    path = f"{bench.path}/runs"
    old = bench.spark.read.format("delta").load(path).drop("application", "after").localCheckpoint()
    old.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(path)
    bench.run(bench.step())
    assert "already done, skipped" in bench.lines[-1]
    bench.run(bench.step(), force=True)
    rows = bench.spark.read.format("delta").load(path).where("state = 'done'").orderBy("attempt").collect()
    assert [row["after"] for row in rows] == [None, {}]


def test_what_is_known_to_be_there() -> None:
    filled = Filled()
    filled.saw("clusters", {"day": 1, "purpose": "train"}, 3)
    assert filled.has("clusters", {"day": 1}, 3)
    assert not filled.has("clusters", {"day": 1}, 4)  # seen in one version
    filled.wrote("clusters", {"day": 1, "purpose": "live", "item_id": ["a", "b"]}, 5, rows=7)
    assert filled.has("clusters", {"day": 1, "purpose": "live"}, 6)
    assert not filled.has("clusters", {"day": 1, "purpose": "live"}, 4)
    assert not filled.has("clusters", {"day": 1, "purpose": "live", "item_id": "a"}, 6)
    assert filled.has("clusters", {"day": 1, "purpose": "train"}, 3)  # another purpose was written
    filled.wrote("clusters", {"day": 1}, 7, rows=2)  # of any purpose
    assert not filled.has("clusters", {"day": 1, "purpose": "live"}, 8)
    assert filled.has("clusters", {"day": 1}, 8)
    filled.wrote("clusters", {}, 9, rows=0)
    assert not filled.has("clusters", {"day": 1}, 9)


def test_constraints_and_columns_are_enforced(bench: Bench) -> None:
    warehouse = Context(bench.spark, bench.config(), say=bench.lines.append).warehouse
    with pytest.raises(DataError, match=r"missing columns \['as_of', .*unexpected columns \['id'\]"):
        replace(warehouse, "thresholds", bench.spark.range(1), {}, app_id="a", attempt=1, run_id="r")
    negative = bench.spark.sql("select 'v' vocabulary_version, 'f' field, 'x' feature_id, 0 index, 1L frequency")
    with pytest.raises(Exception, match="index_positive"):
        replace(warehouse, "vocabularies", negative, {"vocabulary_version": "v"}, app_id="a", attempt=1, run_id="r")


def test_a_table_of_another_release_is_named(bench: Bench) -> None:
    path = f"{bench.path}/thresholds"
    bench.spark.sql("SELECT 'ralm' AS system").write.format("delta").save(path)
    with pytest.raises(DataError, match=r"table 'thresholds': no column as_of, item_id, .* remove the table's folder"):
        bench.run(bench.step())
