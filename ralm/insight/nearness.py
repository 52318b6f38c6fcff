"""Are seeds nearer to each other than to anyone? Their nearest neighbours among seeds and as many random users.

Source: Schilling, "Multivariate Two-Sample Tests Based on Nearest Neighbors", JASA 1986; Henze, "A Multivariate
Two-Sample Test Based on the Number of Nearest Neighbor Type Coincidences", Annals of Statistics 1988. It asks nothing
of the shape of the seeds: one group, several, a chain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralm.evaluation.bootstrap import interval

Doubles = NDArray[np.float64]

# Neighbours looked at per seed, and draws of the random users that are averaged.
NEIGHBOURS, DRAWS = 10, 5
# Labellings of the same people by chance that say what chance gives.
LABELLINGS = 200


@dataclass(frozen=True)
class Nearness:
    """How many of a seed's nearest people are seeds too.

    Attributes:
        share: of the nearest people among the other seeds and as many random users.
        low: lower end of its 95 % interval over the seeds.
        high: upper end.
        chance: the share if the seeds were random users.
        chance_high: what random users would exceed in 1 of 40 cases.
        neighbours: how many nearest people were looked at per seed.
        seeds: how many seeds were looked at.
    """

    share: float
    low: float
    high: float
    chance: float
    chance_high: float
    neighbours: int
    seeds: int

    @property
    def excess(self) -> float:
        """0: no nearer than random users; 1: all of the nearest are seeds."""
        return (self.share - self.chance) / (1.0 - self.chance)


def nearness(seeds: Doubles, users: Doubles, seed: int = 1) -> Nearness | None:
    """Measure it; None with fewer than three seeds or three users.

    Args:
        seeds: (n, h), points of `ralm.insight.tastes`; with fewer users than seeds, as many seeds are drawn.
        users: (m, h), random users who are no seeds.
        seed: of the draws of seeds, users and labels.
    """
    count = min(len(seeds), len(users))
    if count < 3:
        return None
    rng = np.random.default_rng(seed)
    k = min(NEIGHBOURS, count - 1)
    chosen = np.sort(rng.choice(len(seeds), count, replace=False))
    shares, chances = [], []
    labels = np.arange(2 * count) < count
    for _ in range(DRAWS):
        pool = np.concatenate([seeds[chosen], users[rng.choice(len(users), count, replace=False)]])
        near = _nearest(pool, k, rng)  # (2 n, k)
        shares.append(labels[near[:count]].mean(axis=1))
        for _ in range(LABELLINGS // DRAWS):
            drawn = rng.permutation(labels)
            chances.append(float(drawn[near[drawn]].mean()))
    found = interval(np.mean(shares, axis=0), seed=seed)
    chance = (count - 1) / (2 * count - 1)
    return Nearness(found.mean, found.low, found.high, chance, float(np.quantile(chances, 0.975)), k, count)


def _nearest(points: Doubles, k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The k nearest other points of each point by the product of their vectors (n, k), ties by chance."""
    likeness = points @ points.T
    # People without any history are all alike: whoever stands first must not be the nearest of all of them.
    likeness += 1e-9 * rng.random(likeness.shape, dtype=np.float32)
    np.fill_diagonal(likeness, -np.inf)
    return np.asarray(np.argpartition(-likeness, k - 1, axis=1)[:, :k], np.int64)
