"""Four lists of a world whose tastes are known: good seeds, eight, random users, two kinds mixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ralm.insight.groups import distance, groups_of
from ralm.insight.nearness import nearness
from ralm.insight.verdict import SeedCounts, Verdict, verdict
from tests.insight.worlds import USERS, World, some, world


@pytest.fixture(scope="module")
def made() -> World:
    return world()


def counted(used: int) -> SeedCounts:
    return SeedCounts(used, used, 0, 0, used, 1 / used, float(used))


def judged(made: World, seeds: NDArray[np.bool_]) -> Verdict:
    points = made.points[seeds]
    near = nearness(points, made.points[~seeds][:3_000])
    return verdict(counted(len(points)), near, groups_of(points).sizes.tolist())


@pytest.mark.parametrize("draw", range(5))
def test_four_lists_have_four_verdicts(made: World, draw: int) -> None:
    rng = np.random.default_rng(draw)
    kind, other = rng.choice(12, 2, replace=False)
    assert judged(made, some(rng, made.taste == kind, 150)).kind == "good"
    assert judged(made, some(rng, made.taste == kind, 8)).kind == "too few"
    assert judged(made, some(rng, np.ones(USERS, bool), 150)).kind == "too generic"
    mixed = some(rng, made.taste == kind, 90) | some(rng, made.taste == other, 60)
    assert judged(made, mixed).kind == "several groups"


def test_the_groups_are_the_kinds(made: World) -> None:
    rng = np.random.default_rng(3)
    seeds = some(rng, made.taste == 1, 100) | some(rng, made.taste == 4, 80) | some(rng, made.taste == 7, 60)
    found = groups_of(made.points[seeds])
    assert found.count == 3
    assert found.sizes.tolist() == sorted(found.sizes.tolist(), reverse=True)
    taste = made.taste[seeds]
    assert np.mean([np.bincount(taste[found.of == group]).max() / size for group, size in enumerate(found.sizes)]) > 0.9


def test_active_people_are_not_of_a_kind(made: World) -> None:
    """What the users of all items have in common is taken out: that they are active makes nobody alike."""
    rng = np.random.default_rng(5)
    active = some(rng, made.activity > np.quantile(made.activity, 0.9), 200)
    assert judged(made, active).kind == "too generic"


def test_random_users_exceed_chance_as_rarely_as_said(made: World) -> None:
    over = 0
    for draw in range(40):
        seeds = some(np.random.default_rng(100 + draw), np.ones(USERS, bool), 60)
        near = nearness(made.points[seeds], made.points[~seeds][:2_000], seed=draw)
        assert near is not None
        assert near.chance == pytest.approx(59 / 119)
        over += near.share > near.chance_high
    assert over <= 4  # one in forty is expected


def test_people_without_a_history_are_nobodys_like() -> None:
    """Nine in ten have the same vector, seeds or not: whoever comes first must not be the nearest."""
    shares, over = [], 0
    for draw in range(40):
        rng = np.random.default_rng(draw)
        points = np.where(rng.random(600)[:, None] < 0.9, np.eye(5)[0], rng.normal(size=(600, 5)))
        near = nearness(points[:150], points[150:], seed=draw)
        assert near is not None
        shares.append(near.share - near.chance)
        over += near.share > near.chance_high
    assert abs(np.mean(shares)) < 0.015
    assert over <= 4


def test_people_without_a_history_are_no_group() -> None:
    rng = np.random.default_rng(0)
    points = np.where(rng.random(300)[:, None] < 0.4, 3 * np.eye(8)[0], rng.normal(size=(300, 8)))
    found = groups_of(points)
    assert found.count == 1
    assert found.sizes.tolist() == [300]


def test_one_cloud_is_one_group_whatever_its_shape() -> None:
    rng = np.random.default_rng(0)
    for stretched in (1.0, 5.0, 20.0):
        cloud = rng.normal(size=(300, 30))
        cloud[:, 0] *= stretched
        assert groups_of(cloud).count == 1
    assert groups_of(np.exp(rng.normal(size=(300, 30)) / 2)).count == 1  # skewed
    assert groups_of(rng.random((1_000, 3))).count == 1  # no centre at all
    assert groups_of(rng.standard_t(2, size=(300, 10))).count == 1  # far outliers
    assert groups_of(np.ones((50, 4))).count == 1


def test_a_cut_in_another_view_counts_only_if_it_divides_tastes() -> None:
    rng = np.random.default_rng(2)
    half = np.arange(200) < 100
    tastes_ = rng.normal(size=(200, 10))
    view = rng.normal(size=(200, 2)) + 20.0 * half[:, None]
    assert groups_of(tastes_, [view]).count == 1
    apart = tastes_ * np.r_[1.0, np.full(9, 3.0)] + np.outer(6.0 * half, np.eye(10)[0])
    found = groups_of(apart, [view])  # k-means cuts along the wide coordinates, but not in the view
    assert found.count == 2
    assert len({*zip(found.of.tolist(), half.tolist(), strict=True)}) == 2


def test_the_distance_of_two_normal_distributions() -> None:
    rng = np.random.default_rng(0)
    two = np.concatenate([rng.normal(0, 1, 4_000), rng.normal(5, 1, 4_000)])
    assert distance(two) == pytest.approx(5.0, abs=0.2)
    assert distance(rng.normal(size=4_000)) < 2


def test_nobody_to_compare_with() -> None:
    assert nearness(np.eye(2), np.eye(9)) is None
    few = nearness(np.eye(9), np.eye(4, 9))
    assert few is not None
    assert few.seeds == 4


def test_what_dominates_is_said(made: World) -> None:
    rng = np.random.default_rng(1)
    seeds = some(rng, made.taste == 2, 120)
    near, usual = nearness(made.points[seeds], made.points[~seeds][:2_000]), counted(120)
    assert verdict(replace(usual, heaviest_user=0.3, effective_users=9.0), near, [120]).kind == "a few users"
    assert verdict(replace(usual, heaviest_day=0.8, days=30), near, [120]).kind == "one day"
    assert verdict(replace(usual, heaviest_day=0.8, days=2), near, [120]).kind == "good"  # the item is new
    assert verdict(usual, None, [120]).kind == "too few"
    assert "60 %, 40 %" in verdict(usual, near, [72, 48]).says
