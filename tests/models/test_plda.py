"""The closed-form set model against its formulas in plain matrices, and in the Gaussian world where it is the best."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ralm.models.plda import HALF_SEEDS, JITTER, PRIOR_ITEMS, SMALLEST_BETWEEN, Plda, fit_plda


def gaussian_world(seed=0, d=6, items=400, users=4_000, seeds=30):
    """Users, items' shifts, and a function that draws an item's users."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d))
    between = np.diag(np.linspace(0.0, 0.8, d) ** 2)
    prior = np.linspace(0.5, 0, d)
    shifts = rng.multivariate_normal(prior, between, size=items) @ mix.T
    draw = lambda shift, n: rng.normal(size=(n, d)) @ mix.T + shift  # noqa: E731
    members = [draw(shift, seeds) for shift in shifts]
    return draw(np.zeros(d), users), members, draw, shifts


def plain_score(users, means, counts, ridge, spread, seeds, n, x):
    """The formulas of the docstring with d x d matrices, no basis."""
    d = users.shape[1]
    f = users.mean(axis=0)
    C = np.cov(users.T, bias=True)
    tau = np.trace(C) / d
    C = C + JITTER * tau * np.eye(d)
    m = means - f
    m_b = m.mean(axis=0)
    C_b = np.cov(m.T, bias=True) - C * np.mean(1 / counts)
    share = len(m) / (len(m) + PRIOR_ITEMS)
    C_b = share * C_b + (1 - share) * np.trace(C_b) / np.trace(C) * C
    values, vectors = np.linalg.eigh(C_b)
    C_b = (vectors * np.maximum(values, SMALLEST_BETWEEN * values.max())) @ vectors.T + spread * C
    m_b = share * m_b
    post = m_b + C_b @ np.linalg.inv(C_b + C / n) @ (seeds - f - m_b)
    ridge = ridge * (HALF_SEEDS / (n + HALF_SEEDS)) ** 2
    return (x - f) @ np.linalg.inv(C + ridge * tau * np.eye(d)) @ post


@pytest.mark.parametrize(("ridge", "spread"), [(0.0, 0.0), (3.0, 0.1)])
def test_scores_are_those_of_the_plain_formulas(ridge, spread) -> None:
    users, members, _, _ = gaussian_world(items=60, users=500)
    means, counts = np.stack([m.mean(axis=0) for m in members]), np.array([len(m) for m in members])
    model = fit_plda(users, means, counts, ridge, spread)
    np.testing.assert_allclose(model.between, fit_plda(users, means, counts, ridge, 0.0).spread(spread).between)
    for n in (1, 7, 200):
        v = model.directions(means[:3], np.full(3, n))
        np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1)
        for item in range(3):
            expected = plain_score(users, means, counts, ridge, spread, means[item], n, users[:50])
            found = model.coordinates(users[:50]) @ v[item]
            # The same up to a factor per item, which is positive.
            np.testing.assert_allclose(found / np.linalg.norm(found), expected / np.linalg.norm(expected), atol=1e-8)


def test_more_of_what_items_have_in_common() -> None:
    users, members, _, _ = gaussian_world(items=60, users=500)
    means, counts = np.stack([m.mean(axis=0) for m in members]), np.array([len(m) for m in members])
    model = fit_plda(users, means, counts)
    shared = (model.prior @ model.axes / (1 + model.penalty)) @ model.axes.T
    shared /= np.linalg.norm(shared)
    plain = model.directions(means, counts)
    found = model.with_common(0.5).directions(means, counts)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    expected = plain + 0.5 * shared
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-10)
    np.testing.assert_allclose(model.with_common(0.5).with_common(0).directions(means, counts), plain)
    assert not model.with_common(0.5).directions(means[:1], np.zeros(1)).any()


def test_activity_can_stand_for_what_items_have_in_common() -> None:
    users, members, _, _ = gaussian_world(items=60, users=500)
    means, counts = np.stack([m.mean(axis=0) for m in members]), np.array([len(m) for m in members])
    model = fit_plda(users, means, counts)
    one, both = (model.with_common(1e9, columns).directions(means[:1], counts[:1])[0] for columns in ([4], [4, 2]))
    deviations = users / users.std(axis=0)
    assert np.corrcoef(model.coordinates(users) @ one, users[:, 4])[0, 1] == pytest.approx(1, abs=1e-5)
    assert np.corrcoef(model.coordinates(users) @ both, deviations[:, [4, 2]].sum(axis=1))[0, 1] == pytest.approx(
        1, abs=1e-5
    )


def test_coordinates_have_the_covariance_one_and_scores_the_deviation_one() -> None:
    users, members, _, _ = gaussian_world()
    means, counts = np.stack([m.mean(axis=0) for m in members]), np.array([len(m) for m in members])
    model = fit_plda(users, means, counts)
    z = model.coordinates(users)
    np.testing.assert_allclose(np.cov(z.T, bias=True), np.eye(6), atol=1e-4)
    np.testing.assert_allclose((z @ model.directions(means, counts).T).std(axis=0), 1, atol=1e-4)
    assert (np.diff(model.between) <= 0).all()


def test_in_its_own_world_it_is_as_good_as_knowing_the_items() -> None:
    users, members, draw, _ = gaussian_world()
    means, counts = np.stack([m.mean(axis=0) for m in members]), np.array([len(m) for m in members])
    model = fit_plda(users, means, counts, ridge=0.0)
    rng = np.random.default_rng(3)
    C = np.cov(users.T)
    found, raw, known = [], [], []
    for shift in rng.permutation(_new_shifts(60)):
        seeds, later = draw(shift, 3), draw(shift, 200)
        x = np.concatenate([later, users[:1000]])
        y = np.r_[np.ones(200), np.zeros(1000)]
        v = model.directions(seeds.mean(axis=0, keepdims=True), np.array([3]))[0]
        found.append(roc_auc_score(y, model.coordinates(x) @ v))
        raw.append(roc_auc_score(y, x @ np.linalg.solve(C, seeds.mean(axis=0))))
        known.append(roc_auc_score(y, x @ np.linalg.solve(C, shift)))
    assert np.mean(found) > np.mean(raw) + 0.02  # the shrinkage is worth something with three seeds
    assert np.mean(found) > np.mean(known) - 0.05  # and little is left to gain


def _new_shifts(items):
    """Items of the same world that it was not fitted on."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(6, 6))
    again = np.random.default_rng(9)
    return again.multivariate_normal(np.linspace(0.5, 0, 6), np.diag(np.linspace(0.0, 0.8, 6) ** 2), size=items) @ mix.T


@pytest.mark.parametrize("items", [0, 1, 2])
def test_few_or_no_items_still_give_a_model(items) -> None:
    users, members, _, _ = gaussian_world(items=10)
    means = np.stack([m.mean(axis=0) for m in members])
    model = fit_plda(users, means[:items], np.full(items, 30))
    scores = model.coordinates(members[5]) @ model.directions(means[5:6], np.array([30]))[0]
    assert np.isfinite(scores).all()
    others = model.coordinates(users) @ model.directions(means[5:6], np.array([30]))[0]
    assert scores.mean() > others.mean() + 0.5


def test_constant_and_repeated_columns_do_no_harm() -> None:
    users, members, _, _ = gaussian_world(items=50)
    means, counts = np.stack([m.mean(axis=0) for m in members]), np.full(50, 30)
    wide = lambda x: np.concatenate([x, x[:, :2], np.ones((len(x), 1))], axis=1)  # noqa: E731
    plain, doubled = fit_plda(users, means, counts), fit_plda(wide(users), wide(means), counts)
    one = plain.coordinates(users) @ plain.directions(means[:5], counts[:5]).T
    other = doubled.coordinates(wide(users)) @ doubled.directions(wide(means[:5]), counts[:5]).T
    for item in range(5):
        assert np.corrcoef(one[:, item], other[:, item])[0, 1] > 0.97


def test_arrays_and_back() -> None:
    users, members, _, _ = gaussian_world(items=30)
    means = np.stack([m.mean(axis=0) for m in members])
    model = fit_plda(users, means, np.full(30, 30))
    again = Plda.of_arrays({"alpha": np.zeros(()), **model.arrays()})
    assert again is not None
    np.testing.assert_allclose(again.basis, model.basis, rtol=1e-6)
    assert Plda.of_arrays({"alpha": np.zeros(())}) is None


def test_an_item_without_seeds_scores_zero_and_one_user_is_refused() -> None:
    users, members, _, _ = gaussian_world(items=30)
    means = np.stack([m.mean(axis=0) for m in members])
    model = fit_plda(users, means, np.full(30, 30))
    assert not model.directions(means[:1], np.zeros(1)).any()
    with pytest.raises(ValueError, match="at least two users"):
        fit_plda(users[:1], means, np.full(30, 30))


def test_another_ridge_is_that_of_another_fit() -> None:
    rng = np.random.default_rng(4)
    users, seeds, counts = rng.normal(size=(300, 6)), rng.normal(size=(40, 6)), rng.integers(2, 30, 40)
    found = fit_plda(users, seeds, counts, ridge=1.0).with_ridge(7.0)
    expected = fit_plda(users, seeds, counts, ridge=7.0)
    np.testing.assert_allclose(found.directions(seeds, counts), expected.directions(seeds, counts), atol=1e-12)


def test_the_metric_compares_a_user_with_a_seed_as_the_model_does() -> None:
    users, members, _, _ = gaussian_world(items=60, users=500)
    means, counts = np.stack([m.mean(axis=0) for m in members]), np.array([len(m) for m in members])
    model = replace(fit_plda(users, means, counts, ridge=0.0, spread=0.1), prior=np.zeros(6))
    metric = model.metric(6)
    found = (users - model.mean) @ metric @ metric.T @ (users[0] - model.mean)
    # As the score of twenty seeds whose mean is that user, but for a positive factor.
    expected = model.coordinates(users) @ model.directions(users[:1], np.array([HALF_SEEDS]))[0]
    np.testing.assert_allclose(found / np.linalg.norm(found), expected / np.linalg.norm(expected), atol=1e-8)
    assert ((users - model.mean) @ metric).var(axis=0).mean() == pytest.approx(1, abs=1e-3)
    wide, narrow = model.metric(8), model.metric(2)
    assert (wide[:, 6:] == 0).all()
    np.testing.assert_allclose(
        np.abs(narrow / np.linalg.norm(narrow)), np.abs(metric[:, :2] / np.linalg.norm(metric[:, :2]))
    )


def test_with_a_ridge_the_metric_trusts_directions_less_in_which_users_hardly_differ() -> None:
    rng = np.random.default_rng(0)
    users = rng.normal(size=(2_000, 2)) * [1.0, 0.1]
    means = rng.normal(size=(200, 2)) * [0.5, 0.05]  # items differ as much in both, for the users' deviations
    plain, ridged = (np.abs(fit_plda(users, means, np.full(200, 50), ridge, 0.0).metric(2)) for ridge in (0.0, 30.0))
    spread = np.array([1.0, 0.1])
    assert np.linalg.norm(plain, axis=1) * spread == pytest.approx([1, 1], rel=0.2)
    assert (np.linalg.norm(ridged, axis=1) * spread)[1] < 0.5 * (np.linalg.norm(ridged, axis=1) * spread)[0]
