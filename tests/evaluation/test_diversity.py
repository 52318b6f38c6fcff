"""Concentration and variety against plain formulas."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralm.evaluation.diversity import category_diversity, gini, lorenz, tail_share

COUNTS = st.lists(st.integers(0, 50), min_size=1, max_size=40).filter(any)


@settings(max_examples=100, deadline=None)
@given(COUNTS)
def test_gini_is_the_mean_absolute_difference_over_twice_the_mean(counts: list[int]) -> None:
    values = np.array(counts, dtype=float)
    difference = np.abs(values[:, None] - values[None, :]).mean()
    assert gini(counts) == pytest.approx(difference / (2 * values.mean()), abs=1e-12)


def test_gini_of_the_extremes() -> None:
    assert gini([7] * 10) == pytest.approx(0)
    assert gini([0] * 999 + [5]) == pytest.approx(0.999)


@settings(max_examples=100, deadline=None)
@given(COUNTS)
def test_the_lorenz_curve_is_convex_and_its_area_gives_the_gini(counts: list[int]) -> None:
    curve = lorenz(counts, points=100 * len(counts) + 1)  # every item's corner is among the points
    assert (curve.items[0], curve.exposure[0]) == (0, 0)
    assert (curve.items[-1], curve.exposure[-1]) == (1, pytest.approx(1))
    assert (np.diff(curve.exposure, 2) >= -1e-9).all()
    area = (
        np.trapezoid(curve.exposure, curve.items) if hasattr(np, "trapezoid") else np.trapz(curve.exposure, curve.items)
    )
    assert 1 - 2 * area == pytest.approx(gini(counts), abs=1e-6)


def test_tail_share_leaves_out_the_most_exposed_tenth() -> None:
    assert tail_share([90, *[1] * 9, 1, *[0] * 9]) == pytest.approx(9 / 100)  # 20 items: head is 90 and one 1
    assert tail_share([3]) == 0
    assert tail_share([1] * 50) == pytest.approx(0.9)


@pytest.mark.parametrize("counts", [[], [0, 0], [1, -1], [[1, 2]]])
def test_counts_that_are_no_exposure_are_refused(counts: list[int]) -> None:
    for function in (gini, lorenz, tail_share):
        with pytest.raises(ValueError, match="exposures"):
            function(counts)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abcd")), min_size=1, max_size=60))
def test_category_diversity_is_the_loop_over_users(pairs: list[tuple[int, str]]) -> None:
    distinct, entropy = [], []
    for user in {u for u, _ in pairs}:
        counts = Counter(c for u, c in pairs if u == user)
        shares = [n / counts.total() for n in counts.values()]
        distinct.append(len(counts))
        entropy.append(-sum(share * math.log(share) for share in shares))
    found = category_diversity(*zip(*pairs, strict=True))
    assert found.distinct == pytest.approx(np.mean(distinct))
    assert found.entropy == pytest.approx(np.mean(entropy), abs=1e-12)


def test_category_diversity_of_nobody_is_unknown() -> None:
    assert math.isnan(category_diversity([], []).distinct)
