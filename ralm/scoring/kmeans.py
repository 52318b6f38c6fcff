"""k-means of the seeds of one item: Lloyd's algorithm with a careful start, deterministic for one order of points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

# The start is chosen on at most this many points a cluster: more points change it little and cost as much as Lloyd.
START_POINTS = 50
# Squared distances below this share of the largest squared norm are rounding errors of a mean of equal points.
SAME_POINT = 1e-12
# Up to this many points, threads cost more than they save, and the items of a cluster run are parallel already.
SMALL = 200_000


@dataclass(frozen=True)
class KMeansResult:
    """A clustering: every centroid is the mean of its members.

    Attributes:
        assignment: (n,), the cluster of each point.
        centroids: (k, d); zeros where a cluster is absent.
        sizes: (k,), members; 0 is absent.
        inertia: sum of squared distances of the points to their centroids.
    """

    assignment: Ints
    centroids: Floats
    sizes: Ints
    inertia: float


def kmeans(points: Floats, k: int, *, iterations: int, seed: int, start: Floats | None = None) -> KMeansResult:
    """Cluster points by Lloyd's algorithm.

    A cluster that loses its members takes the point farthest from its own centroid, so that with at least k distinct
    points all k clusters are present. With at most k points, each point is a cluster.

    Args:
        points: (n, d); the result depends on their order only through the random start.
        k: clusters wanted.
        iterations: passes at most; stops earlier when no point moves.
        seed: of the start (greedy k-means++, Arthur and Vassilvitskii 2007).
        start: (k, d), a warm start in place of the random one; rows of zeros are absent clusters.

    Raises:
        ValueError: k or iterations below 1, shapes that do not fit, or points that are not finite.
    """
    if points.ndim != 2 or k < 1 or iterations < 1:
        raise ValueError(f"k-means: points (n, d), k >= 1 and iterations >= 1 expected, found {points.shape}, k={k}")
    if start is not None and start.shape != (k, points.shape[1]):
        raise ValueError(f"k-means: a start of {(k, points.shape[1])} expected, found {start.shape}")
    x = torch.from_numpy(np.array(points, dtype=np.float32, order="C"))  # (n, d); a copy: Arrow's memory is read-only
    if not torch.isfinite(x).all():
        raise ValueError("k-means: points must be finite numbers")
    if len(x) <= k:
        return _result(x, torch.arange(len(x)), k)
    with single_thread(len(x) <= SMALL):
        return _lloyd(x, k, iterations, seed, start)


def _lloyd(x: Tensor, k: int, iterations: int, seed: int, start: Floats | None) -> KMeansResult:
    centroids = _careful_start(x, k, np.random.default_rng(seed)) if start is None else _given_start(start)
    assignment = _assign(x, centroids, k)
    for _ in range(iterations - 1):
        moved = _assign(x, _means(x, assignment, k)[0], k)
        if torch.equal(moved, assignment):
            break
        assignment = moved
    return _result(x, assignment, k)


@contextmanager
def single_thread(wanted: bool = True) -> Iterator[None]:
    """torch on one thread inside the block, where `wanted`."""
    before = torch.get_num_threads()
    if wanted and before > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def _means(x: Tensor, assignment: Tensor, k: int) -> tuple[Tensor, Tensor]:
    sizes = torch.bincount(assignment, minlength=k)  # (k,)
    sums = torch.zeros(k, x.shape[1]).index_add_(0, assignment, x)
    return sums / sizes.clamp(min=1).unsqueeze(1), sizes


def _result(x: Tensor, assignment: Tensor, k: int) -> KMeansResult:
    centroids, sizes = _means(x, assignment, k)
    inertia = float((x - centroids[assignment]).square().sum(dtype=torch.float64)) if len(x) else 0.0
    return KMeansResult(assignment.numpy().astype(np.int32), centroids.numpy(), sizes.numpy().astype(np.int32), inertia)


def _assign(x: Tensor, centroids: Tensor, k: int) -> Tensor:
    """Nearest centroids; then absent clusters get the farthest points of clusters that have more than one."""
    # The squared norm of the point is the same for all centroids and left out.
    assignment = (centroids.square().sum(dim=1) - 2.0 * (x @ centroids.T)).argmin(dim=1)  # (n,)
    sizes = torch.bincount(assignment, minlength=k)
    empty = torch.nonzero(sizes == 0).flatten().tolist()
    if not empty:
        return assignment
    means, sizes = _means(x, assignment, k)
    distance = (x - means[assignment]).square().sum(dim=1)  # (n,)
    threshold = SAME_POINT * float(x.square().sum(dim=1).max())
    for cluster in empty:
        farthest = int(distance.argmax())
        if float(distance[farthest]) <= threshold:
            break  # fewer distinct points than clusters
        sizes[assignment[farthest]] -= 1
        assignment[farthest] = cluster
        # What lies at the new centroid is covered by it, so equal points do not each take a cluster.
        distance = torch.minimum(distance, (x - x[farthest]).square().sum(dim=1))
    return assignment


def _given_start(start: Floats) -> Tensor:
    centroids = torch.from_numpy(np.array(start, dtype=np.float32, order="C"))
    # A centroid very far away attracts nothing; the cluster is then filled like any that lost its members.
    centroids[(centroids == 0).all(dim=1)] = 1e16
    return centroids


def _careful_start(x: Tensor, k: int, rng: np.random.Generator) -> Tensor:
    """Greedy k-means++: of a few draws by squared distance, the one that lowers the inertia most, k times."""
    if len(x) > START_POINTS * k:
        x = x[torch.from_numpy(np.sort(rng.choice(len(x), START_POINTS * k, replace=False)))]
    tries = 2 + int(np.log(k))
    norms = x.square().sum(dim=1)  # (n,)

    def distances(chosen: Tensor) -> Tensor:  # (tries,) -> (tries, n)
        return (norms[chosen].unsqueeze(1) + norms - 2.0 * (x[chosen] @ x.T)).clamp_(min=0.0)

    chosen = [int(rng.integers(len(x)))]
    nearest = distances(torch.tensor(chosen))[0]  # (n,)
    while len(chosen) < k:
        cumulated = nearest.to(torch.float64).cumsum(0).numpy()
        draws = np.searchsorted(cumulated, rng.random(tries) * cumulated[-1], side="right")
        drawn = torch.from_numpy(np.minimum(draws, len(x) - 1))
        candidates = torch.minimum(nearest, distances(drawn))  # (tries, n)
        best = int(candidates.sum(dim=1).argmin())
        chosen.append(int(drawn[best]))
        nearest = candidates[best]
    return x[torch.tensor(chosen)].clone()
