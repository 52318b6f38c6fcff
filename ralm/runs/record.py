"""One row of the table `runs`, without Spark: what `status` reads, too."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any


def title(step: str, as_of: dt.date | None) -> str:
    """A step and its logical date, for people and as a key: `embed_users as of 2024-01-30`."""
    return f"{step} as of {as_of}" if as_of else step


@dataclass
class Record:
    """One row of `runs`."""

    run_id: str
    step: str
    as_of: dt.date | None
    state: str
    token: str
    attempt: int
    config_hash: str
    inputs: dict[str, int]
    outputs: dict[str, int]
    counts: dict[str, int]
    started_at: dt.datetime
    ended_at: dt.datetime | None = None
    message: str | None = None
    application: str | None = None
    after: dict[str, str] | None = None

    @property
    def version(self) -> str:
        """A short version of the run's result: other settings, other inputs or `--force` give another version."""
        return hashlib.sha256(f"{self.token}#{self.attempt}".encode()).hexdigest()[:8]

    @property
    def title(self) -> str:
        """The step and its date."""
        return title(self.step, self.as_of)

    def row(self) -> tuple[Any, ...]:
        """The record in the column order of the table."""
        return tuple(vars(self).values())
