"""Logs without times: the sentinel days cut events, seeds and labels into disjoint parts."""

import datetime as dt
from pathlib import Path

import pytest
from pydantic import ValidationError
from pyspark.sql import SparkSession
from scipy.stats import chisquare

from ralm.ingest.tables import ingest
from tests.ingest.worlds import make

pytestmark = pytest.mark.spark

LOG = [{"uid": f"u{u}", "item": f"i{(u * u + k * 7) % 60}"} for u in range(100) for k in range(9)]
UNTIMED = {
    "untimed": True,
    "events__0__columns": {"user_id": "uid", "feature_id": "item"},
    "events__0__where": None,
    "impressions__columns": {"user_id": "uid", "item_id": "item"},
    "sampled_negatives": {"per_click": 2},
}


def test_a_pair_has_one_day_in_events_and_impressions(spark: SparkSession, tmp_path: Path) -> None:
    result = ingest(spark, make(tmp_path, log=LOG, **UNTIMED))
    pairs = {(row["uid"], row["item"]) for row in LOG}
    events = {(r["user_id"], r["feature_id"]): r["event_time"] for r in result.events.collect()}
    shown = result.impressions.collect()
    clicks = {(r["user_id"], r["item_id"]): r["shown_at"] for r in shown if r["clicked"]}
    others = {(r["user_id"], r["item_id"]): r["shown_at"] for r in shown if not r["clicked"]}
    assert events == clicks
    assert set(events) == pairs
    assert len(shown) == len(clicks) + len(others)  # a pair is on one day only
    assert not set(others) & pairs
    assert len(others) > len(pairs)
    days = [(time - dt.datetime(1970, 1, 1)).days for time in (clicks | others).values()]
    assert all(time.time() == dt.time() for time in (clicks | others).values())
    assert all(0 <= day < 100 for day in days)
    assert chisquare([sum(day // 10 == part for day in days) for part in range(10)]).pvalue > 1e-3


@pytest.mark.long
def test_the_seed_moves_the_parts(spark: SparkSession, tmp_path: Path) -> None:
    config = make(tmp_path, log=LOG, **UNTIMED)
    first = sorted(map(tuple, ingest(spark, config).events.collect()))
    again = sorted(map(tuple, ingest(spark, config).events.collect()))
    other = sorted(map(tuple, ingest(spark, config.model_copy(update={"seed": 2})).events.collect()))
    assert first == again
    assert first != other


def test_an_untimed_log_names_no_times(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"unknown \['event_time'\]"):
        make(tmp_path, untimed=True)


def test_a_timed_log_names_them(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"missing \['shown_at'\]"):
        make(tmp_path, impressions__columns={"user_id": "uid", "item_id": "item"})
