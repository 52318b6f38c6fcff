"""Classifiers of single items: the fold-in of implicit ALS, from clusters of seeds."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ralm.baselines.fold_in import closed_form, gram_of
from ralm.models.item_classifier import HALF_SEEDS, ItemClassifier
from ralm.models.plda import fit_plda

RNG = np.random.default_rng(4)
USERS = RNG.normal(size=(2_000, 9)) @ RNG.normal(size=(9, 9)) + 0.3
SEEDS = np.flatnonzero(USERS[:, 4] + RNG.normal(size=2_000) > 3.5)[:40]


def classifier(weight: float) -> tuple[np.ndarray, ItemClassifier]:
    model = fit_plda(USERS, USERS[:20], np.full(20, 5))
    fitted = ItemClassifier.of_users(USERS, 3, 4, 2_000, 20.0, 1.0).within(model.basis)
    return model.coordinates(USERS), fitted.weighing(weight)


def test_scores_are_those_of_the_fold_in_where_each_seed_is_a_cluster() -> None:
    z, fitted = classifier(2.0)
    factors = USERS[:, 3:7]
    own = factors[SEEDS]
    plain = factors @ closed_form(gram_of(factors), gram_of(own)[None], own.sum(0)[None], np.array([40]), 20.0, 1.0)[0]
    found = z @ fitted.directions(USERS[SEEDS][None], np.ones((1, 40), int))[0]
    # The same but for the mean, which is the same for all users; the deviation is the weight times n / (n + 20).
    np.testing.assert_allclose(np.corrcoef(found, plain)[0, 1], 1)
    assert found.std() == pytest.approx(2 * 40 / (40 + HALF_SEEDS), rel=1e-3)


def test_clusters_stand_for_their_seeds() -> None:
    z, fitted = classifier(1.0)
    halves = np.array_split(SEEDS[np.argsort(USERS[SEEDS, 0])], 8)
    centroids = np.stack([USERS[half].mean(axis=0) for half in halves])[None]
    sizes = np.array([[len(half) for half in halves]])
    exact, near = (
        z @ fitted.directions(USERS[SEEDS][None], np.ones((1, 40), int))[0],
        z @ fitted.directions(centroids, sizes)[0],
    )
    assert np.corrcoef(exact, near)[0, 1] > 0.97
    label = np.zeros(2_000)
    label[SEEDS] = 1
    assert roc_auc_score(label, near) > 0.7


def test_items_without_seeds_and_weights_of_nothing() -> None:
    _, fitted = classifier(1.0)
    assert not fitted.directions(np.zeros((1, 3, 9)), np.zeros((1, 3), int)).any()
    again = ItemClassifier.of_arrays(fitted.arrays("x_"), "x_")
    assert again is not None
    np.testing.assert_allclose(again.moment, fitted.moment, rtol=1e-6)
    assert ItemClassifier.of_arrays(fitted.weighing(0.0).arrays("x_"), "x_") is None
    assert ItemClassifier.of_arrays({}, "x_") is None
