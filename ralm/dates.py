"""The four dates A0 < A1 < A2 < A3 of a run (docs/dates.md), resolved against the impression log."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ralm.config import Dates
from ralm.errors import ConfigError, DataError
from ralm.midnights import DAY, Midnights, candidates, choose

DateName = Literal["a0", "a1", "a2", "a3"]
# Logs without times: pairs of user and item lie on so many days from this one on, by hash.
SENTINEL_START = dt.date(1970, 1, 1)
SENTINEL_DAYS = 100
# Days of that calendar before A0, A1 and A2: half of the pairs are histories, 20 % train the user model, 25 % the
# look-alike model, 5 % are held out.
SENTINEL_CUTS = (50, 70, 95)


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

    @property
    def rising(self) -> bool:
        """Whether each date comes after the one before it."""
        return self.a0 < self.a1 < self.a2 < self.a3


def resolve_dates(
    dates: Dates,
    impressions_by_day: Mapping[dt.date, int],
    *,
    untimed: bool = False,
    first_event: dt.date | None = None,
    found: Midnights | None = None,
) -> ResolvedDates:
    """Turn shares of the log into midnights, or choose them, and check the order.

    Args:
        dates: the configured dates or shares; without any they are chosen.
        impressions_by_day: rows of `impressions` per UTC day; only days before a3 count towards the shares.
        untimed: the days are those of pairs by hash.
        first_event: the day of the first event.
        found: a0, a1 and a2 as they were chosen when the log was read; they hold for an a3 after them.

    Raises:
        DataError: there are no impressions.
        ConfigError: the dates are not in rising order, or the log has too few midnights to choose them.
    """
    if not impressions_by_day:
        raise DataError("table 'impressions': no rows, so dates cannot be resolved; check the ingest settings")
    a3 = max(impressions_by_day) + DAY if dates.a3 == "end" else dates.a3
    days = {day: count for day, count in impressions_by_day.items() if day < a3}
    if not days:
        raise ConfigError(f"dates.a3 = {a3}: no impressions before it; the log starts {min(impressions_by_day)}")
    if (given := dates.given) is not None:
        a0, a1, a2 = (_midnight(value, days) for value in given)
    elif untimed:
        a0, a1, a2 = (SENTINEL_START + cut * DAY for cut in SENTINEL_CUTS)
        a3 = max(a3, SENTINEL_START + SENTINEL_DAYS * DAY)  # the last days may be empty in a small log
    elif found is not None and found[2] < a3:
        a0, a1, a2 = found
    else:
        chosen = choose(days, candidates(days, first_event)).midnights
        if chosen is None:
            raise ConfigError(
                f"dates: a0 < a1 < a2 < a3 is required, and the log from {min(days)} to {max(days)} has no such "
                "midnights with rows between them; split it by hash (ingest.untimed: true) or set dates"
            )
        a0, a1, a2 = chosen
    resolved = ResolvedDates(a0, a1, a2, a3)
    if not resolved.rising:
        raise ConfigError(
            f"dates: a0 < a1 < a2 < a3 is required, found {resolved}; the log runs from {min(days)} to {max(days)}, "
            "set dates or other shares, or leave them out (dates: auto)"
        )
    return resolved


def _midnight(value: dt.date | float, days: Mapping[dt.date, int]) -> dt.date:
    """A date as it is; a share as the midnight before which the log's share is closest to it."""
    if isinstance(value, dt.date):
        return value
    ordered, total = sorted(days), sum(days.values())
    cumulative = itertools.accumulate(days[day] / total for day in ordered)
    return min(zip(ordered, cumulative, strict=True), key=lambda end: abs(end[1] - value))[0] + DAY
