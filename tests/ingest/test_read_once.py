"""How often the value of a cell is read."""

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from ralm.config.sources import EventSource
from ralm.ingest.mapping import Target, map_source

pytestmark = pytest.mark.spark
# Part of the pattern by which a time is read, and of the test whether an id has nothing to mend.
TIME, PLAIN = "(?=\\s*[A-Za-z+\\-])", "Contains({}, +)"


def test_a_value_is_read_once_however_many_reasons_look_at_it(spark: SparkSession) -> None:
    raw = spark.createDataFrame([("u1", "2024-01-01 10:00:00")], "u string, t string")
    columns = {"user_id": "u", "feature_id": "u", "event_time": "t"}
    source = EventSource(path="log.csv", format="csv", domain="reading", columns=columns)
    targets = [Target("user_id", "id"), Target("event_time", "time")]
    frame = map_source(raw, source, targets, "ingest.events[0]", not_after=dt.datetime(2026, 1, 1)).frame
    plan = frame._jdf.queryExecution().optimizedPlan().toString()
    assert plan.count(TIME) == 1
    # Of an id: for its value, for whether it is there, and for what was done to it.
    user = raw._jdf.queryExecution().optimizedPlan().output().apply(0).toString()
    assert plan.count(PLAIN.format(user)) == 3
    assert [tuple(row)[:3] for row in frame.collect()] == [("u1", dt.datetime(2024, 1, 1, 10), None)]
