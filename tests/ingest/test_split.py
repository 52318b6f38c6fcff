"""Whether ingest keeps the times of a log: decided from its days and from who did something before."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ralm.config import Config, Dates
from ralm.dates import SENTINEL_DAYS, SENTINEL_START
from ralm.ingest.split import BY_HASH, found_midnights, measure
from ralm.ingest.tables import ingest
from tests.ingest.worlds import Rows, make

pytestmark = pytest.mark.spark
CALENDAR = {SENTINEL_START + dt.timedelta(days=n) for n in range(SENTINEL_DAYS)}


def row(user: str, item: int, day: int, minute: int) -> dict[str, Any]:
    return {"uid": user, "item": f"i{item}", "time": f"2024-01-{day:02} 10:{minute:02}:00", "action": "click"}


def visitors(days: int) -> Rows:
    """Everybody comes once and does all within the hour; the last row repeats one before it in every respect."""
    rows = [
        row(f"u{day}_{n}", (day + k) % 9, day, k) for day in range(1, days + 1) for n in range(10) for k in range(5)
    ]
    return [*rows, rows[-1]]


def regulars(days: int) -> Rows:
    return [row(f"u{n}", (day + n) % 9, day, n) for day in range(1, days + 1) for n in range(10)]


def configured(folder: Path, log: Rows, dates: dict[str, Any] | None = None, **changes: Any) -> Config:
    return make(folder, log=log, **changes).model_copy(update={"dates": Dates.model_validate(dates or {})})


@pytest.mark.long
def test_users_who_come_once_are_split_by_hash(spark: SparkSession, tmp_path: Path) -> None:
    result = ingest(spark, configured(tmp_path, visitors(12)))
    assert result.split.by_hash
    assert "100%" in result.split.said
    assert "ingest.untimed: false" in result.split.said
    check = next(check for check in result.checks if check.name == "split")
    assert (check.value, check.detail) == (1.0, result.split.said)
    assert result.split.facts == {BY_HASH: SENTINEL_DAYS}
    events, shown = result.events.collect(), result.impressions.collect()
    assert {r["event_date"] for r in events} | {r["shown_date"] for r in shown} <= CALENDAR
    days = {(r["user_id"], r["feature_id"]): r["event_time"] for r in events}
    assert days == {(r["user_id"], r["item_id"]): r["shown_at"] for r in shown}
    assert len(shown) == 12 * 10 * 5
    # The times still say what is a duplicate, and when an item was first seen.
    assert result.quarantine.where("reason = 'duplicate'").count() == 2
    seen = {r["item_id"]: r["published_at"] for r in result.items.collect()}
    assert seen["i3"].year == 2024


def test_users_who_come_back_keep_their_times(spark: SparkSession, tmp_path: Path) -> None:
    result = ingest(spark, configured(tmp_path, regulars(10)))
    assert not result.split.by_hash
    assert found_midnights(result.split.facts) == (dt.date(2024, 1, 5), dt.date(2024, 1, 7), dt.date(2024, 1, 9))
    assert "times are kept, A0 2024-01-05" in result.split.said
    assert {r["shown_date"].year for r in result.impressions.collect()} == {2024}


@pytest.mark.long
@pytest.mark.parametrize(
    "settings",
    [{"untimed": False}, {"dates": {"a0": 0.4, "a1": 0.6, "a2": 0.8}}],
    ids=["untimed: false", "dates set"],
)
def test_what_is_set_holds(spark: SparkSession, tmp_path: Path, settings: dict[str, Any]) -> None:
    result = ingest(spark, configured(tmp_path, visitors(12), **settings))
    assert not result.split.by_hash
    assert {r["shown_date"].year for r in result.impressions.collect()} == {2024}
    assert ("ingest.untimed: true" in result.split.said) == ("untimed" in settings)


def test_a_log_of_one_day_is_split_by_hash(spark: SparkSession, tmp_path: Path) -> None:
    result = ingest(spark, configured(tmp_path, regulars(1)))
    assert result.split.by_hash
    assert "three midnights" in result.split.said


@pytest.mark.long
def test_a_log_that_names_no_times_has_none(spark: SparkSession, tmp_path: Path) -> None:
    columns = {
        "events__0__columns": {"user_id": "uid", "feature_id": "item"},
        "impressions__columns": {"user_id": "uid", "item_id": "item"},
    }
    result = ingest(spark, configured(tmp_path, regulars(3), **columns))
    assert result.split.by_hash
    assert result.split.said == ""
    assert {r["shown_date"] for r in result.impressions.collect()} <= CALENDAR


def test_a_sample_of_users_says_the_same(spark: SparkSession) -> None:
    """Half of the users come on one day only, spread over the log; the others on every day."""
    rows = [(f"once{n}", dt.datetime(2024, 1, 1 + n % 20)) for n in range(4_000)]
    rows += [(f"daily{n}", dt.datetime(2024, 1, 1 + day)) for n in range(400) for day in range(20)]
    shown = spark.createDataFrame(rows, "user_id string, shown_at timestamp")
    events = shown.withColumnRenamed("shown_at", "event_time")
    whole = measure(events, shown, len(rows), seed=1)
    assert whole.midnights == (dt.date(2024, 1, 9), dt.date(2024, 1, 13), dt.date(2024, 1, 17))
    assert whole.without_history == pytest.approx(1 / 3)
    # As if there were so many rows: half of the users are looked at.
    sampled = measure(events, shown, 4_000_000, seed=1)
    assert sampled.midnights == whole.midnights
    assert sampled.without_history != whole.without_history
    assert sampled.without_history == pytest.approx(1 / 3, abs=0.05)
