import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ralm.scoring.thresholds import cut_for_top, exposure_threshold, histogram, histogram_edges, quantiles

SCORES = hnp.arrays(np.float64, st.integers(1, 200), elements=st.integers(-20, 20).map(lambda x: x / 10))


@settings(max_examples=60, deadline=None)
@given(SCORES, st.floats(0.001, 1))
def test_threshold_passes_the_fraction(scores, fraction):
    cutoff = exposure_threshold(scores, fraction)
    wanted = fraction * len(scores)
    assert (scores >= cutoff).sum() >= wanted - 1e-6
    assert (scores > cutoff).sum() < max(wanted, 1)


def test_threshold_of_distinct_scores_is_exact():
    scores = np.random.default_rng(0).permutation(1_000) / 1_000
    assert exposure_threshold(scores, 0.05) == 0.95
    assert exposure_threshold(scores, 0.1) == 0.9
    assert (scores >= exposure_threshold(scores, 0.05)).sum() == 50


@pytest.mark.parametrize("fraction", [0.0, 1.1])
def test_threshold_of_a_bad_fraction(fraction):
    with pytest.raises(ValueError, match="fraction"):
        exposure_threshold(np.ones(3), fraction)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 50), st.integers(1, 3)), elements=st.floats(-2, 2)))
def test_histogram_like_numpy_and_additive(scores):
    edges = histogram_edges(-1.0, 1.0)
    found = histogram(scores, edges)
    for item in range(scores.shape[1]):
        # numpy closes the last bin on both sides, so what is clipped to the end lands there as well
        expected, _ = np.histogram(np.clip(scores[:, item], -1, 1), edges)
        np.testing.assert_array_equal(found[item], expected)
        np.testing.assert_array_equal(histogram(scores[:, item], edges), expected)
    np.testing.assert_array_equal(histogram(scores[:20], edges) + histogram(scores[20:], edges), found)


def test_quantiles():
    assert quantiles(np.arange(101, dtype=np.float32), (0.0, 0.5, 0.95, 1.0)) == [0, 50, 95, 100]


def test_cut_fails_no_more_often_than_the_margin():
    rng = np.random.default_rng(1)
    users, wanted, margin = 20_000, 1_000, 0.05
    population = rng.normal(size=users)
    reached = []
    for _ in range(400):
        sample = rng.choice(population, 2_000, replace=False)
        reached.append((population >= cut_for_top(sample, users, wanted, margin)).sum())
    assert np.mean(np.array(reached) < wanted) <= margin + 0.03
    assert np.mean(reached) < 1.6 * wanted  # conservative, not useless


def test_cut_of_everyone_is_exact_and_small_samples_cut_nothing():
    scores = np.random.default_rng(2).permutation(500)[:, None] * np.array([1.0, 2.0])
    cut = cut_for_top(scores, 500, 10)
    assert cut.tolist() == [490, 980]
    assert cut_for_top(scores[:5], 500, 400).tolist() == [-np.inf, -np.inf]
    assert cut_for_top(scores, 500, 501).tolist() == [-np.inf, -np.inf]
    with pytest.raises(ValueError, match="wanted >= 1"):
        cut_for_top(scores, 500, 0)
