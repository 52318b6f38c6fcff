"""Negative seeds in a Gaussian world, and weighted seeds against plain sums."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ralm.arrow.arrays import list_array
from ralm.baselines.dot_product import DotProduct
from ralm.models.plda import Plda, fit_plda, seed_means
from ralm.scoring.bundle import ScoringBundle, write_scoring_bundle
from ralm.scoring.cluster import cluster_seeds
from ralm.scoring.contract import ScorerState
from ralm.scoring.unlike import unlike_state

USERS, WIDTH, ITEMS, TASTES = 8_000, 24, 300, 12


class World:
    """Users with tastes, each had by three in ten whatever else they like; an item is for one of the tastes."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.likes = rng.random((USERS, TASTES)) < 0.3  # taste per column
        centres = 2.0 * np.eye(TASTES, WIDTH)
        self.vectors = self.likes @ centres + rng.normal(size=(USERS, WIDTH))
        means, counts = [], []
        for _ in range(ITEMS):
            chance = np.where(self.likes[:, rng.integers(TASTES)], 0.05, 0.005)
            clicked = rng.random(USERS) < chance
            means.append(self.vectors[clicked].mean(axis=0))
            counts.append(clicked.sum())
        self.model: Plda = fit_plda(self.vectors, np.array(means), np.array(counts))
        self.table = pa.table({"user_id": np.arange(USERS), "embedding": list_array(self.vectors.astype(np.float32))})

    def state(self, seeds: np.ndarray) -> ScorerState:
        """The closed form by these seeds, as the system `plda` makes it."""
        direction = self.model.directions(self.vectors[seeds].mean(axis=0)[None], np.array([seeds.sum()]))
        vectors = direction @ self.model.basis.T
        return ScorerState(DotProduct, {"vectors": vectors, "bias": -(vectors @ self.model.mean)})


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_neighbours_of_negative_seeds_fall_and_others_stay(world: World, tmp_path) -> None:
    """Seeds like taste 0, three in ten of them taste 1 too; the negatives like taste 1."""
    drawn = np.random.default_rng(5).random(USERS)
    some = drawn < 0.4
    state = world.state((drawn < 0.2) & world.likes[:, 0])
    negatives = some & (drawn >= 0.2) & world.likes[:, 1]
    mean, count = world.vectors[negatives].mean(axis=0), int(negatives.sum())
    found = unlike_state(state, world.model, mean, count, coordinates=False)
    before = state.build().score_batch(world.table)[:, 0]
    write_scoring_bundle(str(tmp_path / "bundle"), found, ["one"])  # as workers have it
    after = ScoringBundle.load(str(tmp_path / "bundle")).state.build().score_batch(world.table)[:, 0]
    fallen = before - after
    assert fallen.min() >= 0
    assert (fallen > 0).mean() == pytest.approx(0.4, abs=0.2)
    pairs = found.build().score_pairs(world.table, np.zeros(USERS, int))
    np.testing.assert_allclose(pairs, after)

    rank = {name: np.argsort(np.argsort(-scores)) for name, scores in (("before", before), ("after", after))}
    rest = ~some & world.likes[:, 0]
    both, only = rest & world.likes[:, 1], rest & ~world.likes[:, 1]
    assert np.median(rank["after"][both]) > np.median(rank["before"][both]) + 200  # those like the negatives fall
    assert np.median(rank["after"][only]) < np.median(rank["before"][only])  # those unlike them rise
    top = USERS // 20
    assert (rank["after"][both] < top).sum() < 0.7 * (rank["before"][both] < top).sum()
    assert (rank["after"][only] < top).sum() > (rank["before"][only] < top).sum()

    # The same from coordinates, as target embeddings hold them, behind other columns; the formula in plain loops.
    coordinates = world.model.coordinates(world.vectors)
    wide = np.concatenate([np.zeros((USERS, 3)), coordinates], axis=1).astype(np.float32)
    scorer = DotProduct(np.zeros((1, wide.shape[1])), np.zeros(1))
    zero = ScorerState(DotProduct, {"vectors": scorer.vectors, "bias": scorer.bias})
    twice = unlike_state(zero, world.model, mean, count, coordinates=True, weight=2.0).build()
    lost = twice.score_batch(pa.table({"embedding": list_array(wide)}))[:, 0]
    np.testing.assert_allclose(lost, -2 * fallen, atol=1e-4)
    direction = world.model.own_directions(mean[None], np.array([count]))[0]
    usual = max(0.0, sum(p * u for p, u in zip(world.model.prior, direction, strict=True)))
    for user in range(50):
        along = sum(z * u for z, u in zip(coordinates[user], direction, strict=True))
        assert fallen[user] == pytest.approx(max(0.0, along - usual), abs=1e-4)


def test_weighted_seeds_are_weighted_means_and_fewer() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(200, 5)).astype(np.float32)
    weights = rng.gamma(0.5, size=200) + 0.01
    found = cluster_seeds(raw, raw, 4, iterations=10, seed=1, weights=weights)
    plain = cluster_seeds(raw, raw, 4, iterations=10, seed=1)
    np.testing.assert_array_equal(found.assignment, plain.assignment)
    means, counts = seed_means(found.centroids[None], found.sizes[None])
    np.testing.assert_allclose(means[0], (weights[:, None] * raw).sum(axis=0) / weights.sum(), rtol=1e-4, atol=1e-5)
    assert counts[0] == pytest.approx(weights.sum() ** 2 / (weights**2).sum(), rel=1e-5)
    same = cluster_seeds(raw, raw, 4, iterations=10, seed=1, weights=np.full(200, 7.0))
    np.testing.assert_allclose(same.centroids, plain.centroids, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(same.sizes, plain.sizes, rtol=1e-5)


def test_the_posterior_mean_of_weighted_seeds(world: World) -> None:
    """One heavy seed among light ones: the direction goes to it, and shrinks as if there were hardly two seeds."""
    seeds = world.vectors[:40]
    weights = np.r_[np.full(39, 1.0), 40.0]
    found = cluster_seeds(seeds.astype(np.float32), seeds, 1, iterations=1, seed=1, weights=weights)
    means, counts = seed_means(found.centroids[None], found.sizes[None])
    n = 79.0**2 / (39 + 1_600)
    assert counts[0] == pytest.approx(n, rel=1e-5)
    z = (weights[:, None] * world.model.coordinates(seeds)).sum(axis=0) / weights.sum()
    post = world.model.prior + n * world.model.between / (n * world.model.between + 1) * (z - world.model.prior)
    penalty = world.model.penalty * (20 / (n + 20)) ** 2
    ridged = (post @ world.model.axes / (1 + penalty)) @ world.model.axes.T
    expected = ridged / np.linalg.norm(ridged) + world.model.common
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(world.model.directions(means, counts)[0], expected, atol=1e-4)
