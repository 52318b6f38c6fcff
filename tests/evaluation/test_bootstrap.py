"""Bootstrap intervals against what is known of normal data."""

import math

import numpy as np
import pytest

from ralm.evaluation.bootstrap import interval, paired_difference


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for seed in range(400):
        mean, low, high = interval(rng.normal(3, 2, 60), resamples=400, seed=seed)
        assert low < mean < high
        inside += low <= 3 <= high
    assert 0.90 <= inside / 400 <= 0.98


def test_the_interval_is_the_normal_one_for_many_values() -> None:
    values = np.random.default_rng(1).normal(0, 1, 5_000)
    _, low, high = interval(values, resamples=2_000, seed=2)
    reach = 1.96 * values.std() / math.sqrt(values.size)
    assert low == pytest.approx(values.mean() - reach, abs=0.1 * reach)
    assert high == pytest.approx(values.mean() + reach, abs=0.1 * reach)


def test_pairing_sees_a_small_difference_between_noisy_items() -> None:
    rng = np.random.default_rng(5)
    hardness = rng.normal(0.7, 0.1, 200)
    a = hardness + 0.01 + rng.normal(0, 0.01, 200)
    mean, low, high = paired_difference(a, hardness, 1_000, 1)
    assert mean == pytest.approx((a - hardness).mean())
    assert low > 0
    assert high < 0.02
    assert interval(a, 1_000, 1).low < interval(hardness, 1_000, 1).high  # unpaired intervals overlap


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(2).random(30)
    assert interval(values, 200, 7) == interval(values, 200, 7)
    assert interval(values, 200, 7) != interval(values, 200, 8)


def test_too_few_values_have_no_interval() -> None:
    assert math.isnan(interval([], 100, 1).mean)
    one = interval([0.4], 100, 1)
    assert one.mean == 0.4
    assert math.isnan(one.low)
    assert math.isnan(one.high)


def test_unusable_values_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        interval([0.1, float("nan")], 100, 1)
    with pytest.raises(ValueError, match="same items"):
        paired_difference([0.1, 0.2], [0.1], 100, 1)
