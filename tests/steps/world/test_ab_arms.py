"""What is counted of the arms of an online test, on a log written by hand."""

import math

import pytest
from pyspark.sql import SparkSession

from jobs.steps.world.ab_arms import arm_metrics
from ralm.evaluation.online_test import METRICS, RAREFIED

pytestmark = pytest.mark.spark


def test_every_metric_of_a_log_written_by_hand(spark: SparkSession) -> None:
    items = [f"i{n}" for n in range(20)]
    # Arm a: one user sees all items but i0, another i0 only; arm b: a user sees i0 and i1 alone.
    log = [("a", "u1", item, n < 3) for n, item in enumerate(items[1:])]
    log += [("a", "u2", "i0", False), ("b", "u3", "i0", True), ("b", "u3", "i1", False)]
    shown = spark.createDataFrame(log, "policy string, user_id string, item_id string, clicked boolean")
    about = {
        "categories": spark.createDataFrame([(item, "one") for item in items], "item_id string, name string"),
        "tags": spark.createDataFrame(
            [(item, name) for item in items for name in (item, "all")], "item_id string, name string"
        ),
    }
    frame = spark.createDataFrame([(item,) for item in items], "item_id string")
    found = arm_metrics(shown, frame, about, {"a": 4, "b": 2, "c": 3}, ["b", "a", "c"])
    assert list(found) == ["b", "a"]  # nobody was shown anything by c
    a, b = found["a"], found["b"]
    assert list(a) == list(METRICS)
    assert (a["exposure"], a["ctr"], a["clicks"]) == (20 / 4, 3 / 20, 3 / 4)
    assert (b["exposure"], b["ctr"], b["clicks"]) == (1.0, 0.5, 0.5)
    # Two of twenty items are the head. Of a any two; of both arms together i0 and i1, all that b shows.
    assert (a["tail_share"], b["tail_share"]) == (0.9, 0.0)
    assert (a["common_tail"], b["common_tail"]) == (pytest.approx(0.9), pytest.approx(0.0))
    assert (a["gini"], b["gini"]) == (pytest.approx(0.0), pytest.approx(0.9))
    # u1 saw 19 items with a name each and one in common, u2 one item; eight of them are nine names.
    assert (a["categories"], a["tags"]) == (1.0, (20 + 2) / 2)
    assert (a[f"categories@{RAREFIED}"], a[f"tags@{RAREFIED}"]) == (1.0, RAREFIED + 1)
    assert (b["tags"], math.isnan(b[f"tags@{RAREFIED}"])) == (3.0, True)
