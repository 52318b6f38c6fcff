"""How far Spark is: the stages that run at the moment, by its own status store."""

from __future__ import annotations

import time
from dataclasses import dataclass

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Work:
    """The stages that run at the moment, together.

    Attributes:
        done: tasks that ended.
        tasks: all tasks of these stages.
        rows: rows that their tasks have read, as of the last report of each executor.
        seconds: since the first of them was submitted; 0: Spark does not tell.
    """

    done: int
    tasks: int
    rows: int
    seconds: float

    @property
    def left(self) -> float | None:
        """Seconds until these stages end, if their tasks take as long as the ones before; None: no task has ended."""
        return self.seconds * (self.tasks - self.done) / self.done if self.done and self.seconds else None


def work(spark: SparkSession) -> Work | None:
    """What runs at the moment; None: no stage does, or Spark does not tell."""
    running = spark.sparkContext
    done = tasks = rows = 0
    since: float | None = None
    for number in running.statusTracker().getActiveStageIds():
        info = running.statusTracker().getStageInfo(number)
        if info is None:
            continue
        done, tasks = done + info.numCompletedTasks, tasks + info.numTasks
        try:
            stage = running._jsc.sc().statusStore().lastStageAttempt(number)
            rows += int(stage.inputRecords()) + int(stage.shuffleReadRecords())
            began = stage.submissionTime()
            if began.isDefined():
                at = began.get().getTime() / 1000
                since = at if since is None else min(since, at)
        except Py4JError:  # it ended meanwhile
            continue
    return Work(done, tasks, rows, 0.0 if since is None else max(0.0, time.time() - since)) if tasks else None
