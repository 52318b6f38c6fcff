"""Counts of few people, against the definition."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ralm.insight.small_counts import merged_bins, said, shown, shown_share


def test_few_people_are_not_shown() -> None:
    assert (shown(9, 10), shown(10, 10), shown(3, 0)) == (0, 10, 3)
    assert (said(9, 10), said(1_000, 10), said(0, 10), said(0, 0)) == ("fewer than 10", "1,000", "fewer than 10", "0")
    assert (shown_share(0.09, 100, 10), shown_share(0.1, 100, 10)) == (0.0, 0.1)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(0, 60))
def test_merged_bins_hold_enough_and_lose_nobody(counts: list[int], minimum: int) -> None:
    found = merged_bins(np.array(counts), minimum)
    assert all(people >= max(1, minimum) for _, _, people in found)
    assert all(sum(counts[first : last + 1]) == people for first, last, people in found)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(found))
    total = sum(people for _, _, people in found)
    assert total == (sum(counts) if sum(counts) >= max(1, minimum) else 0)


def test_without_a_minimum_bins_stay_as_they_are() -> None:
    assert merged_bins(np.array([0, 3, 0, 1]), 0) == [(1, 1, 3), (3, 3, 1)]
