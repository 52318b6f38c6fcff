"""Clicks among the best-ranked of those whom an item was shown to."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ralm.evaluation.clicks_at_top import clicks_at_top

pytestmark = pytest.mark.spark


def test_equal_scores_count_as_a_random_choice_among_them(spark: SparkSession) -> None:
    """Against a plain loop that breaks ties by chance, many times."""
    rng = np.random.default_rng(0)
    scores = {"a": np.round(rng.normal(size=50), 1), "b": np.zeros(30), "c": np.arange(7.0), "d": np.full(20, -np.inf)}
    labels = {item: rng.random(len(values)) < 0.4 for item, values in scores.items()}
    rows = [
        (item, int(label), float(score))
        for item in scores
        for label, score in zip(labels[item], scores[item], strict=True)
    ]
    found = clicks_at_top(spark.createDataFrame(rows, "item_id string, label int, score double"), 0.2).collect()
    assert {row["item_id"] for row in found} == set(scores)
    for row in found:
        values, clicked = scores[row["item_id"]], labels[row["item_id"]]
        top = 0.2 * len(values)
        drawn = []
        for _ in range(2_000):
            order = np.lexsort([rng.random(len(values)), -values])
            whole = int(top)
            drawn.append(clicked[order[:whole]].sum() + (top - whole) * clicked[order[whole]])
        assert row["best"] == pytest.approx(top)
        assert row["best_clicks"] == pytest.approx(np.mean(drawn), abs=0.15)
        assert (row["people"], row["clicks"]) == (len(values), clicked.sum())
