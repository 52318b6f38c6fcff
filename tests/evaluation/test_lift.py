"""Lift and its intervals: against a published example, and in simulated experiments whose lift is known."""

import math

import numpy as np
import pytest

from ralm.evaluation.lift import lift


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


def test_arms_without_conversions() -> None:
    assert lift(5, 100, 0, 100).relative is None
    nobody = lift(0, 100, 5, 100)
    assert nobody.relative == -1
    assert nobody.low < -0.05 < nobody.high
    for counts in ((1, 0, 1, 5), (6, 5, 1, 5), (-1, 5, 1, 5)):
        with pytest.raises(ValueError, match="cannot be"):
            lift(*counts)
