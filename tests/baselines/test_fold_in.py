"""The closed form against least squares solved directly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from ralm.baselines import fold_in as module
from ralm.baselines.fold_in import closed_form, fold_in, gram_of

FEATURES, WIDTH = 30, 6


def factors(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(FEATURES, WIDTH)).astype(np.float32)


def sets(users: int, seed: int = 1) -> sparse.csr_matrix:
    return sparse.random(users, FEATURES, 0.2, format="csr", random_state=seed, data_rvs=np.ones, dtype=np.float32)


def least_squares(y: np.ndarray, acted: np.ndarray, alpha: float, regularisation: float) -> np.ndarray:
    """Minimises Σ c (p − x·y)² + λ n |x|² as one least-squares problem: rows scaled by √c, λn as further rows."""
    weight = np.sqrt(np.where(acted, 1 + alpha, 1.0))
    rows = np.vstack([y * weight[:, None], np.sqrt(regularisation * acted.sum()) * np.eye(y.shape[1])])
    return np.linalg.lstsq(rows, np.append(weight * acted, np.zeros(y.shape[1])), rcond=None)[0]


@given(seed=st.integers(0, 1_000), alpha=st.floats(0.1, 100), regularisation=st.floats(0.01, 10))
@settings(max_examples=30, deadline=None)
def test_minimises_the_weighted_least_squares(seed: int, alpha: float, regularisation: float) -> None:
    y, acted = factors(seed).astype(np.float64), sets(8, seed)
    found = fold_in(y, acted, gram_of(y), alpha, regularisation)
    for row, x in zip(acted.toarray() > 0, found, strict=True):
        if row.any():
            np.testing.assert_allclose(x, least_squares(y, row, alpha, regularisation), atol=1e-8)


def test_batch_is_as_single(monkeypatch: pytest.MonkeyPatch) -> None:
    y, acted = factors(), sets(50)
    together = fold_in(y, acted, gram_of(y), 20.0, 1.0)
    alone = np.concatenate([fold_in(y, acted[i : i + 1], gram_of(y), 20.0, 1.0) for i in range(50)])
    np.testing.assert_allclose(together, alone, atol=1e-12)
    monkeypatch.setattr(module, "BLOCK_BYTES", 4_000)  # a few users per block
    np.testing.assert_allclose(fold_in(y, acted, gram_of(y), 20.0, 1.0), together, atol=1e-12)
    np.testing.assert_allclose(gram_of(y), y.astype(np.float64).T @ y)


def test_no_history_no_vector() -> None:
    y = factors()
    found = fold_in(y, sparse.csr_matrix((3, FEATURES), dtype=np.float32), gram_of(y), 20.0, 1.0)
    assert found.tolist() == np.zeros((3, WIDTH)).tolist()
    assert fold_in(y, sets(1)[:0], gram_of(y), 20.0, 1.0).shape == (0, WIDTH)


def test_a_feature_without_a_factor_is_no_interaction() -> None:
    y, acted = factors(), sets(20).toarray()
    y[:5] = 0
    without = acted.copy()
    without[:, :5] = 0
    assert (without != acted).any()
    found = [fold_in(y, sparse.csr_matrix(a), gram_of(y), 20.0, 1.0) for a in (acted, without)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)


def test_more_confidence_comes_closer_to_one() -> None:
    """Without a penalty worth speaking of, and more and more trust: the score of what was acted on tends to 1."""
    y = factors()[:4]
    scores = [
        fold_in(y, sparse.csr_matrix([[1.0, 0, 0, 0]]), gram_of(y), alpha, 1e-9)[0] @ y[0] for alpha in (1, 10, 1e6)
    ]
    assert scores[0] <= scores[1] <= scores[2] == pytest.approx(1.0, abs=1e-4)


def test_an_item_is_folded_in_like_a_user() -> None:
    """The same formula with the sides exchanged: seeds are what the item acted on."""
    x = np.random.default_rng(3).normal(size=(40, WIDTH))
    seeds = np.arange(40) < 7
    own, total = gram_of(x[seeds])[None], x[seeds].sum(axis=0)[None]
    found = closed_form(gram_of(x), own, total, np.array([7]), 20.0, 0.5)[0]
    np.testing.assert_allclose(found, least_squares(x, seeds, 20.0, 0.5), atol=1e-10)
