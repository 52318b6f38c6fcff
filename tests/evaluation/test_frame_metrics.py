"""The Spark metrics against brute-force loops over the same rows."""

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

from ralm.evaluation.diversity import category_diversity
from ralm.evaluation.exposure import recommended_categories, recommended_exposure
from ralm.evaluation.frame_metrics import (
    head_items,
    impression_item_metrics,
    pooled_auc,
    ranking_depth,
    ranking_metrics,
    shown_top_metrics,
)

pytestmark = pytest.mark.spark


def test_the_depth_covers_the_longest_cut() -> None:
    assert ranking_depth(700) == 50
    assert ranking_depth(20_001) == 1_001
    assert ranking_depth(30) == 30


def test_ranking_metrics_are_the_loop_over_items(spark: SparkSession) -> None:
    rng = np.random.default_rng(0)
    users = [f"u{n:04d}" for n in range(400)]
    weak = {user: n % 3 == 0 for n, user in enumerate(users)}
    # coarse scores: many ties, some of which only the rounding to 1e-6 makes
    full = pd.DataFrame(
        [
            (system, f"i{item}", user, float(rng.integers(0, 40)) / 40 + rng.normal(0, 1e-8))
            for system in ("ralm", "activity")
            for item in range(6)
            for user in users
        ],
        columns=["system", "item_id", "user_id", "score"],
    )
    full["rounded"] = full["score"].round(6)
    full = full.sort_values(["system", "item_id", "rounded", "user_id"], ascending=[True, True, False, True])
    depth = ranking_depth(400, (10, 50), (0.01, 0.05))
    ranked = full.groupby(["system", "item_id"]).head(depth + 5).sample(frac=1, random_state=1)
    held_out = {f"i{n}": rng.choice(users, size, replace=False).tolist() for n, size in enumerate((3, 20, 90, 1, 12))}
    labels = [(item, user, weak[user]) for item, chosen in held_out.items() for user in chosen]

    expected = {}
    for (system, item), group in full.groupby(["system", "item_id"]):
        order = group["user_id"].tolist()
        for segment in ("all", "weak", "strong"):
            wanted = {u for u in held_out.get(item, []) if segment == "all" or weak[u] == (segment == "weak")}
            if wanted:
                for k in (10, 50):
                    value = len(set(order[:k]) & wanted) / min(k, len(wanted))
                    expected[system, item, segment, f"prec@{k}"] = (value, len(wanted))
                for fraction, k in (("1%", 4), ("5%", 20)):
                    expected[system, item, segment, f"recall@{fraction}"] = (
                        len(set(order[:k]) & wanted) / len(wanted),
                        len(wanted),
                    )
    found = ranking_metrics(
        spark.createDataFrame(ranked[["system", "item_id", "user_id", "score"]]),
        spark.createDataFrame(
            labels + labels[:5], "item_id string, user_id string, weak boolean"
        ),  # repeats count once
        users=400,
    ).collect()
    assert {(r.system, r.item_id, r.segment, r.metric): (pytest.approx(r.value), r.held_out) for r in found} == expected


def test_ranking_metrics_without_segments_and_with_broken_scores(spark: SparkSession) -> None:
    ranked = spark.createDataFrame(
        [("s", "i", 1, float("nan")), ("s", "i", 2, 0.1), ("s", "i", 3, 0.2)],
        "system string, item_id string, user_id bigint, score double",
    )
    labels = spark.createDataFrame([("i", 1), ("i", 3), ("never ranked", 1)], "item_id string, user_id bigint")
    found = ranking_metrics(ranked, labels, users=3, precision_cuts=(1, 2), fractions=(0.025,)).collect()
    assert {(r.item_id, r.segment, r.metric, r.value) for r in found} == {
        ("i", "all", "prec@1", 1.0),
        ("i", "all", "prec@2", 0.5),
        ("i", "all", "recall@2.50%", 0.5),
    }


def test_item_and_pooled_auc_are_scikit_learns(spark: SparkSession) -> None:
    rng = np.random.default_rng(2)
    rows = pd.DataFrame(
        {
            "system": rng.choice(["ralm", "activity"], 1_500),
            "item_id": rng.choice([f"i{n}" for n in range(12)], 1_500),
            "label": rng.random(1_500) < 0.3,
            "score": rng.integers(0, 30, 1_500) / 30,
            "weak": rng.random(1_500) < 0.4,
        }
    )
    rows.loc[rows["item_id"] == "i3", "label"] = False  # an item without clickers has no AUC
    parts = [rows.assign(segment="all"), rows.assign(segment=np.where(rows["weak"], "weak", "strong"))]
    segmented = pd.concat(parts)
    expected = {
        key: roc_auc_score(group["label"], group["score"])
        for key, group in segmented.groupby(["system", "item_id", "segment"])
        if min(group["label"].sum(), (~group["label"]).sum()) >= 5
    }
    scored = spark.createDataFrame(rows)
    found = impression_item_metrics(scored, min_labels=5).collect()
    assert {(r.system, r.item_id, r.segment): pytest.approx(r.value) for r in found} == expected
    assert any(len(set(keys)) for keys in expected)
    assert {r.metric for r in found} == {"item_auc"}

    pooled = {
        key: roc_auc_score(group["label"], group["score"]) for key, group in segmented.groupby(["system", "segment"])
    }
    assert {(r.system, r.segment): pytest.approx(r.value) for r in pooled_auc(scored).collect()} == pooled


def test_pooled_auc_of_one_class_is_unknown(spark: SparkSession) -> None:
    scored = spark.createDataFrame([("s", 1, 0.5), ("s", 1, 0.7)], "system string, label int, score double")
    row = pooled_auc(scored).first()
    assert row is not None
    assert (row.value, row.positives, row.negatives) == (None, 2, 0)


def test_head_items_are_the_most_clicked_tenth(spark: SparkSession) -> None:
    clicks = [(f"i{n:02d}", 100 if n == 7 else n % 5) for n in range(22)] + [("i30", 100)]
    found = head_items(spark.createDataFrame(clicks, "item_id string, clicks bigint")).collect()
    assert len(found) == 23
    assert sorted(r.item_id for r in found if r.head) == ["i07", "i30"]


def test_recommended_exposure_counts_items_that_nobody_gets(spark: SparkSession) -> None:
    recommendations = spark.createDataFrame(
        [("u1", ["a", "b"]), ("u2", ["a"]), ("u3", [])], "user_id string, item_ids array<string>"
    )
    items = spark.createDataFrame([("a",), ("b",), ("c",)], "item_id string")
    found = {r.item_id: r.exposure for r in recommended_exposure(recommendations, items).collect()}
    assert found == {"a": 2, "b": 1, "c": 0}


def test_recommended_categories_agree_with_the_arrays(spark: SparkSession) -> None:
    rng = np.random.default_rng(4)
    categories = {f"i{n}": rng.choice(list("pqrst"), rng.integers(1, 4), replace=False).tolist() for n in range(15)}
    offered = {user: rng.choice(list(categories), 6, replace=False).tolist() for user in range(500)}
    recommendations = spark.createDataFrame(list(offered.items()), "user_id bigint, item_ids array<string>")
    items = spark.createDataFrame(list(categories.items()), "item_id string, categories array<string>")
    pairs = [(user, category) for user, chosen in offered.items() for item in chosen for category in categories[item]]
    expected = category_diversity(*zip(*pairs, strict=True))
    row = recommended_categories(recommendations, items).first()
    assert row is not None
    assert (row.distinct, row.entropy, row.users) == (*map(pytest.approx, expected), 500)
    some = recommended_categories(recommendations, items, user_share=0.2).first()
    assert some is not None
    assert 60 < some.users < 140


def test_the_top_of_the_shown_is_that_of_a_loop(spark: SparkSession) -> None:
    rng = np.random.default_rng(3)
    sizes = {"i0": 15, "i1": 40, "i2": 59, "i3": 200}  # a top of one, two, two and ten users
    rows = pd.DataFrame(
        [
            (system, item, f"u{n:03d}", bool(rng.random() < 0.3), float(rng.integers(0, 20)) / 20)
            for system in ("ralm", "activity")
            for item, size in sizes.items()
            for n in range(size)
        ],
        columns=["system", "item_id", "user_id", "label", "score"],
    )
    nobody = pd.DataFrame({"system": "ralm", "item_id": "i4", "user_id": ["u1", "u2"], "label": False, "score": 0.5})
    expected = {}
    for (system, item), group in rows.groupby(["system", "item_id"]):
        ordered = sorted(zip(-group["score"], group["user_id"], group["label"], strict=True))
        top = max(1, int(len(ordered) * 0.05))
        hits = sum(clicked for _, _, clicked in ordered[:top])
        expected[system, item, "shown_prec@5%"] = hits / top
        expected[system, item, "shown_recall@5%"] = hits / group["label"].sum()
    found = shown_top_metrics(spark.createDataFrame(pd.concat([rows, nobody])))
    assert {(r["system"], r["item_id"], r["metric"]): r["value"] for r in found.collect()} == pytest.approx(expected)
    assert {row["segment"] for row in found.select("segment").distinct().collect()} == {"all"}
