"""A made world in which it is known who is of a kind: people of twelve tastes, described by noisy vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralm.insight.tastes import taste_directions, tastes
from ralm.models.plda import fit_plda

TASTES, WIDTH, USERS = 12, 40, 6_000


@dataclass(frozen=True)
class World:
    """Users with a taste, an activity and a vector; `points` are what `tastes` makes of the vectors."""

    taste: NDArray[np.int64]
    activity: NDArray[np.float64]
    vectors: NDArray[np.float64]
    points: NDArray[np.float64]


def world(seed: int = 0) -> World:
    rng = np.random.default_rng(seed)
    taste, activity = rng.integers(TASTES, size=USERS), rng.normal(size=USERS)
    centres = 2.5 * rng.normal(size=(TASTES, WIDTH)) / np.sqrt(WIDTH) * 2
    vectors = centres[taste] + rng.normal(size=(USERS, WIDTH))
    vectors[:, 0] = 3 * activity  # a column of its own, as in the embeddings
    # Items: each is of one or two tastes, and its clickers are active.
    means, counts = [], []
    for _ in range(150):
        liked = rng.choice(TASTES, size=rng.integers(1, 3), replace=False)
        chance = np.where(np.isin(taste, liked), 0.1, 0.005) * np.exp(0.5 * activity)
        clicked = rng.random(USERS) < chance
        means.append(vectors[clicked].mean(axis=0))
        counts.append(clicked.sum())
    mean, directions = taste_directions(fit_plda(vectors, np.array(means), np.array(counts)), vectors)
    return World(taste, activity, vectors, tastes(vectors, mean, directions))


def some(rng: np.random.Generator, of: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """A mask of so many of these users."""
    mask = np.zeros(len(of), bool)
    mask[rng.choice(np.flatnonzero(of), count, replace=False)] = True
    return mask
