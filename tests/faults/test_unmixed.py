"""A night and a round at once for one date: their audiences never make up a release together."""

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.steps.releases.unmixed import require_no_night, require_no_round
from ralm.errors import RalmError
from ralm.runs.record import Record
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from ralm.warehouse.once import append
from ralm.warehouse.releases import current_release
from tests.faults.test_two_at_once import DAY, Application

pytestmark = [pytest.mark.spark, pytest.mark.soak]


@pytest.fixture
def path(spark: SparkSession, tmp_path: Path) -> Path:
    """A warehouse with a scored and released date."""
    found = tmp_path / "wh"
    night = Application(spark, found)
    night.run("score_users", ["a", "b"])()
    warehouse = night.context.warehouse
    warehouse.create("audiences")
    night.publish("publish", "night", tables={name: warehouse.version(name) for name in ("audiences", "thresholds")})
    return found


def test_a_round_does_not_publish_what_a_night_has_not_released(spark: SparkSession, path: Path) -> None:
    """The night was killed, or refused by the gate, after it had scored the date anew."""
    application = Application(spark, path)
    release = current_release(application.context.warehouse)
    application.run("extend_audience", ["list:x"])()
    application.run("refresh", ["b"], 2.0)()
    require_no_night(application.context, release)
    application.run("score_users", ["a", "b"], 3.0, force=True)()
    with pytest.raises(RalmError, match=rf"table 'thresholds': run score_users/-/\w+ has scored {DAY} anew since") as e:
        require_no_night(Application(spark, path).context, release)
    assert "\n" not in str(e.value)


def test_a_night_does_not_publish_what_a_round_has_written_over_it(spark: SparkSession, path: Path) -> None:
    night = Application(spark, path)
    night.run("score_users", ["a", "b"], 3.0, force=True)()
    scored = {"thresholds": night.context.warehouse.version("thresholds"), "audiences": 0}
    night.run("extend_audience", ["list:x"])()
    pinned = scored | {"thresholds": night.context.warehouse.version("thresholds")}
    require_no_round(night.context, DAY, scored, pinned)
    Application(spark, path).run("refresh", ["b"], 2.0)()
    pinned = scored | {"thresholds": night.context.warehouse.version("thresholds")}
    with pytest.raises(RalmError, match=r"table 'thresholds': run refresh/-/\w+ has written rows of 2024-01-01 by"):
        require_no_round(night.context, DAY, scored, pinned)


def test_a_round_that_began_before_the_release_and_wrote_after_it(spark: SparkSession, path: Path) -> None:
    late, night = Application(spark, path), Application(spark, path)

    def publish() -> None:
        tables = {name: night.context.warehouse.version(name) for name in ("audiences", "thresholds")}
        night.publish("publish[again]", "again", tables=tables)
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        record = Record("publish/x/y", "publish", DAY, "done", "t", 1, "c", {}, {}, {}, now, now)
        append(night.context.warehouse, "runs", [record.row()])

    def act(step: RunningStep) -> None:
        publish()
        late.write(step, ["b"], 2.0)

    run_steps(late.context, [Step("refresh", act)])
    context = Application(spark, path).context
    with pytest.raises(RalmError, match=r"run refresh/-/\w+, which began before the night of 2024-01-01 was released"):
        require_no_night(context, current_release(context.warehouse))
