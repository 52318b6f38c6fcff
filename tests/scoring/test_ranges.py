"""Ranges of scores and groups of ranges: against loops over rows."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralm.scoring.ranges import Ranges

IDS = np.random.default_rng(0).permutation(1_000)
ROWS = st.sampled_from([300, 1_700, 5_000, 100_000])


def made(seed: int, items: int, rows: int, *, ties: bool = False) -> tuple[np.ndarray, Ranges]:
    """The scores of 1,000 of 10,000 users, with ties of thousands, and ranges of about `rows` rows of those above 0."""
    random = np.random.default_rng(seed)
    sample = random.normal(size=(1_000, items))
    sample = np.round(sample) + 0.0 if ties else sample
    order = random.permutation(items)
    buckets = np.empty(items, dtype=np.int64)
    buckets[order] = np.sort(random.integers(0, 3, items))
    return sample, Ranges.of(sample, np.zeros(items), 10_000, buckets, order, rows, lambda: IDS[:500])


@given(st.integers(0, 1_000), st.integers(1, 7), ROWS, st.booleans(), st.booleans())
def test_ranges_follow_the_order_of_scores_and_ids(seed: int, items: int, rows: int, ties: bool, strings: bool) -> None:
    sample, ranges = made(seed, items, rows, ties=ties)
    ids = [f"u{i:04d}" if strings else int(i) for i in IDS]
    if strings and ranges.ids is not None:
        ranges = replace(ranges, ids=np.array([f"u{i:04d}" for i in ranges.ids]))
    users, item = np.nonzero(sample >= 0)
    places = ranges.places(item, sample[users, item], pa.array([ids[user] for user in users]))
    assert ranges.item[places].tolist() == item.tolist()
    for one in range(items):
        pairs = zip(users[item == one], places[item == one], strict=True)
        mine = sorted((-sample[u, one], ids[u], place) for u, place in pairs)
        found = [place for *_, place in mine]
        assert found == sorted(found)


@given(st.integers(0, 1_000), st.integers(1, 7), ROWS)
def test_rows_in_better_ranges(seed: int, items: int, rows: int) -> None:
    _, ranges = made(seed, items, rows)
    counts = np.random.default_rng(seed).integers(0, 9, len(ranges.item))
    expected = [sum(counts[p] for p in range(place) if ranges.item[p] == i) for place, i in enumerate(ranges.item)]
    assert ranges.above(counts).tolist() == expected


@pytest.mark.parametrize("rows", [300, 1_700, 5_000, 100_000])
@pytest.mark.parametrize("ties", [False, True])
def test_a_task_has_about_as_many_rows_as_it_may(rows: int, ties: bool) -> None:
    sample, ranges = made(1, 7, rows, ties=ties)
    users, items = np.nonzero(sample >= 0)
    places = ranges.places(items, sample[users, items], pa.array(IDS[users]))
    assert places.min() == 0
    held = np.bincount(ranges.group[places]) * 10  # of 10,000 users
    assert held.max() <= (2.5 if ties else 2) * rows
    assert ties or ranges.groups == len(held)  # ties may leave ranges without rows
    assert (np.diff(ranges.group) >= 0).all()


def test_a_group_has_one_bucket_and_the_order_of_ids() -> None:
    random = np.random.default_rng(5)
    order = random.permutation(6)
    buckets = np.empty(6, dtype=np.int64)
    buckets[order] = [0, 0, 0, 2, 2, 5]
    sample = random.normal(size=(500, 6))
    ranges = Ranges.of(sample, np.full(6, -np.inf), 1_000, buckets, order, 1_500, list)
    assert ranges.item.tolist() == order.tolist()
    assert ranges.group.tolist() == [0, 1, 1, 2, 3, 4]  # of 3,000, 2,000 and 1,000 rows


def test_items_that_nobody_reaches_have_a_range() -> None:
    sample = np.full((100, 2), -np.inf)
    ranges = Ranges.of(sample, np.array([-np.inf, np.inf]), 10**9, np.zeros(2, np.int64), np.arange(2), 1_000, list)
    assert (ranges.item.tolist(), ranges.groups) == ([0, 1], 1)
