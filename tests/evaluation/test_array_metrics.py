"""The metrics against scikit-learn and against plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from ralm.evaluation.array_metrics import (
    auc,
    auc_interval,
    item_auc,
    precision_at,
    recall_in_top,
    top_size,
    user_precision_recall,
)

IMPRESSIONS = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(-3, 3)), min_size=1, max_size=80)


@settings(max_examples=150, deadline=None)
@given(IMPRESSIONS, st.integers(0, 3))
def test_item_auc_is_scikit_learns_for_each_item_with_enough_of_both_classes(
    rows: list[tuple[int, bool, int]], min_labels: int
) -> None:
    item, label, score = (np.array(column) for column in zip(*rows, strict=True))
    expected = {}
    for one in np.unique(item):
        mine = item == one
        if min(label[mine].sum(), (~label[mine]).sum()) >= max(1, min_labels):
            expected[one] = roc_auc_score(label[mine], score[mine])
    found = item_auc(item, label, score, min_labels)
    assert found.items.tolist() == list(expected)
    np.testing.assert_allclose(found.values, list(expected.values()), atol=1e-12)


def test_item_auc_of_a_score_without_the_user_is_one_half() -> None:
    rng = np.random.default_rng(0)
    item = rng.integers(0, 20, 500).astype(str)
    popularity = {i: rng.random() for i in np.unique(item)}
    found = item_auc(item, rng.random(500) < 0.4, [popularity[i] for i in item])
    assert len(found.items) == 20
    np.testing.assert_array_equal(found.values, 0.5)


def test_item_auc_of_nothing_is_nothing() -> None:
    assert item_auc([], [], []).values.shape == (0,)


def test_auc_needs_both_classes() -> None:
    assert math.isnan(auc([1, 1], [0.1, 0.2]))
    assert auc([0, 1, 1, 0], [0.1, 0.4, 0.3, 0.3]) == roc_auc_score([0, 1, 1, 0], [0.1, 0.4, 0.3, 0.3])
    assert math.isnan(auc_interval([0, 0], [0.1, 0.2]).mean)


def test_auc_interval_covers_the_true_area_with_items_that_differ() -> None:
    """Scores N(1, 1) against N(0, 1) have AUC Φ(1/√2); an effect per item makes its impressions alike."""
    rng = np.random.default_rng(3)
    spread = 0.7  # of the item's effect on its clickers' scores: the difference is N(1, 2 + 0.7²)
    truth = 0.5 * (1 + math.erf(1 / math.sqrt(2 + spread**2) / math.sqrt(2)))
    clustered = naive = 0
    for _ in range(300):
        item = np.repeat(np.arange(40), 20)
        label = np.tile([0, 1], 400)
        score = rng.normal(size=800) + label * (1 + spread * rng.normal(size=40)[item])
        mean, low, high = auc_interval(label, score, item)
        assert mean == pytest.approx(roc_auc_score(label, score))
        clustered += low <= truth <= high
        _, low, high = auc_interval(label, score)
        naive += low <= truth <= high
    assert 0.90 <= clustered / 300 <= 0.985
    assert naive / 300 < 0.85  # what ignoring the items would claim


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_prec_at_k_and_recall_are_the_set_formulas(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    users, item, rank, precision, recall = 60, [], [], [], []
    for one in range(5):
        order = rng.permutation(users)
        held_out = set(rng.choice(users, rng.integers(1, 25), replace=False).tolist())
        item += [one] * len(held_out)
        rank += [1 + order.tolist().index(user) for user in held_out]
        precision.append(len(set(order[:k].tolist()) & held_out) / min(k, len(held_out)))
        recall.append(len(set(order[:6].tolist()) & held_out) / len(held_out))
    mixed = rng.permutation(len(item))
    np.testing.assert_allclose(precision_at(np.array(item)[mixed], np.array(rank)[mixed], k).values, precision)
    np.testing.assert_allclose(recall_in_top(np.array(item)[mixed], np.array(rank)[mixed], users, 0.1).values, recall)


def test_a_user_outside_the_list_counts_as_missed() -> None:
    assert precision_at(["a", "a", "b"], [1, np.inf, np.inf], 10).values.tolist() == [0.5, 0.0]


def test_top_size_rounds_up_without_floating_point_noise() -> None:
    assert [top_size(700, 0.01), top_size(701, 0.01), top_size(20, 0.01), top_size(10**9, 0.05)] == [
        7,
        8,
        1,
        50_000_000,
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_user_precision_and_recall_are_the_set_formulas(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    top = np.array([rng.choice(20, 8, replace=False) for _ in range(30)])
    positives = rng.integers(0, 20, (30, 6)) * (rng.random((30, 6)) < 0.5)
    precision, recall = [], []
    for row, wanted in zip(top, positives, strict=True):
        if real := set(wanted.tolist()) - {0}:
            hits = len(set(row[:k].tolist()) & real)
            precision.append(hits / k)
            recall.append(hits / len(real))
    found = user_precision_recall(top, positives, k)
    np.testing.assert_allclose(found[0], precision)
    np.testing.assert_allclose(found[1], recall)


def test_user_precision_needs_k_items() -> None:
    with pytest.raises(ValueError, match=r"\(users, >= 3\)"):
        user_precision_recall(np.ones((2, 2)), np.ones((2, 1)), 3)
