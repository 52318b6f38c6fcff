"""Where a job is hit: where a step begins, between files and log, between log and ledger, at a line, at any moment."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.process import Job

BEGUN, FILES, LOG, SAID, MOMENT = "begun", "files", "log", "said", "moment"


@dataclass(frozen=True)
class Point:
    """A point of a job.

    Attributes:
        kind: `begun`: the step has said that it begins; `files`: a data file of the table is there and its commit is
            not; `log`: the table's commit is there; `said`: a line begins so; `moment`: a time after the job's start.
        step: title of the step, as in the lines of progress; empty: the job has none. Of `said`, the line's begin.
        table: that the step writes.
        after: seconds from the point to the blow.
    """

    kind: str
    step: str = ""
    table: str = ""
    after: float = 0.0

    def __str__(self) -> str:
        where = {
            BEGUN: f"{self.step} begun",
            FILES: f"{self.step}: files of {self.table}",
            LOG: f"{self.step}: log of {self.table}",
            SAID: f"line '{self.step}'",
            MOMENT: "random moment",
        }
        return where[self.kind].removeprefix(": ")

    def reached(self, job: Job, warehouse: Path) -> int | None:
        """Wait for it.

        Returns:
            How many commits the table has once the step's rows are in it; None: the step or the job ended before.
        """
        if self.kind == MOMENT:
            return 0 if _slept(job, self.after) else None
        if self.kind == SAID:
            said = _waited(job, lambda: any(line.startswith(self.step) for line in list(job.lines)))
            return 0 if said and _slept(job, self.after) else None
        if self.step and not _waited(job, lambda: begun(job.lines, self.step) or self.passed(job)):
            return None
        if self.passed(job):
            return None
        folder = warehouse / self.table
        files = data_files(folder)
        # The first commit of a table makes it, and holds no rows.
        written = max(commits(folder) + 1, 2)
        there = {
            BEGUN: lambda: True,
            FILES: lambda: data_files(folder) > files,
            LOG: lambda: commits(folder) >= written,
        }[self.kind]
        if not _waited(job, lambda: there() or self.passed(job)) or not there():
            return None
        # A step may be done before the blow.
        return written if _slept(job, self.after) and not (self.after and self.passed(job)) else None

    def passed(self, job: Job) -> bool:
        """Whether the job says that the step is done."""
        said = f"] {self.step}: "
        if self.kind in (SAID, MOMENT) or not self.step:
            return False
        return any(said in line and ": made again, for " not in line for line in list(job.lines))


def begun(lines: list[str], step: str) -> bool:
    """Whether a line says that the step begins."""
    return any(line.endswith(f"] {step} …") for line in list(lines))


def commits(table: Path) -> int:
    """Commits in a table's log."""
    return len(list((table / "_delta_log").glob("[0-9]*.json")))


def data_files(table: Path) -> int:
    """Data files in a table's folder, whether its log knows them or not."""
    found = 0
    for _, folders, names in os.walk(table):
        folders[:] = [name for name in folders if name != "_delta_log"]
        found += sum(name.endswith(".parquet") for name in names)
    return found


def _waited(job: Job, condition: Callable[[], bool]) -> bool:
    while not condition():
        if not job.runs:
            return condition()
        time.sleep(0.005)
    return True


def _slept(job: Job, seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if not job.runs:
            return False
        time.sleep(0.01)
    return job.runs
