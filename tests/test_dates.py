"""The four dates against the impression log."""

import datetime as dt

import pytest

from ralm.config import Dates
from ralm.dates import resolve_dates
from ralm.errors import ConfigError, DataError

DAY = dt.date(2024, 1, 1)


def log(counts: list[int]) -> dict[dt.date, int]:
    return {DAY + dt.timedelta(days=i): count for i, count in enumerate(counts)}


def test_shares_of_an_even_log_are_its_midnights() -> None:
    dates = resolve_dates(Dates(a0=0.4, a1=0.6, a2=0.8), log([10] * 10))
    assert [dates["a0"].day, dates["a1"].day, dates["a2"].day, dates["a3"].day] == [5, 7, 9, 11]


def test_shares_count_impressions_and_not_days() -> None:
    dates = resolve_dates(Dates(a0=0.25, a1=0.5, a2=0.75), log([100, 100, 1, 1, 1, 1, 96, 100]))
    assert (dates.a0, dates.a1) == (DAY + dt.timedelta(days=1), DAY + dt.timedelta(days=2))


def test_the_last_date_cuts_the_log() -> None:
    dates = resolve_dates(Dates(a0=0.2, a1=0.4, a2=0.6, a3=dt.date(2024, 1, 6)), log([10] * 50))
    assert dates.a2 == dt.date(2024, 1, 4)
    assert dates.a3 == dt.date(2024, 1, 6)


def test_given_dates_stay() -> None:
    given = Dates(a0=dt.date(2024, 1, 2), a1=dt.date(2024, 1, 3), a2=dt.date(2024, 1, 5))
    assert resolve_dates(given, log([1] * 6)).a0 == dt.date(2024, 1, 2)


def test_too_short_a_log_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a0 < a1 < a2 < a3 is required.*2024-01-01 to 2024-01-02"):
        resolve_dates(Dates(), log([10, 10]))


def test_an_empty_log_is_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        resolve_dates(Dates(), {})
