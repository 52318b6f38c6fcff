"""What a report leaves out so that few people are not recognised."""

import numpy as np
import pytest

from ralm.insight.few_people import shown_counts, shown_sizes
from ralm.insight.found_again import sizes
from ralm.insight.groups import Groups
from ralm.insight.nearness import Nearness
from ralm.insight.verdict import SeedCounts, verdict

NEAR = Nearness(0.81, 0.78, 0.84, 0.498, 0.53, 10, 240)
COUNTS = SeedCounts(200, 180, 5, 15, 180, 0.3, 8.0, 0.6, 10)


def test_sizes_of_few_users_or_few_found_seeds_are_left_out() -> None:
    where = np.repeat([0.0005, 0.003, 0.03, 0.3], [4, 6, 20, 20])  # 50 hidden seeds
    every = sizes(where, np.random.default_rng(0).normal(size=20_000), 20_000)
    assert [size.share for size in every] == [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    assert shown_sizes(every, 50, 0) == every
    assert [size.share for size in shown_sizes(every, 50, 10)] == [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]  # 10 found
    assert [size.share for size in shown_sizes(every, 50, 31)] == [0.5]
    assert shown_sizes(every, 50, 51) == []


def test_shares_of_one_user_and_of_small_days_are_left_out() -> None:
    assert shown_counts(COUNTS, 0) == COUNTS
    found = shown_counts(COUNTS, 100)
    assert (found.heaviest_user, found.effective_users, found.heaviest_day) == (0.0, 0.0, 0.6)  # 120 seeds of one day
    assert shown_counts(COUNTS, 121).heaviest_day is None
    assert found.matched == COUNTS.matched


def test_small_groups_are_left_out() -> None:
    groups = Groups(np.array([0] * 50 + [1] * 30 + [2] * 9), 4.0)
    kept = groups.of_at_least(10)
    assert kept.sizes.tolist() == [50, 30]
    assert (kept.of == -1).sum() == 9
    assert groups.of_at_least(0).sizes.tolist() == [50, 30, 9]
    assert groups.of_at_least(99).count == 0


@pytest.mark.parametrize(
    ("counts", "near", "kind", "words"),
    [
        (SeedCounts(9, 8, 0, 1, 8, 0.1, 8.0), None, "too few", "fewer than 100 people say little"),
        (COUNTS, NEAR, "a few users", "A few users dominate the clicks."),
        (SeedCounts(200, 180, 5, 15, 180, 0.01, 170.0, 0.52, 10), NEAR, "one day", "A single day dominates"),
    ],
)
def test_verdicts_do_not_count_few_people(counts: SeedCounts, near: Nearness | None, kind: str, words: str) -> None:
    found = verdict(counts, near, [counts.used], minimum=100 if kind != "one day" else 150)
    assert found.kind == kind
    assert words in found.says
    assert verdict(counts, near, [counts.used]).kind == kind
    assert verdict(counts, near, [counts.used]).says != found.says
