"""The AUC against a sample, by scikit-learn on the same users."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ralm.evaluation.sampled_auc import sampled_item_auc


def test_it_is_the_auc_of_held_out_against_other_users() -> None:
    rng = np.random.default_rng(0)
    sample = rng.integers(0, 6, (200, 3)).astype(float)  # many ties
    sample[:5, 1] = -np.inf
    known = rng.random((200, 3)) < 0.2
    item = rng.integers(0, 2, 80)  # nobody is held out for the last item
    score = rng.integers(2, 8, 80).astype(float)
    score[:4] = -np.inf
    areas = sampled_item_auc(item, score, sample, known)
    for row in range(2):
        own, others = score[item == row], sample[~known[:, row], row]
        truth = np.r_[np.ones(len(own)), np.zeros(len(others))]
        values = np.nan_to_num(np.r_[own, others], neginf=-1.0)
        assert areas[row] == pytest.approx(roc_auc_score(truth, values), abs=1e-12)
    assert np.isnan(areas[2])


def test_everybody_known_leaves_nothing_to_compare_with() -> None:
    areas = sampled_item_auc(np.array([0]), np.array([1.0]), np.zeros((4, 1)), np.ones((4, 1), dtype=bool))
    assert np.isnan(areas[0])
