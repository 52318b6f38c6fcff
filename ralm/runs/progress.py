"""How far a long step is: tasks and rows, their rate, and the time left in its stages where it can be known."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from pyspark.sql import SparkSession

from ralm.durations import in_words
from ralm.runs.console import Console, installed
from ralm.runs.record import Record
from ralm.spark.stages import Work, work

logger = logging.getLogger(__name__)

# Seconds between two looks, and before the first plain line; later lines come ever more rarely, as the step gets older.
LOOK, FIRST, RARELY, LONGEST = 1.0, 30.0, 1.25, 600.0


def line(found: Work) -> str:
    """Tasks, rows, rate and time left: `140 of 200 tasks, 1,200,000 rows (40,000/s), 12.0 s left in this stage`."""
    text = f"{found.done:,} of {found.tasks:,} tasks"
    if found.rows and found.seconds >= 1:
        text += f", {found.rows:,} rows ({found.rows / found.seconds:,.0f}/s)"
    return text if found.left is None else f"{text}, {in_words(found.left)} left in this stage"


@contextmanager
def naming(spark: SparkSession, record: Record, prefix: str) -> Iterator[None]:
    """Give Spark's jobs and stages the name of the step, and its group, by which they can be found and cancelled."""
    running, console = spark.sparkContext, installed()
    running.setJobDescription(f"{prefix} {record.title}")
    running.setLocalProperty("spark.jobGroup.id", record.title)
    if console is not None:
        console.step = {"step": record.step, "as_of": record.as_of, "run_id": record.run_id}
    try:
        yield
    finally:
        running.setJobDescription(None)  # type: ignore[arg-type]
        running.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
        if console is not None:
            console.step = {}


class Progress:
    """Looks at Spark beside a running step and says how far it is; a context manager.

    Args:
        spark: the session.
        say: prints a plain line.
    """

    def __init__(self, spark: SparkSession, say: Callable[[str], None]) -> None:
        self.spark, self.say = spark, say
        self.console: Console | None = installed()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ralm progress", daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(5 * LOOK)
        if self.console is not None:
            self.console.clear()

    def _watch(self) -> None:
        began = time.monotonic()
        due = began + FIRST
        while not self._ended.wait(LOOK):
            bar = self.console is not None and self.console.style == "bar"
            now = time.monotonic()
            if not bar and now < due:
                continue
            try:
                found = work(self.spark)
            except Exception:  # nothing to show is no reason to end the step
                logger.debug("how far the step is cannot be told", exc_info=True)
                continue
            # Without a task that ended or a row that was read there is nothing to say: a training, whose ranks speak.
            if found is not None and (found.done or found.rows) and not self._ended.is_set():
                self._show(found, now - began)
                due = now + min(LONGEST, max(FIRST, (RARELY - 1) * (now - began)))

    def _show(self, found: Work, seconds: float) -> None:
        text = f"        {line(found)}"
        if self.console is None:
            self.say(f"{text}; {in_words(seconds)} so far")
            return
        facts = {"tasks_done": found.done, "tasks": found.tasks, "rows": found.rows, "seconds": round(seconds, 1)}
        if found.left is not None:
            facts["seconds_left_in_stage"] = round(found.left, 1)
        self.console.update(text if self.console.style == "bar" else text.strip(), facts)
