"""Signatures against Jaccard similarities computed from Python sets, buckets against the S-curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from ralm.baselines.candidate_quality import candidate_quality, in_a_bucket_of, jaccard
from ralm.baselines.minhash import EMPTY, MinHash, s_curve
from ralm.report.plots import audiences

FEATURES = 500
Sets = list[set[int]]


def rows_of(sets: Sets) -> sparse.csr_matrix:
    dense = np.zeros((len(sets), FEATURES), np.float32)
    for row, members in enumerate(sets):
        dense[row, list(members)] = 1
    return sparse.csr_matrix(dense)


def loop_jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def pair_of(similarity: float, size: int = 60) -> Sets:
    """Two sets of neighbouring numbers, as frequent features are, with about this similarity."""
    common = round(2 * size * similarity / (1 + similarity))
    return [set(range(size)), set(range(size - common, 2 * size - common))]


@pytest.mark.parametrize("similarity", [0.05, 0.2, 0.5, 0.8])
def test_signatures_agree_as_often_as_sets_are_similar(similarity: float) -> None:
    sets = pair_of(similarity)
    true, hashes = loop_jaccard(*sets), 4_000
    one, other = MinHash(hashes, 1, seed=3).signatures(rows_of(sets))
    # Hoeffding: a fair family misses this bound once in 10^6 seeds.
    assert abs((one == other).mean() - true) < np.sqrt(np.log(2e6) / 2 / hashes)


def test_hash_functions_are_independent_enough() -> None:
    """Agreements of one pair over many seeds have the variance of independent draws."""
    rows, hashes = rows_of(pair_of(0.3)), 50
    true = jaccard(rows[:1], rows[1:])[0, 0]
    counts = np.array([(s[0] == s[1]).sum() for s in (MinHash(hashes, 1, k).signatures(rows) for k in range(400))])
    expected = hashes * true * (1 - true)
    assert counts.mean() == pytest.approx(hashes * true, abs=5 * np.sqrt(expected / 400))
    assert 0.7 < counts.var() / expected < 1.35  # the ratio's deviation is sqrt(2 / 400) = 0.07


@pytest.mark.parametrize(("bands", "rows"), [(20, 2), (5, 4), (1, 1), (10, 1)])
def test_buckets_follow_the_s_curve(bands: int, rows: int) -> None:
    draws = 400
    for similarity in (0.1, 0.3, 0.6):
        sets = pair_of(similarity)
        matrix = rows_of(sets)
        shared = [np.equal(*MinHash(bands, rows, seed).buckets(matrix)).any() for seed in range(draws)]
        expected = float(s_curve(loop_jaccard(*sets), bands, rows))
        assert np.mean(shared) == pytest.approx(expected, abs=np.sqrt(np.log(2e6) / 2 / draws))


def test_s_curve_against_simulated_bands() -> None:
    rng, draws = np.random.default_rng(0), 20_000
    for similarity, bands, rows in ((0.2, 20, 2), (0.5, 6, 5), (0.9, 1, 3)):
        agree = rng.random((draws, bands, rows)) < similarity
        simulated = agree.all(axis=2).any(axis=1).mean()
        assert s_curve(similarity, bands, rows) == pytest.approx(simulated, abs=0.02)
    np.testing.assert_allclose(s_curve([0.0, 1.0], 20, 2), [0, 1])


@given(st.lists(st.sets(st.integers(0, FEATURES - 1), max_size=8), min_size=1, max_size=6))
def test_rows_do_not_depend_on_each_other(sets: Sets) -> None:
    matrix, minhash = rows_of(sets), MinHash(3, 2, seed=5)
    signatures, buckets = minhash.signatures(matrix), minhash.buckets(matrix)
    assert signatures.shape == (len(sets), 6)
    assert buckets.shape == (len(sets), 3)
    for row, members in enumerate(sets):
        np.testing.assert_array_equal(minhash.signatures(matrix[row])[0], signatures[row])
        np.testing.assert_array_equal(minhash.buckets(matrix[row])[0], buckets[row])
        assert (signatures[row] == EMPTY).all() == (not members)
        singles = [minhash.signatures(rows_of([{feature}]))[0] for feature in members]
        if singles:
            np.testing.assert_array_equal(signatures[row], np.min(singles, axis=0))


def test_buckets_are_of_the_seed_and_the_band() -> None:
    matrix = rows_of([{1, 2, 3}, {7}])
    one = MinHash(50, 1, seed=1).buckets(matrix)
    np.testing.assert_array_equal(one, MinHash(50, 1, seed=1).buckets(matrix))
    assert not (one == MinHash(50, 1, seed=2).buckets(matrix)).any()
    assert len(np.unique(one[1])) == 50


@given(st.lists(st.sets(st.integers(0, 20), max_size=6), min_size=1, max_size=5))
def test_jaccard_is_that_of_sets(sets: Sets) -> None:
    found = jaccard(rows_of(sets), rows_of(sets))
    np.testing.assert_allclose(found, [[loop_jaccard(one, other) for other in sets] for one in sets])


def test_candidates_reach_the_predicted_recall_at_a_fraction_of_the_users() -> None:
    """Groups of users, each with its own vocabulary: recall and reduction are between the predictions, up to chance."""
    rng, groups = np.random.default_rng(4), 10
    sets = []
    for user in range(3_000):
        own = 50 * (user % groups) + np.minimum(rng.integers(0, 50, 12), rng.integers(0, 50, 12))
        sets.append({*own.tolist(), int(rng.integers(FEATURES))} if user else set())
    users, seeds = rows_of(sets), rows_of([sets[at] for at in (10, 20, 30, 40, 50)])
    minhash = MinHash(20, 2, seed=9)
    candidate = in_a_bucket_of(users, seeds, minhash)
    expected = [
        bool(members) and any((one == other).any() for other in minhash.buckets(seeds))
        for members, one in zip(sets, minhash.buckets(users), strict=True)
    ]
    np.testing.assert_array_equal(candidate, expected)
    found = candidate_quality(users, seeds, candidate, 0.3, 20, 2)
    nearest = [max(loop_jaccard(members, sets[at]) for at in (10, 20, 30, 40, 50)) for members in sets]
    near = np.array(nearest) >= 0.3
    assert found.neighbours == near.sum() > 50
    assert found.recall == candidate[near].mean()
    assert found.reduction == candidate.mean() < 0.25
    assert found.predicted_recall[0] - 0.05 < found.recall < found.predicted_recall[1] + 0.05
    assert found.predicted_reduction[0] - 0.02 < found.reduction < found.predicted_reduction[1] + 0.02
    assert found.predicted_recall[0] > 0.8

    dropped = minhash.buckets(seeds)[0]
    fewer = in_a_bucket_of(users, seeds, minhash, dropped)
    assert fewer.sum() < candidate.sum()
    assert not (fewer & ~candidate).any()


def test_no_neighbour_has_no_recall() -> None:
    one = rows_of([{1}, {2}])
    found = candidate_quality(one[:1], one[1:], np.array([False]), 0.5, 2, 2)
    assert np.isnan(found.recall)
    assert found.reduction == 0
    with pytest.raises(ValueError, match="users and seeds"):
        candidate_quality(one[:0], one[1:], np.array([], bool), 0.5, 2, 2)


def test_the_figure_names_its_curves() -> None:
    figure = audiences.candidate_curves([(20, 2), (5, 4)], [0.1, 0.2, 0.2])
    assert all(text in figure for text in ("20 bands of 2", "5 bands of 4", "users, nearest seed"))
    assert "nearest seed" not in audiences.candidate_curves([(20, 2)])
