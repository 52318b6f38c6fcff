"""Against loops over users and cells, scikit-learn's prediction and the closed form of hyperplane collisions."""

import math

import numpy as np
import pyarrow as pa
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin
from sklearn.metrics.pairwise import cosine_similarity

from ralm.arrow.arrays import list_array
from ralm.baselines.clustered_similarity import CellLift, lift_state
from ralm.baselines.embedding_cells import Hyperplanes, KMeansCells
from ralm.baselines.mean_cosine import unit_rows


def table(points, item=None):
    columns = {"embedding": list_array(points.astype(np.float32))}
    return pa.table(columns if item is None else {"item_index": np.asarray(item)} | columns)


def unit(points):
    return unit_rows(points.astype(np.float32))


def drawn(seed, count, width=6):
    return np.random.default_rng(seed).normal(size=(count, width)) + 0.3


def test_kmeans_cells_are_the_nearest_centroids():
    sample, users = unit(drawn(0, 2_000)), unit(drawn(1, 300))
    cells = KMeansCells.fit(sample, 12, seed=3)
    assert cells.centroids.shape == (12, 6)
    np.testing.assert_array_equal(cells.of(users)[:, 0], pairwise_distances_argmin(users, cells.centroids))
    inertia = np.square(sample - cells.centroids[cells.of(sample)[:, 0]]).sum()
    assert inertia < 1.05 * KMeans(12, n_init=3, random_state=0).fit(sample).inertia_
    np.testing.assert_array_equal(cells.centroids, KMeansCells.fit(sample, 12, seed=3).centroids)


def test_small_samples_have_fewer_cells():
    assert len(KMeansCells.fit(unit(drawn(0, 100)), 200, seed=0).centroids) == 5
    assert len(KMeansCells.fit(unit(drawn(0, 1)), 200, seed=0).centroids) == 1


def test_hyperplanes_collide_by_the_angle():
    """P(same side) = 1 − θ/π, planes independent."""
    sample, users = unit(drawn(2, 500)), unit(drawn(3, 12))
    planes = Hyperplanes.draw(sample, tables=1_000, planes=3, seed=5)
    codes = planes.of(users)
    same = (codes[:, None] == codes).mean(axis=2)
    centred = users - sample.mean(axis=0)
    angle = np.arccos(np.clip(cosine_similarity(centred), -1, 1))
    np.testing.assert_allclose(same, (1 - angle / np.pi) ** 3, atol=0.06)  # 4 σ of 1,000 tables


def test_tables_have_their_own_cells():
    codes = Hyperplanes.draw(unit(drawn(2, 50)), tables=7, planes=30, seed=5).of(unit(drawn(3, 40)))
    assert all(set(codes[:, a]).isdisjoint(codes[:, b]) for a in range(7) for b in range(a))


@pytest.mark.parametrize("cells", ["kmeans", "hyperplanes", "fine"])
def test_like_counting_by_hand(cells):
    sample, seeds, users = drawn(4, 400), drawn(5, 90), drawn(6, 57)
    users[7] = 0.0
    item = np.sort(np.random.default_rng(7).integers(0, 3, 90))
    made = {
        "kmeans": KMeansCells.fit(unit(sample), 9, seed=1),
        "hyperplanes": Hyperplanes.draw(unit(sample), tables=5, planes=3, seed=1),
        "fine": Hyperplanes.draw(unit(sample), tables=4, planes=25, seed=1),
    }[cells]
    scorer = lift_state(made, unit(sample), table(seeds, item), 3).build(block=10)
    found = scorer.score_batch(table(users))
    of_all, of_seeds, of_users = (made.of(unit(points)).tolist() for points in (sample, seeds, users))
    for user, own in enumerate(of_users):
        for i in range(3):
            theirs = [codes for codes, at in zip(of_seeds, item, strict=True) if at == i]
            observed = sum(a == b for codes in theirs for a, b in zip(codes, own, strict=True)) / made.tables
            share = sum(a == b for codes in of_all for a, b in zip(codes, own, strict=True)) / made.tables / 400
            expected = math.log((observed + 0.5) / (len(theirs) * share + 0.5))
            assert found[user, i] == pytest.approx(expected, abs=1e-9)
    pairs = np.arange(57) % 3
    np.testing.assert_array_equal(scorer.score_pairs(table(users), pairs), found[np.arange(57), pairs])
    assert scorer.score_batch(table(users).slice(0, 0)).shape == (0, 3)


def test_nobody_known_is_neither_alike_nor_unlike():
    east, west = np.tile([1.0, 0.01], (50, 1)), np.array([[-1.0, 0.3]])
    cells = Hyperplanes(np.random.default_rng(0).normal(size=(6, 10, 2)), np.zeros(2))
    scorer = lift_state(cells, unit(east), table(east[:5], [0] * 5), 1).build()
    np.testing.assert_allclose(scorer.score_batch(table(west)), [[0.0]], atol=1e-12)


def test_one_seed_in_a_rare_cell_does_not_beat_many_in_a_frequent_one():
    centroids = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    sample = np.repeat(centroids, [700, 299, 1], axis=0)
    seeds = np.repeat(centroids, [10, 80, 1], axis=0)
    scorer = lift_state(KMeansCells(centroids), sample, table(seeds, [0] * 91), 1).build()
    often, most, rare = scorer.score_batch(table(centroids))[:, 0]
    assert often < 0 < most
    assert often < rare
    assert rare < math.log(3)  # the bare lift is 1/91 against 1/1000: 11


def test_the_state_travels(tmp_path):
    cells = KMeansCells.fit(unit(drawn(0, 200)), 4, seed=0)
    state = lift_state(cells, unit(drawn(0, 200)), table(drawn(1, 30), np.repeat([0, 1], 15)), 2)
    for name, array in state.arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    read = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in state.arrays}
    users = table(drawn(2, 20))
    again = CellLift.from_arrays(read, 8).score_batch(users)
    np.testing.assert_array_equal(again, state.build(8).score_batch(users))


def test_shapes_that_do_not_fit():
    state = lift_state(KMeansCells(np.eye(2)), np.eye(2), table(np.eye(2), [0, 0]), 1)
    with pytest.raises(ValueError, match="clustered similarity: 2 cells, 1 shares"):
        CellLift.from_arrays({**state.arrays, "share": np.ones(1)}, 8)
