"""Hidden seeds stand for the people like the seeds whom nobody has listed."""

from __future__ import annotations

import numpy as np
import pytest

from ralm.insight.found_again import TURNS, at_share, largest_with_lift, places, sizes
from tests.insight.worlds import USERS, some, world


def test_hidden_seeds_are_found_as_often_as_their_like() -> None:
    """The oracle: of all people of the taste who are not on the list, how many are in the best 1, 5, 10 %."""
    made = world()
    inside = {0.01: 0, 0.05: 0, 0.1: 0}
    for draw in range(20):
        rng = np.random.default_rng(draw)
        seeds = some(rng, made.taste == draw % 12, 100)
        listed, rest = np.flatnonzero(seeds), np.flatnonzero(~seeds)
        turn = rng.integers(TURNS, size=len(listed))
        where = []
        for hidden in range(TURNS):
            scores = made.points @ made.points[listed[turn != hidden]].mean(axis=0)
            where.append(places(scores[listed[turn == hidden]], scores[rng.choice(rest, 2_000, replace=False)]))
        scores = made.points @ made.points[listed].mean(axis=0)
        found = sizes(np.concatenate(where), scores[rest], len(rest))
        for share in inside:
            size = at_share(found, share)
            assert size is not None
            best = rest[np.argsort(-scores[rest])[: size.users]]
            true = (made.taste[best] == draw % 12).sum() / (made.taste[rest] == draw % 12).sum()
            inside[share] += size.low <= true <= size.high
    assert all(count >= 17 for count in inside.values()), inside  # 19 of 20 are expected


def test_random_users_are_found_by_chance() -> None:
    rng = np.random.default_rng(0)
    found = sizes(places(rng.normal(size=400), rng.normal(size=20_000)), rng.normal(size=20_000), 10**6)
    for size in found:
        assert size.low <= size.share <= size.high
        assert size.users == round(size.share * 10**6)
        assert size.score == pytest.approx(np.quantile(rng.normal(size=10**6), 1 - size.share), abs=0.2)


def test_places_by_hand() -> None:
    others = np.array([1.0, 2.0, 3.0, 4.0])
    assert places(np.array([5.0, 3.0, 0.0, -np.inf]), others).tolist() == [0.0, 0.375, 1.0, 1.0]


def test_lift_and_margin_by_hand() -> None:
    where = np.array([0.0005, 0.004, 0.03, 0.04, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    found = {size.share: size for size in sizes(where, np.arange(10_000.0), 50_000)}
    assert found[0.05].found == 0.4
    assert found[0.05].lift == pytest.approx(8)
    assert found[0.1].margin == pytest.approx(0)
    assert found[0.5].margin == pytest.approx(0.2 / 0.3)
    assert found[0.05].score == 9_500
    largest = largest_with_lift(list(found.values()), 4)
    assert largest is not None
    assert largest.share == 0.1
    assert largest_with_lift(list(found.values()), 10**6) is None


def test_too_few_say_nothing() -> None:
    assert sizes(np.array([0.1]), np.arange(100.0), 100) == []
    assert sizes(np.linspace(0, 1, 50), np.empty(0), 100) == []
    assert sizes(np.linspace(0, 1, 50), np.arange(float(USERS)), USERS)[0].share == 0.002
