"""Classifiers of single items, from clusters of seeds: discriminant, fold-in of ALS, regression on interests."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from ralm.baselines.fold_in import closed_form, gram_of
from ralm.models import item_classifier
from ralm.models.item_classifier import DISCRIMINANT, HALF_REGRESSION, HALF_SEEDS, PENALTY, REGRESSION, ItemClassifier
from ralm.models.plda import DISCRIMINANT_RIDGE, SEED_SHARE, Plda, fit_plda

RNG = np.random.default_rng(4)
USERS = RNG.normal(size=(2_000, 9)) @ RNG.normal(size=(9, 9)) + 0.3
SEEDS = np.flatnonzero(USERS[:, 4] + RNG.normal(size=2_000) > 3.5)[:40]


MODEL = fit_plda(USERS, USERS[:20], np.full(20, 5))


def classifier(weight: float, factors: int = 4, interests: slice = slice(0, 0)) -> ItemClassifier:
    fitted = ItemClassifier.of_users(USERS, 3, factors, 2_000, 20.0, 1.0, interests)
    return fitted.within(MODEL.basis).weighing(weight)


def plain_discriminant(model: Plda, seeds: np.ndarray) -> np.ndarray:
    """In the coordinates, by the whole matrix."""
    z = model.coordinates(seeds)
    ridge = (model.axes * DISCRIMINANT_RIDGE * model.penalty) @ model.axes.T
    return np.linalg.solve(np.eye(z.shape[1]) + ridge + SEED_SHARE / len(z) * z.T @ z, z.sum(axis=0))


def test_a_discriminant_is_that_of_the_whole_covariance() -> None:
    expected = plain_discriminant(MODEL, USERS[SEEDS])
    own = np.concatenate([USERS[SEEDS], np.zeros((3, 9))])[None], np.array([[1] * 40 + [0] * 3])  # three are absent
    found = MODEL.discriminants(*own)[0]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-9)
    torches = Plda(**{name: torch.from_numpy(value) for name, value in vars(MODEL).items()})
    np.testing.assert_allclose(torches.discriminants(*map(torch.from_numpy, own))[0], found, atol=1e-9)


def test_a_discriminant_finds_users_like_the_seeds() -> None:
    fresh, chosen = RNG.permutation(SEEDS), np.zeros(2_000, bool)
    chosen[fresh[20:]] = True
    score = MODEL.coordinates(USERS) @ MODEL.discriminants(USERS[fresh[:20]][None], np.ones((1, 20)))[0]
    others = np.setdiff1d(np.arange(2_000), fresh[:20])
    assert roc_auc_score(chosen[others], score[others]) > 0.8


def test_the_fold_in_is_that_of_als_where_each_seed_is_a_cluster() -> None:
    factors = USERS[:, 3:7]
    own = factors[SEEDS]
    plain = factors @ closed_form(gram_of(factors), gram_of(own)[None], own.sum(0)[None], np.array([40]), 20.0, 1.0)[0]
    seeds = USERS[SEEDS][None], np.ones((1, 40), int)
    with_it, without = classifier(2.0).directions(*seeds, MODEL), classifier(2.0, 0).directions(*seeds, MODEL)
    found = MODEL.coordinates(USERS) @ (with_it - without)[0]
    # The same but for the mean, which is the same for all users.
    np.testing.assert_allclose(np.corrcoef(found, plain)[0, 1], 1)
    assert found.std() == pytest.approx(2 * 40**2 / (40**2 + HALF_SEEDS**2), rel=1e-3)
    assert (MODEL.coordinates(USERS) @ without[0]).std() == pytest.approx(
        2 * DISCRIMINANT * 40 / (40 + HALF_SEEDS), rel=1e-3
    )


def test_the_regression_is_a_ridge_regression_on_the_interests_alone() -> None:
    columns = slice(0, 3)
    own = USERS[:, columns] - USERS[:, columns].mean(axis=0)
    covariance = own.T @ own / len(own)
    plain = own @ np.linalg.solve(covariance + PENALTY * np.eye(3) / 40, own[SEEDS].mean(axis=0))
    halves = np.array_split(SEEDS, 8)  # only the seeds' mean counts, so clusters say the same
    seeds = np.stack([USERS[half].mean(axis=0) for half in halves])[None], np.array([[len(half) for half in halves]])
    with_it, without = (classifier(2.0, 0, one).directions(*seeds, MODEL) for one in (columns, slice(0, 0)))
    found = MODEL.coordinates(USERS) @ (with_it - without)[0]
    np.testing.assert_allclose(found / found.std(), plain / plain.std(), atol=1e-4)
    assert found.std() == pytest.approx(2 * REGRESSION * 40**2 / (40**2 + HALF_REGRESSION**2), rel=1e-3)


def test_few_seeds_trust_no_direction_and_many_trust_all() -> None:
    """With few seeds the line is along their mean; with many, narrow directions count as much as wide ones."""
    fitted, clusters = classifier(2.0, 0, slice(0, 9)), USERS[SEEDS].mean(axis=0)[None, None]
    shift = clusters[0, 0] - USERS.mean(axis=0)
    centred = USERS - USERS.mean(axis=0)
    lines = {count: fitted._regression(clusters, np.array([[count]]), MODEL)[0] for count in (1e-6, 1e6)}
    scores = {count: MODEL.coordinates(USERS) @ line for count, line in lines.items()}
    assert np.corrcoef(scores[1e-6], centred @ shift)[0, 1] > 0.9999
    whole = centred @ np.linalg.solve(centred.T @ centred / len(USERS), shift)
    assert np.corrcoef(scores[1e6], whole)[0, 1] > 0.9999


def test_a_model_of_an_earlier_release_has_no_regression() -> None:
    arrays = classifier(1.0, 4, slice(0, 3)).arrays("x_")
    older = {name: array for name, array in arrays.items() if name not in ("x_levels", "x_along")}
    found, expected = ItemClassifier.of_arrays(older, "x_"), classifier(1.0)
    assert found is not None
    seeds = USERS[SEEDS][None], np.ones((1, 40), int)
    np.testing.assert_allclose(found.directions(*seeds, MODEL), expected.directions(*seeds, MODEL), atol=1e-4)


def test_clusters_stand_for_their_seeds() -> None:
    fitted = classifier(1.0, 4, slice(0, 3))
    halves = np.array_split(SEEDS[np.argsort(USERS[SEEDS, 0])], 8)
    centroids = np.stack([USERS[half].mean(axis=0) for half in halves])[None]
    sizes = np.array([[len(half) for half in halves]])
    z = MODEL.coordinates(USERS)
    exact = z @ fitted.directions(USERS[SEEDS][None], np.ones((1, 40), int), MODEL)[0]
    near = z @ fitted.directions(centroids, sizes, MODEL)[0]
    assert np.corrcoef(exact, near)[0, 1] > 0.97
    label = np.zeros(2_000)
    label[SEEDS] = 1
    assert roc_auc_score(label, near) > 0.7


def test_items_without_seeds_and_weights_of_nothing() -> None:
    fitted = classifier(1.0, 4, slice(0, 3))
    assert not fitted.directions(np.zeros((1, 3, 9)), np.zeros((1, 3), int), MODEL).any()
    again = ItemClassifier.of_arrays(fitted.arrays("x_"), "x_")
    assert again is not None
    np.testing.assert_allclose(again.moment, fitted.moment, rtol=1e-6)
    assert ItemClassifier.of_arrays(fitted.weighing(0.0).arrays("x_"), "x_") is None
    assert ItemClassifier.of_arrays({}, "x_") is None


def test_items_in_parts_are_as_items_together(monkeypatch: pytest.MonkeyPatch) -> None:
    centroids, sizes = USERS[: 7 * 3].reshape(7, 3, 9), RNG.integers(0, 9, (7, 3))
    together = classifier(1.0, 4, slice(0, 3)).directions(centroids, sizes, MODEL)
    monkeypatch.setattr(item_classifier, "ITEMS", 2)
    apart = classifier(1.0, 4, slice(0, 3)).directions(centroids, sizes, MODEL)
    np.testing.assert_allclose(apart, together, atol=1e-12)
