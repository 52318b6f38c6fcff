"""The four dates against the impression log."""

import datetime as dt

import pytest

from ralm.config import Dates
from ralm.dates import ResolvedDates, resolve_dates
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


def test_a_share_beside_none_keeps_the_others_at_their_defaults() -> None:
    assert resolve_dates(Dates(a0=0.2), log([10] * 10)) == resolve_dates(Dates(a0=0.2, a1=0.6, a2=0.8), log([10] * 10))


def test_the_dates_of_an_uneven_log_of_five_days() -> None:
    with pytest.raises(ConfigError, match="a0 < a1 < a2 < a3 is required"):
        resolve_dates(Dates(a0=0.4, a1=0.6, a2=0.8), log([75, 1, 8, 8, 8]))
    dates = resolve_dates(Dates(), log([75, 1, 8, 8, 8]))
    assert [dates["a0"].day, dates["a1"].day, dates["a2"].day, dates["a3"].day] == [2, 4, 5, 6]


def test_pairs_by_hash_have_the_dates_of_their_calendar() -> None:
    few = {dt.date(1970, 1, 3): 5, dt.date(1970, 3, 30): 2}  # the last days of a small log may be empty
    dates = resolve_dates(Dates(), few, untimed=True)
    assert dates == ResolvedDates(dt.date(1970, 2, 20), dt.date(1970, 3, 12), dt.date(1970, 4, 6), dt.date(1970, 4, 11))


def test_midnights_found_by_ingest_hold_for_a_later_end() -> None:
    found = (dt.date(2024, 1, 2), dt.date(2024, 1, 3), dt.date(2024, 1, 5))
    kept = resolve_dates(Dates(), log([1] * 10), found=found)
    assert (kept.a0, kept.a1, kept.a2, kept.a3) == (*found, dt.date(2024, 1, 11))
    earlier = resolve_dates(Dates(a3=dt.date(2024, 1, 5)), log([1] * 10), found=found)
    assert [earlier["a0"].day, earlier["a1"].day, earlier["a2"].day] == [2, 3, 4]


def test_an_empty_log_is_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        resolve_dates(Dates(), {})
