"""How many groups of people seeds are: split in two again and again, while there is a gap between the halves.

Any cloud of points can be cut in two by k-means. It is two groups if the seeds' positions on the line through both
centres are better described by two normal distributions than by one (BIC), which are clearly apart (Ashman's D > 2,
Ashman, Bird and Zepf, Astronomical Journal 1994). Centres come from one half of the seeds and positions from the other:
in hundreds of dimensions k-means finds a gap between any points that it has seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

Doubles = NDArray[np.float64]

# Groups that are looked for at most, and seeds and the share of all seeds that a group has at least.
MOST_GROUPS, LEAST_SEEDS, LEAST_SHARE = 6, 10, 0.1
# Ashman's D, and the difference of BIC that counts as very strong evidence (Kass and Raftery, JASA 1995).
APART, EVIDENCE = 2.0, 10.0


@dataclass(frozen=True)
class Groups:
    """The groups of seeds, largest first.

    Attributes:
        of: (n,) the group of each seed, from 0.
        apart: Ashman's D of the least clear split; 0.0: there is one group.
    """

    of: NDArray[np.int64]
    apart: float

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.of.max()) + 1 if len(self.of) else 0

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Seeds of each group (groups,)."""
        return np.bincount(self.of, minlength=self.count)


def groups_of(seeds: Doubles, seed: int = 1) -> Groups:
    """The groups of seeds (n, h), points of `tastes`."""
    rng = np.random.default_rng(seed)
    waiting: list[NDArray[np.int64]] = [np.arange(len(seeds))]
    whole: list[NDArray[np.int64]] = []
    distances: list[float] = []
    least = max(LEAST_SEEDS, int(LEAST_SHARE * len(seeds)))
    while waiting:
        members = waiting.pop(0)
        room = len(whole) + len(waiting) + 2 <= MOST_GROUPS
        apart, side = _split(seeds[members], rng) if room and len(members) >= 2 * least else (0.0, None)
        if side is None or min(side.sum(), (~side).sum()) < least:
            whole.append(members)
            continue
        distances.append(apart)
        waiting += [members[side], members[~side]]
    whole.sort(key=len, reverse=True)
    of = np.zeros(len(seeds), np.int64)
    for number, members in enumerate(whole):
        of[members] = number
    return Groups(of, min(distances, default=0.0))


def _split(points: Doubles, rng: np.random.Generator) -> tuple[float, NDArray[np.bool_] | None]:
    """How far two halves are apart, and who is in the first one; None: there is no gap."""
    order = rng.permutation(len(points))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    positions = []
    for fitted, placed in (halves, halves[::-1]):
        if (points[fitted] == points[fitted][0]).all():
            return 0.0, None
        first, second = _centres(points[fitted], rng)
        line = second - first
        length = float(line @ line)
        if length <= 0:
            return 0.0, None
        positions.append((points[placed] - first) @ line / length)  # 0: at the first centre, 1: at the second
    apart = [distance(part) for part in positions]
    if min(apart) < APART:
        return 0.0, None
    first, second = _centres(points, rng)
    side = np.asarray(((points - first) ** 2).sum(axis=1) < ((points - second) ** 2).sum(axis=1))
    return float(np.mean(apart)), side


def _centres(points: Doubles, rng: np.random.Generator) -> Doubles:
    found = KMeans(2, n_init=4, random_state=int(rng.integers(2**31))).fit(points)
    return np.asarray(found.cluster_centers_, np.float64)


def distance(positions: Doubles) -> float:
    """Ashman's D of two normal distributions fitted to positions (n,); 0 where one describes them as well."""
    column = positions.reshape(-1, 1)
    if len(positions) < 8 or float(column.std()) < 1e-9:
        return 0.0
    one = GaussianMixture(1, random_state=0).fit(column)
    two = GaussianMixture(2, random_state=0, means_init=np.quantile(column, [0.2, 0.8]).reshape(2, 1)).fit(column)
    if one.bic(column) - two.bic(column) < EVIDENCE:
        return 0.0
    means, variances = two.means_.ravel(), two.covariances_.ravel()
    return float(np.sqrt(2.0) * abs(means[0] - means[1]) / np.sqrt(variances.sum()))
