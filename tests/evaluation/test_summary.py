"""Summaries: the right items in each group, and pairs only over common items."""

import pandas as pd
import pytest

from ralm.evaluation.bootstrap import interval
from ralm.evaluation.summary import compare, summarise

PER_ITEM = pd.DataFrame(
    [
        (system, "all", "item_auc", item, value)
        for system, values in {
            "ralm": {"a": 0.8, "b": 0.7, "c": 0.9},
            "activity": {"a": 0.6, "b": 0.6},
            "popularity": {"z": 0.5},
        }.items()
        for item, value in values.items()
    ],
    columns=["system", "segment", "metric", "item_id", "value"],
)


def test_summarise_gives_a_row_a_system_whatever_the_order_of_the_rows() -> None:
    found = summarise(PER_ITEM.sample(frac=1, random_state=3), 200, 1).set_index("system")
    assert found.loc["ralm", ["value", "items"]].tolist() == [pytest.approx(0.8), 3]
    assert tuple(found.loc["ralm", ["low", "high"]]) == interval([0.8, 0.7, 0.9], 200, 1)[1:]
    assert pd.isna(found.loc["popularity", "low"])


def test_compare_uses_the_items_that_both_have() -> None:
    found = compare(PER_ITEM, "ralm", 200, 1)
    assert found["baseline"].tolist() == ["activity"]  # popularity shares no item with RALM
    row = found.iloc[0]
    assert (row["system"], row["segment"], row["metric"], row["items"]) == ("ralm", "all", "item_auc", 2)
    assert row["mean"] == pytest.approx(0.15)
    assert (row["low"], row["high"]) == (pytest.approx(0.1), pytest.approx(0.2))
