"""The seeds of one item as k clusters: found in the look-alike model's tower space, kept as mean raw embeddings.

The tower is shared by targets and seeds and changes in training: raw centroids can pass through the next
round's tower, whereas centroids after the tower could not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.scoring.kmeans import Floats, Ints, kmeans


@dataclass(frozen=True)
class SeedClusters:
    """The clusters of one item's seeds.

    Attributes:
        centroids: (k, d), mean raw embedding of each cluster's seeds; zeros where a cluster is absent.
        sizes: (k,), seeds per cluster; 0 is absent. Of weighted seeds their shares of n_eff (`cluster_seeds`), floats.
        inertia: sum of squared distances in the space of the clustering.
        assignment: (n,), the cluster of each seed.
    """

    centroids: Floats
    sizes: Ints | Floats
    inertia: float
    assignment: Ints


def cluster_seeds(
    raw: Floats,
    space: Floats,
    k: int,
    *,
    iterations: int,
    seed: int,
    start: Floats | None = None,
    weights: NDArray[np.floating[Any]] | None = None,
) -> SeedClusters:
    """Cluster an item's seeds in `space` and describe every cluster by its mean raw embedding.

    Weighted seeds are clustered as they are; each cluster is then the weighted mean Σ w x / Σ w of its seeds and counts
    as n_eff Σ w / (Σ w of all seeds) of them, where n_eff = (Σ w)² / Σ w² seeds of one weight say as much as these
    (Kish, "Survey Sampling", 1965, section 11.7).

    Args:
        raw: (n, d), stacked raw user embeddings of the seeds.
        space: (n, h), the same seeds in the space in which distances are taken (`raw` itself before the first round).
        k: clusters.
        iterations: Lloyd iterations at most.
        seed: of the random start.
        start: (k, h), a warm start in `space`; rows of zeros are absent clusters.
        weights: (n,), above 0; None: all seeds weigh the same.

    Raises:
        ValueError: `raw` and `space` hold different numbers of seeds, or values that are not finite.
    """
    if len(raw) != len(space):
        raise ValueError(f"cluster_seeds: {len(raw)} raw embeddings but {len(space)} points in the space")
    found = kmeans(space, k, iterations=iterations, seed=seed, start=start)
    order = np.argsort(found.assignment, kind="stable")
    present = np.flatnonzero(found.sizes)
    centroids = np.zeros((k, raw.shape[1]), dtype=np.float32)
    if weights is not None:
        w = np.asarray(weights, np.float64)
        mass = np.bincount(found.assignment, w, minlength=k)
        sums = np.zeros(centroids.shape)
        np.add.at(sums, found.assignment, w[:, None] * raw)
        centroids[present] = sums[present] / mass[present, None]
        effective = w.sum() / max(float(w @ w), 1e-300) * mass  # n_eff · mass / Σ w
        return SeedClusters(centroids, effective.astype(np.float32), found.inertia, found.assignment)
    if len(present):
        starts = np.cumsum(found.sizes)[present] - found.sizes[present]
        sums = np.add.reduceat(raw[order].astype(np.float64), starts, axis=0)
        centroids[present] = sums / found.sizes[present, None]
    return SeedClusters(centroids, found.sizes, found.inertia, found.assignment)


def seeds_seed(seed: int, user_ids: Iterable[str | int]) -> int:
    """The random seed for one item, by its seed users: the same in any order of the users and under any item id."""
    listed = "\0".join(sorted(map(str, user_ids)))
    digest = hashlib.blake2b(f"{seed}:{listed}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")
