"""The checks of a night, on tables in which it is known what is wrong."""

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.steps.health import night
from jobs.steps.health.described_users import described, positives_per_user
from jobs.steps.health.findings import Finding, conclude
from jobs.steps.health.rows import change, rows_by_day
from jobs.steps.health.scores_and_clusters import empty_clusters, flat_scores
from jobs.steps.report.health import health_checks
from ralm.config import load_config
from ralm.errors import DataError
from ralm.field_specs import CategorySpec, HistorySpec, UserFields
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from tests.finished import Finished

TINY = Path(__file__).resolve().parents[3] / "conf" / "tiny.yaml"
DAYS = [dt.date(2024, 1, day) for day in range(1, 9)]


def test_the_last_day_against_the_median_of_those_before() -> None:
    before = dict(zip(DAYS[:7], [90, 100, 110, 95, 105, 100, 1_000], strict=True))
    assert change(before | {DAYS[7]: 150}, DAYS[7]) == pytest.approx(0.5)
    assert change(before, DAYS[7]) == -1.0  # a day without rows
    assert change({DAYS[5]: 1, DAYS[6]: 1, DAYS[7]: 9}, DAYS[7]) is None  # too few days to tell


def test_what_yaml_reads_of_off() -> None:
    config = load_config(TINY, ["health.rows=off", "health.scores=fail"])
    assert (config.health.rows, config.health.scores, config.health.freshness) == ("off", "fail", "warn")


@pytest.mark.spark
def test_rows_of_days(spark: SparkSession) -> None:
    rows = [(day,) for day in DAYS for _ in range(day.day)]
    table = spark.createDataFrame([*rows, (dt.date(2023, 12, 1),)], "shown_date date")
    assert rows_by_day(table, "shown_date", DAYS[7]) == {day: day.day for day in DAYS[:7]}


@pytest.mark.spark
def test_how_users_are_described(spark: SparkSession) -> None:
    specs = UserFields(
        histories=[HistorySpec(domain="reading", size=10, length=3)],
        categories=[CategorySpec(name="city", size=5)],
        numerics=["age"],
    )
    rows = [([1, 9, 0], 2), ([0, 0, 0], 0), ([0, 0, 0], 1), ([8, 3, 3], 0)]
    fields = spark.createDataFrame(rows, "history_reading array<int>, category_city int")
    # Of five entries, 9 and 8 are beyond the seven features that are known.
    assert described(fields, specs, {"reading": 7}) == {"without": 0.25, "reading": 0.4}


@pytest.mark.spark
def test_positives_per_user(spark: SparkSession) -> None:
    rows = [(1, [3, 4, 0]), (1, [5, 0, 0]), (2, [6, 0, 0])]
    samples = spark.createDataFrame(rows, "user_key bigint, positives array<int>")
    assert positives_per_user(samples) == 2.0
    assert positives_per_user(samples.limit(0)) is None


@pytest.mark.spark
def test_scores_that_do_not_tell_users_apart(spark: SparkSession) -> None:
    rows = [([0.1, 0.5],), ([0.2, 0.2],), ([float("nan"), float("nan")],), ([0.1, float("inf")],), ([],)]
    assert flat_scores(spark.createDataFrame(rows, "quantiles array<double>")) == (4, 5)


@pytest.mark.spark
def test_empty_clusters(spark: SparkSession) -> None:
    rows = [([3, 0, 1, 0],), ([2, 2, 0, 0],), ([1, 0, 0, 0],)]  # the last item has fewer seeds than clusters
    assert empty_clusters(spark.createDataFrame(rows, "sizes array<int>")) == 0.5


def run(spark: SparkSession, path: Path, lines: list[str], *settings: str) -> Context:
    """A step that found too few rows."""

    def action(step: RunningStep) -> None:
        conclude(step, [Finding("rows", "events", -0.9, False, "10 rows, -90%"), Finding("scores", "", 0, True, "ok")])

    config = load_config(TINY, [f"warehouse={path}", *settings])
    context = Context(spark, config, say=lines.append)
    run_steps(context, [Step("check_health[inputs]", action, ("health",), measured=False)])
    return context


@pytest.mark.spark
def test_warn_goes_on_and_fail_stops(spark: SparkSession, tmp_path: Path) -> None:
    lines: list[str] = []
    context = run(spark, tmp_path, lines)
    assert any("warning: rows:events: 10 rows, -90%" in line for line in lines)
    assert [(one.name, one.passed, one.severity) for one in health_checks(context)] == [
        ("rows:events", False, "warn"),
        ("scores", True, "warn"),
    ]
    with pytest.raises(DataError, match=r"check 'rows:events': 10 rows, -90%; .* --set health.rows=warn"):
        run(spark, tmp_path, lines, "health.rows=fail")
    rows = spark.read.format("delta").load(str(tmp_path / "checks")).where("severity = 'fail'").collect()
    assert [(row["name"], row["passed"], row["checked_at"] is not None) for row in rows] == [
        ("rows:events", False, True)
    ]


@pytest.mark.spark
@pytest.mark.long
def test_the_checks_of_a_night(tiny_run: Finished, tmp_path: Path) -> None:
    recorded = {row["name"]: row for row in tiny_run.table("checks").where("severity IS NOT NULL").collect()}
    assert {"rows:events", "rows:impressions", "freshness", "without_fields", "scores"} <= set(recorded)
    assert {"out_of_vocabulary:reading", "positives:reading", "empty_clusters"} <= set(recorded)
    assert [name for name, row in recorded.items() if not row["passed"]] == []
    page = Path(str(tiny_run.config.warehouse), "report.html").read_text(encoding="utf-8")
    assert "Is this run healthy?" in page
    finished, lines = tiny_run.copy(tmp_path / "wh"), list[str]()
    strict = ["health.without_fields_share=0", "health.positives_least=50", "health.rows=off", "health.freshness=off"]
    context = finished.context(*strict, say=lines.append)
    run_steps(context, night.steps(context))
    assert [line.strip().split(": ")[1] for line in lines if "warning" in line] == [
        "without_fields",
        "positives:reading",
    ]
    now = [one for one in health_checks(context) if one.severity is not None]
    assert {one.name for one in now} == set(recorded) - {"rows:events", "rows:impressions", "freshness"}
    with pytest.raises(DataError, match=r"positives:reading.*--set health.positives=warn"):
        run_steps(finished.context(*strict, "health.positives=fail"), night.users(context))
