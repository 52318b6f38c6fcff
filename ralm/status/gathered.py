"""What there is under a warehouse: its last runs, the release, and what is stale."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ralm.errors import MissingInputError
from ralm.runs.record import Record
from ralm.status.stale import Stale, stale
from ralm.status.verdicts import Verdict, judged, verdict
from ralm.warehouse.without_spark import TableFiles


@dataclass(frozen=True)
class Run:
    """An application: the steps that it ran, each by its newest record.

    Attributes:
        name: of the application, such as `ralm pipeline demo`; of an older release empty.
        application: Spark's id of it; of an older release empty.
        steps: in the order in which they began.
    """

    name: str
    application: str
    steps: Sequence[Record]

    @property
    def started(self) -> dt.datetime:
        """When its first step began (UTC)."""
        return self.steps[0].started_at

    @property
    def ended(self) -> dt.datetime | None:
        """When its last step ended (UTC); None: it has not."""
        return self.steps[-1].ended_at

    def count(self, state: str) -> int:
        """Steps in a state: done, failed or started."""
        return sum(record.state == state for record in self.steps)


@dataclass(frozen=True)
class Status:
    """Everything that `status` prints.

    Attributes:
        warehouse: its path.
        now: the time of asking (UTC).
        runs: the last applications, newest first.
        release: the row of `releases` that readers take; None: there is none.
        stale: what is not as the newest results would have it.
        verdict: of the checks of the newest night; None: nothing was checked.
    """

    warehouse: str
    now: dt.datetime
    runs: Sequence[Run]
    release: dict[str, Any] | None = None
    stale: Sequence[Stale] = field(default_factory=tuple)
    verdict: Verdict | None = None


def gather(files: TableFiles, now: dt.datetime) -> Status:
    """Look at a warehouse.

    Args:
        files: its tables.
        now: the time of asking (UTC, without a zone).

    Raises:
        MissingInputError: nothing has run in it.
    """
    rows = files.rows("runs")
    if not rows:
        raise MissingInputError(f"table 'runs': not found under {files.path}; nothing has run there yet")
    known = {column.name for column in fields(Record)}
    records = [Record(**{key: value for key, value in row.items() if key in known}) for row in rows]
    records.sort(key=lambda record: (record.started_at, record.ended_at is not None))
    release = next((row for row in files.rows("releases") if row["current"]), None)
    return Status(
        warehouse=files.path,
        now=now,
        runs=list(reversed(runs(records))),
        release=release,
        stale=stale(files, records, release),
        verdict=verdict(files.rows("checks"), judged(records)),
    )


def runs(records: Sequence[Record]) -> list[Run]:
    """The records put together by application, oldest first; those of an older release by gaps of over five minutes."""
    found: list[tuple[str, dict[tuple[str, int], Record]]] = []
    last: dt.datetime | None = None
    for record in records:
        told = record.application or ""
        gap = last is not None and (record.started_at - last).total_seconds() > 300
        at = next((place for place in reversed(range(len(found))) if told and found[place][0] == told), None)
        if at is None:
            if told or not found or found[-1][0] or gap:
                found.append((told, {}))
            at = len(found) - 1
        found[at][1][record.title, record.attempt] = record
        last = record.ended_at or record.started_at
    return [Run(*_named(told), list(steps.values())) for told, steps in found]


def _named(told: str) -> tuple[str, str]:
    name, _, application = told.rpartition(" ")
    return name, application
