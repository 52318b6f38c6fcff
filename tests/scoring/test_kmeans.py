import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from ralm.scoring.kmeans import kmeans


def check(points, k, found):
    """What must hold for any clustering: sizes, means and inertia agree with the assignment."""
    assert found.centroids.shape == (k, points.shape[1])
    np.testing.assert_array_equal(found.sizes, np.bincount(found.assignment, minlength=k))
    for cluster in range(k):
        members = points[found.assignment == cluster]
        expected = members.mean(axis=0) if len(members) else np.zeros(points.shape[1])
        np.testing.assert_allclose(found.centroids[cluster], expected, rtol=1e-4, atol=1e-4)
    inertia = ((points - found.centroids[found.assignment]) ** 2).sum()
    assert found.inertia == pytest.approx(inertia, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_inertia_like_scikit_learn(spread):
    ratios = []
    for seed in range(8):
        points, _ = make_blobs(2_000, 16, centers=12, cluster_std=spread, random_state=seed)
        points = points.astype(np.float32)
        found = kmeans(points, 12, iterations=100, seed=seed)
        check(points, 12, found)
        reference = KMeans(12, n_init=1, max_iter=100, random_state=seed).fit(points)
        ratios.append(found.inertia / reference.inertia_)
    assert np.mean(ratios) < 1.02


def test_separated_clusters_are_found():
    points, truth = make_blobs(600, 5, centers=6, cluster_std=0.1, random_state=1)
    found = kmeans(points.astype(np.float32), 6, iterations=50, seed=0)
    for cluster in range(6):
        assert len(np.unique(truth[found.assignment == cluster])) == 1


@settings(max_examples=60, deadline=None)
@given(
    points=hnp.arrays(
        np.float32,
        st.tuples(st.integers(0, 40), st.integers(1, 4)),
        elements=st.integers(-3, 3).map(float) | st.floats(-10, 10, width=16),
    ),
    k=st.integers(1, 8),
    seed=st.integers(0, 5),
)
def test_properties_for_any_points(points, k, seed):
    found = kmeans(points, k, iterations=20, seed=seed)
    check(points, k, found)
    again = kmeans(points, k, iterations=20, seed=seed)
    np.testing.assert_array_equal(found.assignment, again.assignment)
    longer = kmeans(points, k, iterations=40, seed=seed)
    assert longer.inertia <= found.inertia * (1 + 1e-4) + 1e-4
    if len(points) <= k:
        assert found.inertia == 0
        assert found.sizes.tolist() == [1] * len(points) + [0] * (k - len(points))


@pytest.mark.parametrize("distinct", [1, 3, 5])
def test_duplicated_points(distinct):
    points = np.repeat(np.eye(distinct, 6, dtype=np.float32) * 0.1 + 7, 30, axis=0)
    found = kmeans(points, 5, iterations=10, seed=1)
    assert (found.sizes > 0).sum() == distinct
    assert found.inertia == pytest.approx(0, abs=1e-6)
    check(points, 5, found)


def test_warm_start_goes_on_from_the_given_centroids():
    points, _ = make_blobs(900, 8, centers=9, cluster_std=2.0, random_state=3)
    points = points.astype(np.float32)
    converged = kmeans(points, 9, iterations=200, seed=0)
    warm = kmeans(points, 9, iterations=1, seed=99, start=converged.centroids)
    np.testing.assert_array_equal(warm.assignment, converged.assignment)


def test_absent_and_useless_start_clusters_are_refilled():
    points, _ = make_blobs(300, 4, centers=5, cluster_std=0.2, random_state=2)
    points = points.astype(np.float32)
    start = np.zeros((5, 4), dtype=np.float32)
    start[0], start[1] = points[0], 1e6  # one sensible, one far from everything, three absent
    found = kmeans(points, 5, iterations=30, seed=0, start=start)
    assert (found.sizes > 0).all()
    assert found.inertia <= 1.02 * KMeans(5, n_init=10, random_state=0).fit(points).inertia_


@pytest.mark.parametrize(
    ("points", "k", "start"),
    [
        (np.zeros(3), 2, None),
        (np.zeros((3, 2)), 0, None),
        (np.array([[np.nan, 1.0], [0, 0]]), 1, None),
        (np.zeros((3, 2)), 2, np.zeros((3, 2))),
    ],
)
def test_bad_input(points, k, start):
    with pytest.raises(ValueError, match="k-means"):
        kmeans(points.astype(np.float32), k, iterations=1, seed=0, start=start)
