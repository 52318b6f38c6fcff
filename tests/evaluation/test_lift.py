"""Lift and its intervals: against a published example, and in simulated experiments whose lift is known."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from ralm.evaluation.lift import lift, too_small


def test_newcombes_own_example() -> None:
    """Newcombe 1998, table II, contrast (a), 56/70 against 48/80, method 10: .0524 to .3339."""
    found = lift(56, 70, 48, 80)
    assert found.absolute == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


@pytest.mark.parametrize(
    "counts", [(56, 70, 48, 80), (3, 900, 7, 100), (0, 50, 10, 50), (40, 40, 1, 40), (9, 99, 1, 33)]
)
def test_the_ratio_ends_where_the_difference_could_be_nothing(counts: tuple[int, int, int, int]) -> None:
    """By its own definition: at each end θ of the interval, an end of the interval of p − θ q is 0."""
    converted, delivered, held_converted, held_out = counts
    found = lift(*counts)
    p, q = converted / delivered, held_converted / held_out
    assert found.relative == pytest.approx(p / q - 1)
    own, other = (binomtest(k, n).proportion_ci(method="wilson") for k, n in (counts[:2], counts[2:]))
    assert found.relative_low is not None
    assert found.relative_high is not None
    low, high = found.relative_low + 1, found.relative_high + 1
    assert p - low * q == pytest.approx(math.hypot(p - own.low, low * (other.high - q)), abs=1e-12)
    assert high * q - p == pytest.approx(math.hypot(own.high - p, high * (q - other.low)), abs=1e-12)
    assert low <= p / q <= high


@pytest.mark.parametrize(("delivered", "held", "p", "q"), [(9_000, 1_000, 0.06, 0.05), (900, 300, 0.3, 0.3)])
def test_the_intervals_hold_the_true_lift(delivered: int, held: int, p: float, q: float) -> None:
    """Of 1,000 experiments 95 % of the intervals hold the truth, within three deviations of that share (2.1 %)."""
    rng = np.random.default_rng(1)
    absolute = relative = 0
    experiments = 1_000
    pairs = zip(rng.binomial(delivered, p, experiments), rng.binomial(held, q, experiments), strict=True)
    for one, other in pairs:
        found = lift(int(one), delivered, int(other), held)
        absolute += found.low <= p - q <= found.high
        assert found.relative_low is not None
        assert found.relative_high is not None
        relative += found.relative_low <= p / q - 1 <= found.relative_high
    assert absolute / experiments == pytest.approx(0.95, abs=0.021)
    assert relative / experiments == pytest.approx(0.95, abs=0.021)


@pytest.mark.parametrize(
    ("delivered", "held", "p", "q"),
    [(270, 30, 0.1, 0.1), (900, 100, 0.02, 0.02), (60, 60, 0.1, 0.1), (900, 100, 0.03, 0.06)],
)
def test_where_a_figure_is_given_its_interval_holds_the_truth(delivered: int, held: int, p: float, q: float) -> None:
    """Arms so small that some experiments get no figure: the intervals of the others hold the truth as often."""
    rng = np.random.default_rng(2)
    absolute, relative = [], []
    for one, other in zip(rng.binomial(delivered, p, 600), rng.binomial(held, q, 600), strict=True):
        counts = int(one), delivered, int(other), held
        if too_small(*counts):
            continue
        found = lift(*counts)
        absolute.append(found.low <= p - q <= found.high)
        if found.relative_low is not None and found.relative_high is not None:
            relative.append(found.relative_low <= p / q - 1 <= found.relative_high)
    assert len(relative) > 400
    assert np.mean(absolute) == pytest.approx(0.95, abs=0.03)
    assert np.mean(relative) == pytest.approx(0.95, abs=0.03)


def test_too_small_a_sample_has_no_figure() -> None:
    assert too_small(10, 29, 3, 300) == "fewer than 30 users were delivered"
    assert too_small(3, 29, 3, 29) == "fewer than 30 users were delivered and held out"
    assert too_small(8, 1_000, 1, 100) == "fewer than 10 users converted in both arms together"
    assert too_small(1_000, 1_000, 95, 100) == "all but fewer than 10 users converted"
    assert too_small(9, 1_000, 1, 100) is None
    assert too_small(60, 154, 6, 63) is None


def test_arms_without_conversions() -> None:
    assert lift(15, 100, 0, 100).relative is None
    nobody = lift(0, 100, 15, 100)
    assert (nobody.relative, nobody.relative_low) == (-1, -1)
    assert nobody.relative_high is not None
    assert -1 < nobody.relative_high < 0
    assert nobody.low < -0.15 < nobody.high
    for counts in ((1, 0, 1, 5), (6, 5, 1, 5), (-1, 5, 1, 5)):
        with pytest.raises(ValueError, match="cannot be"):
            lift(*counts)
