"""Information Values against the formula in a loop, scores against sums over a user's features."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.information_value import information_value, information_value_state, smoothed_shares
from ralm.field_specs import CategorySpec, HistorySpec, UserFields
from ralm.scoring.bundle import ScoringBundle, write_scoring_bundle

SPACE = FeatureSpace(
    fields=UserFields(
        histories=[HistorySpec(domain="a", length=4, size=9)], categories=[CategorySpec(name="c", size=4)]
    )
)


def users(count: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    columns = {
        "user_id": [f"u{i}" for i in range(count)],
        "history_a": rng.integers(0, 9, (count, 4)).astype(np.int32).tolist(),
        "category_c": rng.integers(0, 4, count).astype(np.int32),
        "candidate_of": [np.flatnonzero(rng.random(3) < 0.4).tolist() for _ in range(count)],
    }
    return pa.table(columns, schema=pa.schema(
        [("user_id", pa.string()), ("history_a", pa.list_(pa.int32())), ("category_c", pa.int32()),
         ("candidate_of", pa.list_(pa.int32()))]
    ))  # fmt: skip


def weights(items: int = 3) -> sparse.csr_matrix:
    return sparse.random(SPACE.size, items, density=0.5, format="csr", random_state=1)


def loop_value(p: float, q: float) -> float:
    return (p - q) * math.log(p * (1 - q) / ((1 - p) * q))


@pytest.mark.parametrize("positive", ["above_candidates", "above_half"])
def test_values_are_those_of_the_formula(positive: str) -> None:
    rng = np.random.default_rng(0)
    p, q = rng.uniform(0.01, 0.99, (2, 40, 3))
    found = information_value(p, q, positive)
    for place in np.ndindex(p.shape):
        counts = p[place] > (q[place] if positive == "above_candidates" else 0.5)
        assert found[place] == pytest.approx(loop_value(p[place], q[place]) if counts else 0.0)
    assert (found >= 0).all()


count = st.integers(0, 1_000)


@given(count, count, count, count, st.floats(0.01, 100))
def test_smoothed_shares(seeds_with: int, others: int, candidates_with: int, more: int, smoothing: float) -> None:
    seeds, candidates = seeds_with + others, candidates_with + more
    p, q = (float(x) for x in smoothed_shares(seeds_with, seeds, candidates_with, candidates, smoothing))
    assert 0 < q < 1
    assert q == pytest.approx((candidates_with + smoothing) / (candidates + 2 * smoothing))
    assert 0 < p < 1
    assert p == pytest.approx((seeds_with + smoothing * q) / (seeds + smoothing))
    assert math.isfinite(float(information_value(np.array(p), np.array(q))))
    if seeds:
        share = seeds_with / seeds
        assert min(share, q) - 1e-12 <= p <= max(share, q) + 1e-12
    if not seeds_with:
        assert p <= q + 1e-12


def test_shares_of_zero_and_one_are_finite_and_little_smoothing_changes_little() -> None:
    p, q = smoothed_shares([20, 20, 0, 0], 20, [0, 500, 500, 0], 500, 1.0)
    found = information_value(p, q)
    assert np.isfinite(found).all()
    assert found[0] == found.max() > 0
    assert (found[2:] == 0).all()
    exact = information_value(*smoothed_shares(12, 20, 50, 500, 1e-9))
    assert float(exact) == pytest.approx(loop_value(0.6, 0.1))


def test_scores_are_the_sums_of_a_users_features() -> None:
    table, values = users(50), weights()
    scorer = information_value_state(SPACE, values).build()
    found = scorer.score_batch(table)
    dense = values.toarray()
    for row, user in enumerate(table.to_pylist()):
        features = {value - 1 for value in user["history_a"] if value} | {7 + user["category_c"]} - {7}
        np.testing.assert_allclose(found[row], dense[sorted(features)].sum(axis=0))
    item = np.arange(50) % 3
    np.testing.assert_allclose(scorer.score_pairs(table, item), found[np.arange(50), item])


@pytest.mark.parametrize("part", [slice(0, 50), slice(7, 19), slice(0, 0)])
def test_who_is_no_candidate_scores_minus_infinity(tmp_path, part: slice) -> None:
    table = users(50).slice(part.start, part.stop - part.start)
    everyone = information_value_state(SPACE, weights()).build().score_batch(table)
    write_scoring_bundle(str(tmp_path / "b"), information_value_state(SPACE, weights(), candidates_only=True), "xyz")
    scorer = ScoringBundle.load(str(tmp_path / "b")).state.build()
    mask = np.array([[at in listed for at in range(3)] for listed in table["candidate_of"].to_pylist()]).reshape(-1, 3)
    expected = np.where(mask, everyone, -np.inf)
    for batch in (table, *table.combine_chunks().to_batches()):
        np.testing.assert_allclose(scorer.score_batch(batch), expected)
        item = np.arange(table.num_rows) % 3
        np.testing.assert_allclose(scorer.score_pairs(batch, item), expected[np.arange(table.num_rows), item])


def test_nobody_positive_is_no_error(tmp_path) -> None:
    state = information_value_state(SPACE, sparse.csr_matrix((SPACE.size, 2)))
    write_scoring_bundle(str(tmp_path / "b"), state, "xy")
    scores = ScoringBundle.load(str(tmp_path / "b")).state.build().score_batch(users(5))
    np.testing.assert_array_equal(scores, np.zeros((5, 2)))
