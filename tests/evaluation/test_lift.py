"""Lift and its intervals: against a published example, and in simulated experiments whose lift is known."""

import math

import numpy as np
import pytest

from ralm.evaluation.lift import lift, too_small


def test_newcombes_own_example() -> None:
    """Newcombe 1998, table II, contrast (a), 56/70 against 48/80, method 10: .0524 to .3339."""
    found = lift(56, 70, 48, 80)
    assert found.absolute == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def test_the_ratio_is_by_its_logarithm() -> None:
    found = lift(56, 70, 48, 80)
    ratio, error = (56 / 70) / (48 / 80), math.sqrt(1 / 56 - 1 / 70 + 1 / 48 - 1 / 80)
    assert found.relative == pytest.approx(ratio - 1)
    assert found.relative_low == pytest.approx(ratio * math.exp(-1.959964 * error) - 1, abs=1e-6)
    assert found.relative_high == pytest.approx(ratio * math.exp(1.959964 * error) - 1, abs=1e-6)


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
    [(270, 30, 0.05, 0.1), (300, 30, 0.04, 0.02), (60, 60, 0.1, 0.1), (30, 30, 0.7, 0.4)],
)
def test_where_a_figure_is_given_its_interval_holds_the_truth(delivered: int, held: int, p: float, q: float) -> None:
    """Arms so small that many experiments get no figure: of the others the intervals hold the truth at least as often.

    Newcombe's interval is conservative there; that of the ratio is for at least five converted users per arm.
    """
    rng = np.random.default_rng(2)
    absolute, relative, refused = [], [], 0
    for one, other in zip(rng.binomial(delivered, p, 600), rng.binomial(held, q, 600), strict=True):
        counts = int(one), delivered, int(other), held
        if too_small(*counts):
            refused += 1
            continue
        found = lift(*counts)
        absolute.append(found.low <= p - q <= found.high)
        if found.relative_low is not None and found.relative_high is not None:
            relative.append(found.relative_low <= p / q - 1 <= found.relative_high)
    assert len(absolute) + refused == 600
    assert np.mean(absolute) >= 0.93
    if len(relative) > 300:  # otherwise only chance gave an arm its five
        assert np.mean(relative) >= 0.93


def test_too_small_a_sample_has_no_figure() -> None:
    assert too_small(10, 29, 3, 300) == "fewer than 30 users were delivered"
    assert too_small(3, 29, 3, 29) == "fewer than 30 users were delivered and held out"
    assert too_small(8, 1_000, 1, 100) == "fewer than 10 users converted in both arms together"
    assert too_small(1_000, 1_000, 95, 100) == "all but fewer than 10 users converted"
    assert too_small(9, 1_000, 1, 100) is None
    assert too_small(60, 154, 6, 63) is None


def test_a_ratio_needs_converted_users_in_both_arms() -> None:
    for counts in ((5, 100, 4, 100), (4, 100, 5, 100), (0, 100, 5, 100), (5, 100, 0, 100)):
        found = lift(*counts)
        assert (found.relative, found.relative_low, found.relative_high) == (None, None, None)
        assert found.low < (counts[0] - counts[2]) / 100 < found.high
    for counts in ((1, 0, 1, 5), (6, 5, 1, 5), (-1, 5, 1, 5)):
        with pytest.raises(ValueError, match="cannot be"):
            lift(*counts)
