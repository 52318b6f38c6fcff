"""One more day of events onto yesterday's histories, next to building them again from all events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import functions as F

from benchmarks.harness import Benchmark, Contest
from benchmarks.histories import END, EVENTS, FIELDS, make_events
from benchmarks.work import saved, workspace
from jobs.steps.sources.known_events import by_day
from jobs.steps.users.histories import build_histories
from ralm.features.histories import update_histories

YESTERDAY = END - dt.timedelta(days=1)


@contextmanager
def histories_update(size: int | None) -> Iterator[Benchmark]:
    """The last of 20 days of the 20 million events (or `size`) of `histories`.

    Reference: `rebuild`, our own build of all 20 days.
    """
    count = size or EVENTS
    with workspace("histories-update") as (spark, folder):
        dated = make_events(spark, count).withColumn("event_date", F.to_date("event_time"))
        events = saved(by_day(dated, "event_date"), f"{folder}/events", "event_date")  # as the table `events` is
        previous = saved(build_histories(events, FIELDS, YESTERDAY), f"{folder}/yesterday")

        def update() -> None:
            recent = build_histories(events, FIELDS, END, since=YESTERDAY)
            saved(update_histories(previous, recent, FIELDS), f"{folder}/updated")

        def rebuild() -> None:
            saved(build_histories(events, FIELDS, END), f"{folder}/built")

        yield Benchmark("histories_update", "s", [Contest("", update, {"rebuild": rebuild}, 1)])
