"""The dates are taken from a record while tables and settings are those that they came from, or the settings alone."""

import dataclasses

import pytest

from ralm.dates import ResolvedDates
from ralm.runs.context import SPLIT, Context
from tests.steps.conftest import with_settings

pytestmark = [pytest.mark.spark, pytest.mark.slow]


def test_dates_of_a_record(toy: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(context: Context) -> ResolvedDates:
        raise AssertionError("resolved again")

    def known(**settings: dict[str, object]) -> Context:
        context, _ = with_settings(toy, **settings)
        context.ledger.records.append(record)
        return context

    kept, last = toy.dates_kept, toy.ledger.records[-1]
    record = dataclasses.replace(last, step=SPLIT, state="done", counts=kept)
    monkeypatch.setattr(Context, "_resolve_dates", never)
    assert known().dates == toy.dates
    with pytest.raises(AssertionError, match="resolved again"):
        _ = known(dates={"a3": "2024-01-09"}).dates  # other settings
    grown = known()
    monkeypatch.setattr(grown.warehouse, "version", lambda name: 99)
    with pytest.raises(AssertionError, match="resolved again"):
        _ = grown.dates  # other rows
    grown = known()
    grown.moving = False
    monkeypatch.setattr(grown.warehouse, "version", lambda name: 99)
    assert grown.dates == toy.dates  # of the night, whatever has been clicked since
    other = known(dates={"a3": "2024-01-09"})
    other.moving = False
    with pytest.raises(AssertionError, match="resolved again"):
        _ = other.dates
