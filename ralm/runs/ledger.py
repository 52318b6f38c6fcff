"""The `runs` table: which steps started, how they ended, and with which versions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from ralm.runs.record import Record
from ralm.spark.errors import user_errors
from ralm.warehouse.once import append
from ralm.warehouse.warehouse import Warehouse


class Ledger:
    """The `runs` table, read once per application and appended to by its driver.

    The end of a step is written with the start of the next one, and its data checks before it, in one commit of
    `checks`. A driver killed between the two leaves a finished step that looks interrupted: its run is resumed, and
    Delta skips what it had written.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.records: list[Record] = []
        self.pending: list[Record] = []
        self.checks: list[tuple[Any, ...]] = []
        if warehouse.exists("runs"):
            with user_errors("table 'runs'"):
                rows = warehouse.read("runs").collect()  # a few rows per step and run, never user-sized
            self.records = sorted((Record(**row.asDict()) for row in rows), key=lambda r: (r.attempt, r.started_at))

    def add(self, record: Record) -> None:
        """Note a record; it is written by the next `flush`."""
        self.records.append(record)
        self.pending.append(record)

    def check(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Note rows of `checks`; they are written by the next `flush`."""
        self.checks += rows

    def flush(self) -> None:
        """Write what was noted, in one commit per table: no step is recorded as done before its checks are."""
        if self.checks:
            append(self.warehouse, "checks", self.checks)
            self.checks = []
        if self.pending:
            append(self.warehouse, "runs", [record.row() for record in self.pending])
            self.pending = []

    def last(self, step: str, as_of: dt.date | None, state: str | None = None) -> Record | None:
        """The newest record of a step and logical date."""
        for record in reversed(self.records):
            if record.step == step and record.as_of == as_of and state in (None, record.state):
                return record
        return None

    def attempts(self, step: str, as_of: dt.date | None) -> int:
        """The highest attempt reserved so far."""
        return max((r.attempt for r in self.records if r.step == step and r.as_of == as_of), default=0)
