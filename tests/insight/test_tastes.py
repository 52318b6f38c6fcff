"""Tastes: what users of an item share decides, not what they all have, and not noise."""

import numpy as np

from ralm.insight.groups import groups_of
from ralm.insight.tastes import taste_directions, tastes
from ralm.models.plda import fit_plda

KINDS, WIDTH, NOISE = 8, 4, 300


def world(rng: np.random.Generator, count: int, kind: int | None = None) -> np.ndarray:
    """Users of kinds that differ in a few columns; three hundred others are small noise."""
    centres = 2.0 * np.random.default_rng(7).normal(size=(KINDS, WIDTH))
    kinds = rng.integers(0, KINDS, count) if kind is None else np.full(count, kind)
    own = centres[kinds] + rng.normal(size=(count, WIDTH))
    return np.concatenate([own, 0.05 * rng.normal(size=(count, NOISE))], axis=1)


def space(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    users = world(rng, 4_000)
    members = [world(rng, 10, kind % KINDS) for kind in range(80)]
    means = np.stack([m.mean(axis=0) for m in members])
    return taste_directions(fit_plda(users, means, np.full(80, 10)), users)


def test_two_kinds_of_people_stand_apart_among_columns_of_noise() -> None:
    rng = np.random.default_rng(0)
    mean, directions = space(rng)
    both = tastes(np.concatenate([world(rng, 60, 0), world(rng, 60, 1)]), mean, directions)
    found = groups_of(both)
    assert found.count == 2
    assert abs(found.of[:60].mean() - found.of[60:].mean()) > 0.9
    assert groups_of(tastes(world(rng, 120, 0), mean, directions)).count == 1


def test_what_all_items_have_in_common_makes_nobody_alike() -> None:
    rng = np.random.default_rng(2)
    users = rng.normal(size=(3_000, 5))
    means = np.stack(
        [rng.normal(size=(10, 5)).mean(axis=0) + rng.normal(0, 0.5, 5) + [2.0, 0, 0, 0, 0] for _ in range(99)]
    )
    _, directions = taste_directions(fit_plda(users, means, np.full(99, 10)), users)
    length = np.linalg.norm(directions, axis=1)
    assert length[0] < 0.3 * length[1:].min()
