"""The four dates A0 < A1 < A2 < A3 of a run (docs/dates.md), resolved against the impression log."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ralm.config import Dates
from ralm.errors import ConfigError, DataError

DateName = Literal["a0", "a1", "a2", "a3"]
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class ResolvedDates:
    """UTC midnights. User model: fields at a0, positives in [a0, a1). Look-alike model: fields at a1, labels in
    [a1, a2). Evaluation: fields at a2, labels in [a2, a3). Production: fields at a3."""

    a0: dt.date
    a1: dt.date
    a2: dt.date
    a3: dt.date

    def __getitem__(self, name: DateName) -> dt.date:
        """The date of this name."""
        date: dt.date = getattr(self, name)
        return date

    def __str__(self) -> str:
        return f"A0 {self.a0}, A1 {self.a1}, A2 {self.a2}, A3 {self.a3}"


def resolve_dates(dates: Dates, impressions_by_day: Mapping[dt.date, int]) -> ResolvedDates:
    """Turn shares of the log into midnights and check the order.

    Args:
        dates: the configured dates or shares.
        impressions_by_day: rows of `impressions` per UTC day; only days before a3 count towards the shares.

    Raises:
        DataError: there are no impressions, or two shares fall on one midnight.
        ConfigError: the dates are not in rising order.
    """
    if not impressions_by_day:
        raise DataError("table 'impressions': no rows, so dates cannot be resolved; check the ingest settings")
    a3 = max(impressions_by_day) + DAY if dates.a3 == "end" else dates.a3
    days = sorted(day for day in impressions_by_day if day < a3)
    if not days:
        raise ConfigError(f"dates.a3 = {a3}: no impressions before it; the log starts {min(impressions_by_day)}")
    total = sum(impressions_by_day[day] for day in days)
    ends = [day + DAY for day in days]
    cumulative = list(itertools.accumulate(impressions_by_day[day] / total for day in days))

    def midnight(value: dt.date | float) -> dt.date:
        if isinstance(value, dt.date):
            return value
        return min(zip(ends, cumulative, strict=True), key=lambda end: abs(end[1] - value))[0]

    resolved = ResolvedDates(midnight(dates.a0), midnight(dates.a1), midnight(dates.a2), a3)
    if not resolved.a0 < resolved.a1 < resolved.a2 < resolved.a3:
        raise ConfigError(
            f"dates: a0 < a1 < a2 < a3 is required, found {resolved}; the log runs from {days[0]} to {days[-1]}, "
            "set dates or other shares"
        )
    return resolved
