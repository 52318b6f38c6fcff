"""Whether the log is as complete as on the days before: looked at before anything is made from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from statistics import median

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.health.findings import Finding, action, conclude
from ralm.runs.step import RunningStep

DAYS = {"events": "event_date", "impressions": "shown_date"}
BEFORE, FEWEST = 7, 3


def rows_by_day(table: DataFrame, day: str, until: dt.date) -> dict[dt.date, int]:
    """Day -> rows, of the last day before `until` and the days before it; days without rows are left out."""
    since = until - dt.timedelta(days=BEFORE + 1)
    found = table.where((F.col(day) >= F.lit(since)) & (F.col(day) < F.lit(until))).groupBy(day).count()
    return {row[day]: row["count"] for row in found.collect()}


def change(by_day: Mapping[dt.date, int], last: dt.date) -> float | None:
    """By which share the last day's rows differ from the median of the days before; None: those are too few."""
    before = [rows for day, rows in by_day.items() if day < last]
    return by_day.get(last, 0) / median(before) - 1 if len(before) >= FEWEST else None


def check_inputs(step: RunningStep) -> None:
    """Rows of the last day, and days without any. Logs without times have no days."""
    settings, found = step.context.config.health, []
    assert step.as_of is not None
    last = step.as_of - dt.timedelta(days=1)
    for name, day in DAYS.items() if not step.context.untimed else ():
        by_day = rows_by_day(step.read(name), day, step.as_of)
        share = change(by_day, last)
        if share is not None and action(step, "rows") != "off":
            text = f"{by_day.get(last, 0):,} rows on {last}, {share:+.0%} of the median of the days before"
            text += f" (limit {settings.rows_change:.0%})"
            found.append(Finding("rows", name, share, abs(share) <= settings.rows_change, text))
        if name == "impressions" and action(step, "freshness") != "off":
            missing = (last - max(by_day)).days if by_day else BEFORE + 1
            text = f"{missing} days without impressions before {step.as_of} (limit {settings.freshness_days})"
            found.append(Finding("freshness", "", missing, missing <= settings.freshness_days, text))
    conclude(step, found)
