"""Seeds drawn again with replacement: as many, of the same users, and the same draws under any name."""

from collections import Counter

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.steps.audiences.stability import audience_share, drawn_names, resampled_seeds
from ralm.config import Scoring

pytestmark = pytest.mark.spark


def draws(spark: SparkSession, items: dict[str, list[str]], resamples: int) -> dict[int, Counter[str]]:
    rows = [(item, at, user) for at, (item, users) in enumerate(items.items()) for user in users]
    seeds = spark.createDataFrame(rows, "item_id string, item_index int, user_id string").repartition(3, F.rand())
    found: dict[int, Counter[str]] = {}
    for row in resampled_seeds(seeds, resamples, seed=1).collect():
        found.setdefault(row["item_index"], Counter())[row["user_id"]] += 1
        item, draw = divmod(row["item_index"], resamples + 1)
        assert row["item_id"] == drawn_names(list(items)[item], resamples)[draw]
    return found


def test_draws_are_of_the_same_size_and_with_replacement(spark: SparkSession) -> None:
    asked = {"a": [f"u{n}" for n in range(400)], "b": [f"u{n}" for n in range(12)]}
    found = draws(spark, asked, 5)
    assert sorted(found) == list(range(12))
    for at, counts in found.items():
        own = asked["a" if at < 6 else "b"]
        assert counts.total() == len(own)
        assert set(counts) <= set(own)
    assert found[0] == Counter(asked["a"])  # the first one is the seeds as they are
    assert found[6] == Counter(asked["b"])
    # With replacement, 1 - 1/e of the users are drawn: 0.632, with a standard deviation of 0.016 for 400 of them.
    shares = [len(found[at]) / 400 for at in range(1, 6)]
    assert np.mean(shares) == pytest.approx(1 - 1 / np.e, abs=0.03)
    assert len({tuple(sorted(found[at].items())) for at in range(1, 6)}) == 5


def test_draws_do_not_depend_on_names_and_orders(spark: SparkSession) -> None:
    users = [f"u{n}" for n in range(30)]
    one, other = draws(spark, {"x": users}, 3), draws(spark, {"w": users[:15], "y": users[::-1]}, 3)
    assert [one[at] for at in range(4)] == [other[at] for at in range(4, 8)]


@pytest.mark.parametrize(
    ("audience", "share"),
    [
        ({"mode": "top_n", "top_n": 30}, 0.15),
        ({"mode": "top_n", "top_n": 300}, 1.0),
        ({"mode": "top_fraction", "top_fraction": 0.07}, 0.07),
        ({"mode": "threshold"}, 0.1),
    ],
)
def test_the_share_of_an_audience(audience: dict[str, object], share: float) -> None:
    scoring = Scoring.model_validate({"audience": audience, "probe_fraction": 0.1})
    assert audience_share(scoring, 200) == pytest.approx(share)
