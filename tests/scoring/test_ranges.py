"""Ranges of scores and groups of ranges: against loops over rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralm.scoring.ranges import Ranges


def made(seed: int, items: int, rows: int, users: int = 10_000, *, ties: bool = False) -> tuple[np.ndarray, Ranges]:
    """The scores of a sample of 1,000 users, and ranges of about `rows` rows of the users above 0."""
    random = np.random.default_rng(seed)
    sample = random.normal(size=(1_000, items))
    sample = np.round(sample) if ties else sample
    order = random.permutation(items)
    buckets = np.empty(items, dtype=np.int64)
    buckets[order] = np.sort(random.integers(0, 3, items))
    return sample, Ranges.of(sample, np.zeros(items), users, buckets, order, rows)


@given(st.integers(0, 1_000), st.integers(1, 7), st.sampled_from([300, 1_700, 5_000, 100_000]), st.booleans())
def test_every_row_has_the_range_that_its_score_lies_in(seed: int, items: int, rows: int, ties: bool) -> None:
    sample, ranges = made(seed, items, rows, ties=ties)
    item, scores = np.tile(np.arange(items), 50), sample[:50].ravel()
    for place, row, score in zip(ranges.places(item, scores), item, scores, strict=True):
        assert ranges.item[place] == row
        better = sum(limit > score for limit in ranges.limits[row])  # limits above the score
        assert place == np.flatnonzero(ranges.item == row)[0] + better


@given(st.integers(0, 1_000), st.integers(1, 7), st.sampled_from([300, 1_700, 5_000, 100_000]))
def test_rows_in_better_ranges(seed: int, items: int, rows: int) -> None:
    _, ranges = made(seed, items, rows)
    counts = np.random.default_rng(seed).integers(0, 9, len(ranges.item))
    expected = [sum(counts[p] for p in range(place) if ranges.item[p] == i) for place, i in enumerate(ranges.item)]
    assert ranges.above(counts).tolist() == expected


@pytest.mark.parametrize("rows", [300, 1_700, 5_000, 100_000])
def test_a_task_has_about_as_many_rows_as_it_may(rows: int) -> None:
    sample, ranges = made(1, 7, rows)
    passed = sample >= 0
    places = ranges.places(np.nonzero(passed)[1], sample[passed])
    assert places.min() == 0
    held = np.bincount(ranges.group[places]) * 10  # of 10,000 users
    assert held.max() <= 2 * rows
    assert ranges.groups == len(held)
    assert (np.diff(ranges.group) >= 0).all()


def test_a_group_has_one_bucket_and_the_order_of_ids() -> None:
    random = np.random.default_rng(5)
    order = random.permutation(6)
    buckets = np.empty(6, dtype=np.int64)
    buckets[order] = [0, 0, 0, 2, 2, 5]
    sample = random.normal(size=(500, 6))
    ranges = Ranges.of(sample, np.full(6, -np.inf), 1_000, buckets, order, 1_500)
    assert ranges.item.tolist() == order.tolist()
    assert ranges.group.tolist() == [0, 1, 1, 2, 3, 4]  # of 3,000, 2,000 and 1,000 rows


def test_items_that_nobody_reaches_have_a_range() -> None:
    sample = np.full((100, 2), -np.inf)
    ranges = Ranges.of(sample, np.array([-np.inf, np.inf]), 10**9, np.zeros(2, np.int64), np.arange(2), 1_000)
    assert (ranges.item.tolist(), ranges.groups) == ([0, 1], 1)
