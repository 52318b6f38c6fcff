"""The realised share of an exposure threshold: exact cases, and how often the intervals hold what they promise."""

import numpy as np
import pytest

from ralm.scoring.realised import promised_shares, realised_share
from ralm.scoring.thresholds import exposure_threshold


def test_the_share_of_a_sample_at_or_above_the_cutoff() -> None:
    found = realised_share(np.array([0.1, 0.2, 0.3, 0.4]), 0.3)
    assert found is not None
    assert (found.share, found.users) == (0.5, 4)
    # Clopper and Pearson for 2 of 4, as tables give it.
    assert (found.low, found.high) == pytest.approx((0.0676, 0.9324), abs=1e-4)
    nobody, everyone = realised_share(np.zeros(10), 1.0), realised_share(np.ones(10), 1.0)
    assert nobody is not None
    assert everyone is not None
    assert (nobody.low, everyone.high) == (0.0, 1.0)
    assert realised_share(np.empty(0), 0.0) is None


@pytest.mark.parametrize("fraction", [0.05, 0.1])
def test_the_promise_holds_for_nineteen_of_twenty_probes(fraction: float) -> None:
    random = np.random.default_rng(1)
    low, high = promised_shares(fraction, 200, 2_000)
    held = 0
    for _ in range(1_000):
        cutoff = exposure_threshold(random.normal(size=200), fraction)
        found = realised_share(random.normal(size=2_000), cutoff)
        assert found is not None
        held += low <= found.share <= high
    assert 0.93 <= held / 1_000 <= 0.98


def test_the_interval_holds_the_share_of_all_users() -> None:
    random = np.random.default_rng(2)
    held = 0
    for _ in range(500):
        found = realised_share(random.random(300), 0.9)
        assert found is not None
        held += found.low <= 0.1 <= found.high
    assert held / 500 >= 0.94


def test_a_probe_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="probe, users >= 1"):
        promised_shares(0.05, 0, 10)
