"""The AUC against a sample, by scikit-learn on the same users; the recall in a top share, by a plain loop."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ralm.evaluation.sampled_auc import sampled_item_auc, sampled_item_recall


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


def test_the_recall_counts_held_out_users_above_whom_there_is_less_than_the_share() -> None:
    rng = np.random.default_rng(1)
    sample = rng.integers(0, 30, (150, 3)).astype(float)
    known = rng.random((150, 3)) < 0.2
    item = rng.integers(0, 2, 60)  # nobody is held out for the last item
    score = rng.integers(5, 35, 60).astype(float)
    for share in (0.05, 0.3, 1.0):
        found = sampled_item_recall(item, score, sample, known, share)
        for row in range(2):
            others = [value for value, own in zip(sample[:, row], known[:, row], strict=True) if not own]
            hits = []
            for own in score[item == row]:
                above = sum(1.0 if other > own else 0.5 if other == own else 0.0 for other in others)
                hits.append(above < share * len(others))
            assert found[row] == pytest.approx(sum(hits) / len(hits))
        assert np.isnan(found[2])
    assert 0 < sampled_item_recall(item, score, sample, known, 0.05)[0] < 1
