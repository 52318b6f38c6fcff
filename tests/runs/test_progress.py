"""How far a long step is, on a terminal, in plain lines and in JSON; and the names of Spark's stages."""

import io
import json
import re
import sys
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config import load_config
from ralm.runs import progress
from ralm.runs.console import Console
from ralm.runs.context import Context
from ralm.runs.progress import line
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from ralm.spark.stages import Work

TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"


def test_the_time_left_is_known_once_a_task_has_ended() -> None:
    assert line(Work(0, 8, 0, 5.0)) == "0 of 8 tasks"
    assert line(Work(2, 8, 4_000, 10.0)) == "2 of 8 tasks, 4,000 rows (400/s), 30.0 s left in this stage"


def test_a_line_on_a_terminal_is_updated_and_gives_way() -> None:
    stream = io.StringIO()
    console = Console(stream, "bar")
    console.update("one", {})
    console.update("two", {})
    print("a line of its own", file=console)
    console.clear()  # nothing is shown any more
    assert stream.getvalue() == "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[Ka line of its own\n"


def test_every_line_of_json_is_an_object() -> None:
    stream = io.StringIO()
    console = Console(stream, "json")
    console.step = {"step": "ingest"}
    print("two\nlines", file=console)
    console.update("half", {"tasks_done": 1})
    print("no end", end="", file=console, flush=True)
    told = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert [one["message"] for one in told] == ["two", "lines", "half", "no end"]
    assert {one["step"] for one in told} == {"ingest"}
    assert told[2]["tasks_done"] == 1


def slow_step(seconds: float) -> Step:
    """Counts rows in eight tasks that take so long, on two cores."""

    def action(step: RunningStep) -> None:
        def sleep(batches):
            for batch in batches:
                time.sleep(seconds)
                yield batch

        spark = step.context.spark
        spark.range(0, 800, 1, 8).mapInArrow(sleep, "id bigint").agg(F.sum("id")).collect()

    return Step("score_users", action)


@pytest.mark.spark
@pytest.mark.parametrize("style", ["lines", "bar", "json"])
def test_a_long_step_says_how_far_it_is(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(progress, "LOOK", 0.1)
    monkeypatch.setattr(progress, "FIRST", 0.2)
    if style != "lines":
        monkeypatch.setattr(sys, "stdout", Console(stream, style))  # type: ignore[arg-type]
    said: list[str] = []
    context = Context(spark, load_config(TINY, [f"warehouse={tmp_path}"]), say=said.append)
    run_steps(context, [slow_step(1.0)])
    text = "\n".join(said) if style == "lines" else stream.getvalue()
    assert re.search(r"[1-7] of 8 tasks", text), text
    if style == "json":
        halfway = next(one for one in map(json.loads, text.splitlines()) if one["tasks_done"])
        assert (halfway["step"], halfway["tasks"]) == ("score_users", 8)


@pytest.mark.spark
def test_jobs_and_stages_bear_the_name_of_their_step(spark: SparkSession, tmp_path: Path) -> None:
    context = Context(spark, load_config(TINY, [f"warehouse={tmp_path}"]), say=lambda _: None)
    known = set(spark.sparkContext.statusTracker().getJobIdsForGroup("score_users"))
    run_steps(context, [slow_step(0.0)])
    (*_, job) = sorted(set(spark.sparkContext.statusTracker().getJobIdsForGroup("score_users")) - known)
    info = spark.sparkContext.statusTracker().getJobInfo(job)
    assert info is not None
    store = spark.sparkContext._jsc.sc().statusStore()
    assert {store.lastStageAttempt(stage).description().get() for stage in info.stageIds} == {"[ 1/1] score_users"}
    # What comes after the step has its name no more.
    spark.range(10).count()
    assert max(spark.sparkContext.statusTracker().getJobIdsForGroup("score_users")) == job
