"""What streaming queries have in common: how they start, go on and are identified."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from ralm.spark.errors import changed_columns


def begin(writer: DataStreamWriter, trigger: dt.timedelta | None) -> StreamingQuery:
    """Start a query: one batch per trigger, or (None) a query that takes what there is now and ends."""
    if trigger is None:
        return writer.trigger(availableNow=True).start()
    return writer.trigger(processingTime=f"{int(trigger.total_seconds())} seconds").start()


def keep_going(starts: Sequence[Callable[[], StreamingQuery]], say: Callable[[str], None]) -> None:
    """Start queries and wait until one ends; restart a query whose table got another column.

    Raises:
        StreamingQueryException: a query ended for another reason, or the same change again; the others are stopped.
    """
    running: list[StreamingQuery] = []
    changes: set[tuple[int, str]] = set()
    try:
        running += [start() for start in starts]
        while True:
            for place, query in enumerate(running):
                if query.isActive:
                    continue
                error = query.exception()
                if error is None:
                    return
                what = changed_columns(error)
                if what is None or (place, what) in changes:
                    raise error
                changes.add((place, what))
                say(f"{query.name}: the columns of its table changed; it goes on with the new ones")
                running[place] = starts[place]()
            time.sleep(0.5)
    finally:
        for query in running:
            query.stop()


def query_id(spark: SparkSession, checkpoint: str) -> str:
    """The id of the query, kept in its checkpoint; a new checkpoint counts its batches from 0 again."""
    row = spark.read.json(f"{checkpoint}/metadata").first()
    assert row is not None
    return str(row["id"])
