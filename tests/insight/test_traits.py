"""Features of a group against everyone."""

from __future__ import annotations

import numpy as np
import pytest

from ralm.insight.traits import LEAST_PEOPLE, traits


def test_only_what_the_group_has_more_often_for_certain() -> None:
    rng = np.random.default_rng(0)
    everyone, people = 50_000, 2_000
    q = rng.uniform(0.005, 0.5, 200)
    true = np.ones(200)
    true[:20] = 1.8
    counts, base = rng.binomial(people, q * true), rng.binomial(everyone, q)
    found = traits(np.arange(200), counts, people, base, everyone, 200)
    assert {*range(20)} - {int(f) for f in found.feature} <= {f for f in range(20) if q[f] < 0.03}
    assert np.mean(found.feature >= 20) < 0.3  # 1 in 40 of the others is over 1 by chance
    assert (found.low > 1).all()
    kept = found.feature < 20
    assert np.mean(found.low[kept] <= 1.8) > 0.9
    assert found.lift[kept] == pytest.approx(1.8, rel=0.5)


def test_small_cells_are_left_out_and_the_list_is_short() -> None:
    having = np.array([LEAST_PEOPLE - 1, LEAST_PEOPLE, 500, 400])
    found = traits(np.array([7, 8, 9, 10]), having, 1_000, np.array([0, 0, 500, 400]), 10_000, 2)
    assert found.feature.tolist() == [9, 10]
    assert traits(np.array([7]), having[:1], 1_000, np.array([0]), 10_000, 2).feature.size == 0
    every = traits(np.array([1]), np.array([100]), 100, np.array([500]), 1_000, 5)
    assert every.share.tolist() == [1.0]
    assert np.isfinite(every.low).all()
