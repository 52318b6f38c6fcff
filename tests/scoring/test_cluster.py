import numpy as np
import pytest

from ralm.scoring.cluster import cluster_seeds


def test_centroids_are_mean_raw_embeddings_of_clusters_in_the_space():
    rng = np.random.default_rng(0)
    # In the space there are two clear groups; in the raw embeddings the third axis would split them differently.
    group = rng.integers(0, 2, 200)
    raw = rng.normal(size=(200, 3)).astype(np.float32) * np.array([1, 1, 100], dtype=np.float32)
    raw[:, 0] += 50 * group
    space = raw[:, :1].copy()
    found = cluster_seeds(raw, space, 2, iterations=20, seed=1)
    for cluster in range(2):
        members = found.assignment == cluster
        assert len(np.unique(group[members])) == 1
        assert found.sizes[cluster] == members.sum()
        np.testing.assert_allclose(found.centroids[cluster], raw[members].mean(axis=0), rtol=1e-5, atol=1e-4)
    expected = sum(((space[group == g] - space[group == g].mean()) ** 2).sum() for g in range(2))
    assert found.inertia == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("seeds", [0, 1, 3])
def test_fewer_seeds_than_clusters(seeds):
    raw = np.arange(seeds * 4, dtype=np.float32).reshape(seeds, 4)
    found = cluster_seeds(raw, raw[:, :2], 5, iterations=5, seed=0)
    assert found.sizes.tolist() == [1] * seeds + [0] * (5 - seeds)
    np.testing.assert_array_equal(found.centroids[:seeds], raw)
    assert not found.centroids[seeds:].any()


def test_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match="2 raw embeddings but 3"):
        cluster_seeds(np.zeros((2, 2), np.float32), np.zeros((3, 2), np.float32), 1, iterations=1, seed=0)
