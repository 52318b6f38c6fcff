"""The cold start beside RALM by an item's seeds: the items that belong together, and the lines that say it."""

import pandas as pd

from jobs.steps.evaluation.by_seed_count import SEGMENTS, by_seeds, switch_lines
from jobs.steps.evaluation.metrics import difference_rows, metric_rows

COUNTS = {"a": 1, "b": 9, "c": 10, "d": 99, "e": 100, "f": 5_000, "g": 0}


def values() -> pd.DataFrame:
    rows = [
        (item, segment, metric, 0.5 + 0.1 * place * (system == "ralm"), "later_clicks@all", system)
        for place, item in enumerate([*COUNTS, "without seeds"])
        for segment in ("all", "weak")
        for metric in ("item_auc", "prec@10")
        for system in ("ralm", "cold_start")
    ]
    return pd.DataFrame(rows, columns=["item_id", "segment", "metric", "value", "protocol", "system"])


def test_items_are_put_together_by_their_seeds() -> None:
    found = by_seeds(values(), COUNTS)
    assert set(found["metric"]) == {"item_auc"}
    items = found[found["system"] == "ralm"].groupby("segment")["item_id"].apply("".join).to_dict()
    assert items == {"1 to 9 seeds": "ab", "10 to 29 seeds": "c", "30 to 99 seeds": "d", "100 seeds or more": "ef"}
    assert set(items) == set(SEGMENTS)


def test_a_line_tells_both_and_their_difference() -> None:
    found = by_seeds(values(), COUNTS)
    lines = list(switch_lines(metric_rows(found, 50, 1), difference_rows(found, 50, 1), "cold_start"))
    assert [line.split()[:3] for line in lines] == [segment.split()[:3] for segment in SEGMENTS]
    assert lines[0].split()[4:7] == ["0.5500", "0.5000", "+0.0500"]
    assert lines[0].endswith("2 items")
    assert list(switch_lines([], [], "cold_start")) == []
