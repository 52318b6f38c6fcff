"""How many groups of people seeds are: split in two again and again, while there is a gap between the halves.

Any cloud of points can be cut in two by k-means. It is two groups if the seeds' positions on the line through both
centres are better described by two normal distributions than by one (BIC), which are clearly apart (D of Ashman, Bird
and Zepf, Astronomical Journal 1994). Centres come from one half of the seeds and positions from the other:
in hundreds of dimensions k-means finds a gap between any points that it has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

Doubles = NDArray[np.float64]

# Groups that are looked for at most, and seeds and the share of all seeds that a group has at least.
MOST_GROUPS, LEAST_SEEDS, LEAST_SHARE = 6, 10, 0.1
# Ashman's D: a uniform distribution, which has no gap, reaches 3.46. The difference of BIC: very strong evidence (Kass
# and Raftery, JASA 1995).
APART, EVIDENCE = 3.5, 10.0
# Ways of halving the seeds; the middle one of their gaps counts.
CUTS = 3


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
        return np.bincount(self.of[self.of >= 0], minlength=self.count)

    def of_at_least(self, minimum: int) -> Groups:
        """The groups that have so many seeds; seeds of others get −1."""
        kept = int((self.sizes >= minimum).sum())  # the largest come first
        return Groups(np.where(self.of < kept, self.of, -1), self.apart)


def groups_of(seeds: Doubles, views: Sequence[Doubles] = (), seed: int = 1) -> Groups:
    """The groups of seeds.

    Args:
        seeds: (n, h), points of `ralm.insight.tastes`: in them a gap is looked for.
        views: the same seeds in other spaces, such as their embeddings as they are: k-means cuts the seeds in each, and
            a cut counts if it leaves a gap between their tastes.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    told = _unlike(seeds)
    waiting, whole, distances = [np.flatnonzero(told)], list[NDArray[np.intp]](), list[float]()
    least = max(LEAST_SEEDS, int(LEAST_SHARE * told.sum()))
    while waiting:
        members = waiting.pop(0)
        best, side = 0.0, None
        if len(whole) + len(waiting) + 2 <= MOST_GROUPS and len(members) >= 2 * least:
            for view in (seeds, *views):
                apart = float(np.median([_gap(seeds[members], view[members], rng) for _ in range(CUTS)]))
                halves = _first(view[members], rng) if apart >= APART else None
                if halves is not None and apart > best and min(halves.sum(), (~halves).sum()) >= least:
                    best, side = apart, halves
        if side is None:
            whole.append(members)
            continue
        distances.append(best)
        waiting += [members[side], members[~side]]
    if not told.any():
        return Groups(np.zeros(len(seeds), np.int64), 0.0)
    centres = np.stack([seeds[members].mean(axis=0) for members in whole])
    of = np.asarray(
        ((seeds[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1), np.int64
    )  # who tells nothing: nearest
    for number, members in enumerate(whole):
        of[members] = number
    order = np.argsort(-np.bincount(of, minlength=len(whole)), kind="stable")
    return Groups(np.argsort(order)[of], min(distances, default=0.0))


def _unlike(seeds: Doubles) -> NDArray[np.bool_]:
    """Whose vector no other seed has (n,): people without any history have one and the same, and are no group."""
    rows = np.ascontiguousarray(np.round(seeds, 9)) + 0.0  # -0.0 is 0.0
    _, place, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(counts[place.ravel()] == 1)


def _gap(points: Doubles, view: Doubles, rng: np.random.Generator) -> float:
    """How far two halves are apart, by `distance`; 0.0: there is no gap.

    Args:
        points: (n, h) in which the halves are to be apart.
        view: (n, v) in which k-means cuts.
        rng: of the draws.
    """
    order = rng.permutation(len(points))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    lines: list[Doubles] = []
    positions: list[Doubles] = []
    for fitted, placed in (halves, halves[::-1]):
        if (view[fitted] == view[fitted][0]).all():
            return 0.0
        first = _first(view[fitted], rng)
        centres = points[fitted][first].mean(axis=0), points[fitted][~first].mean(axis=0)
        line = centres[1] - centres[0]
        length = float(line @ line)
        if length <= 0:
            return 0.0
        where = (points[placed] - centres[0]) @ line / length  # 0: at one centre, 1: at the other
        positions.append(1.0 - where if lines and lines[0] @ line < 0 else where)
        lines.append(line)
    return distance(np.concatenate(positions))


def _first(points: Doubles, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Who is in the first of two clusters (n,)."""
    found = KMeans(2, n_init=4, random_state=int(rng.integers(2**31))).fit(points)
    return np.asarray(found.labels_ == 0)


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
