"""Two applications at once on one warehouse: both are right, or one is refused in a line with the other's run."""

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.steps.releases.releases import make_current
from ralm.config import load_config
from ralm.errors import MissingInputError, RalmError
from ralm.runs.context import Context
from ralm.runs.record import Record
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from ralm.warehouse.once import append
from ralm.warehouse.releases import Release, current_release, releases
from tests.faults.phases import Held

pytestmark = pytest.mark.spark
TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"
DAY = dt.date(2024, 1, 1)


class Application:
    """An application that writes one threshold per item of its own."""

    def __init__(self, spark: SparkSession, path: Path) -> None:
        self.spark, self.lines = spark, list[str]()
        self.context = Context(spark, load_config(TINY, [f"warehouse={path}"]), say=self.lines.append)

    def write(
        self, step: RunningStep, items: list[str], cutoff: float = 1.0, ready: Callable[[], None] = lambda: None
    ) -> None:
        """Replace the rows of some items."""
        row = self.spark.createDataFrame([(item,) for item in items], "item_id string").coalesce(1).select(
            *(F.lit(v).alias(k) for k, v in {"as_of": DAY, "system": "ralm", "cutoff": cutoff}.items()),
            *("item_id", F.lit(1).alias("probe_size"), F.lit(0.1).alias("top_fraction")),
            F.array(F.lit(0.5)).alias("quantiles"),
        )  # fmt: skip
        self.context.warehouse.create("thresholds")
        ready()
        step.replace("thresholds", row, "rows", as_of=DAY, system="ralm", item_id=items)

    def run(
        self,
        name: str,
        items: list[str],
        cutoff: float = 1.0,
        after_write: Callable[[], None] = lambda: None,
        force: bool = False,
        ready: Callable[[], None] = lambda: None,
    ) -> Callable[[], None]:
        """A run of a step that replaces the rows of some items."""

        def action(step: RunningStep) -> None:
            self.write(step, items, cutoff, ready)
            after_write()

        return lambda: self.begin(Step(name, action), force)

    def begin(self, step: Step, force: bool = False) -> None:
        """Run a step."""
        self.context.force = force
        run_steps(self.context, [step])

    def publish(
        self,
        name: str,
        release: str,
        between: Callable[[], None] = lambda: None,
        tables: dict[str, int] | None = None,
        force: bool = False,
    ) -> None:
        """A run of a step that makes a release current."""

        def action(step: RunningStep) -> None:
            rewrite = step.rewrite

            def after_the_other(name: str, *rows: Any) -> None:
                between()
                rewrite(name, *rows)

            step.rewrite = after_the_other  # type: ignore[method-assign]
            named, at = tables or {"audiences": 1}, dt.datetime(2024, 1, 2)
            make_current(step, Release(release, at, DAY, named, {"lookalike": "m"}, {}))

        self.begin(Step(name, action), force)


Start = Callable[[], Application]


@pytest.fixture
def start(spark: SparkSession, tmp_path: Path) -> Start:
    """Begins an application on the warehouse, which has its tables and a row of an item `a`."""
    path = tmp_path / "wh"
    Application(spark, path).run("night", ["a"])()
    return lambda: Application(spark, path)


def cutoffs(application: Application) -> dict[str, float]:
    return {row["item_id"]: row["cutoff"] for row in application.context.warehouse.read("thresholds").collect()}


@pytest.mark.long
@pytest.mark.parametrize("before", ["prepare", "commit"])
def test_a_round_and_a_list_write_to_one_table(start: Start, spark: SparkSession, before: str) -> None:
    """Files written, log not; the other application commits. Delta refuses the first one, which writes again."""
    refresh, extend = start(), start()
    held = Held(spark, before, lambda ready: refresh.run("refresh", ["b", "c"], 2.0, ready=ready)())
    extend.run("extend_audience", ["list:x"], 3.0)()
    assert cutoffs(extend) == {"a": 1.0, "list:x": 3.0}
    assert held.let_go() is None
    assert cutoffs(extend) == {"a": 1.0, "b": 2.0, "c": 2.0, "list:x": 3.0}
    told = [line for line in refresh.lines if "wrote to the table meanwhile" in line]
    assert len(told) == 1
    assert "run extend_audience/-/" in told[0]
    again = start()
    again.run("refresh", ["b", "c"], 2.0)()
    assert again.lines[-1].endswith("refresh: already done, skipped")


@pytest.mark.parametrize("before", ["prepare", "commit"])
def test_the_same_step_twice_at_once(start: Start, spark: SparkSession, before: str) -> None:
    """The second application takes the first for a crashed one and goes on with its run; the slower one is refused."""
    first = start()
    held = Held(spark, before, lambda ready: first.run("score_users", ["b"], 2.0, ready=ready)())
    second = start()
    second.run("score_users", ["b"], 2.0)()
    version = second.context.warehouse.version("thresholds")
    error = held.let_go()
    assert isinstance(error, RalmError)
    assert re.search(
        r"table 'thresholds': another application \(run score_users/-/\w+\) has written the rows of step 'score_users'",
        str(error),
    )
    assert "\n" not in str(error)
    assert second.context.warehouse.version("thresholds") == version
    assert cutoffs(second) == {"a": 1.0, "b": 2.0}


def test_the_log_is_written_and_the_ledger_not(start: Start, spark: SparkSession) -> None:
    """Both are right: the second finds the rows of the run that it goes on with."""
    first, second, versions = start(), start(), list[int]()

    def meanwhile() -> None:
        versions.append(first.context.warehouse.version("thresholds"))
        resumed = start()
        resumed.run("score_users", ["b"], 2.0)()
        assert any("already written by an earlier try of this run, kept" in line for line in resumed.lines)

    first.run("score_users", ["b"], 2.0, after_write=meanwhile)()
    assert [second.context.warehouse.version("thresholds")] == versions
    states = second.context.warehouse.read("runs").where("step = 'score_users'")
    assert {(row["state"], row["attempt"]) for row in states.collect()} == {("started", 1), ("done", 1)}
    again = start()
    again.run("score_users", ["b"], 2.0)()
    assert again.lines[-1].endswith("score_users: already done, skipped")


@pytest.mark.long
def test_no_release_is_lost_between_two_that_publish(start: Start) -> None:
    """Each writes the whole list anew: the one that read it before the other's release is refused."""
    night, refresh, later = start(), start(), start()
    night.publish("publish", "first")
    with pytest.raises(
        RalmError, match=r"table 'releases': run publish\[2\]/-/\w+ has written to it meanwhile; nothing"
    ):
        refresh.publish("refresh", "round", between=lambda: later.publish("publish[2]", "second"))
    warehouse = start().context.warehouse
    assert {release.release_id for release in releases(warehouse)} == {"first", "second"}
    assert current_release(warehouse).release_id == "second"
    refresh.publish("refresh", "round")
    assert current_release(warehouse).release_id == "round"
    assert len(releases(warehouse)) == 3


@pytest.mark.long
def test_a_release_that_was_published_is_not_published_again(start: Start) -> None:
    """Killed after the commit and before the ledger."""
    first = start()

    def killed(step: RunningStep) -> None:
        make_current(step, Release("r", dt.datetime(2024, 1, 2), DAY, {"audiences": 1}, {"lookalike": "m"}, {}))
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        run_steps(first.context, [Step("publish", killed)])
    version = first.context.warehouse.version("releases")
    again = start()
    again.publish("publish", "r")
    assert again.context.warehouse.version("releases") == version
    assert any("published by an earlier try of this run" in line for line in again.lines)


@pytest.mark.long
def test_two_begin_with_an_empty_warehouse(spark: SparkSession, tmp_path: Path) -> None:
    """Both create the table `runs`; the second finds it made."""
    first, second = Application(spark, tmp_path / "new"), Application(spark, tmp_path / "new")
    row = Record("r", "s", None, "started", "t", 1, "c", {}, {}, {}, dt.datetime(2024, 1, 2)).row()

    def begin(ready: Callable[[], None]) -> None:
        ready()
        append(first.context.warehouse, "runs", [row])

    held = Held(spark, "commit", begin)
    append(second.context.warehouse, "runs", [row])
    assert held.let_go() is None
    assert second.context.warehouse.read("runs").count() == 2


@pytest.mark.long
def test_a_table_whose_creator_was_killed_before_the_first_commit(spark: SparkSession, tmp_path: Path) -> None:
    """Delta makes the folder of the log before anything is in it."""
    for name in ("runs", "thresholds"):
        (tmp_path / "new" / name / "_delta_log").mkdir(parents=True)
    application = Application(spark, tmp_path / "new")
    assert not application.context.warehouse.exists("runs")
    with pytest.raises(MissingInputError, match="table 'runs': not found at "):
        application.context.warehouse.version("runs")
    application.run("night", ["a"])()
    assert cutoffs(application) == {"a": 1.0}
    assert application.context.warehouse.read("runs").count() == 2
