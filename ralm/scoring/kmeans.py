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

# The start is chosen on at most this many points per cluster: more points change it little and cost as much as Lloyd.
START_POINTS = 50
# Squared distances below this share of the largest squared norm are rounding errors of a mean of equal points.
SAME_POINT = 1e-12
# Up to this share of the points, adding the moved points to the clusters' sums costs less than summing all again.
FEW = 0.2
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
        start: (k, d), a warm start instead of the random one; rows of zeros are absent clusters.

    Raises:
        ValueError: k or iterations below 1, the shapes do not fit, or points that are not finite.
    """
    if points.ndim != 2 or k < 1 or iterations < 1:
        raise ValueError(f"k-means: points (n, d), k >= 1 and iterations >= 1 expected, found {points.shape}, k={k}")
    if start is not None and start.shape != (k, points.shape[1]):
        raise ValueError(f"k-means: a start of {(k, points.shape[1])} expected, found {start.shape}")
    x = torch.from_numpy(np.array(points, dtype=np.float32, order="C"))  # (n, d); a copy: Arrow's memory is read-only
    if x.numel() and not torch.isfinite(torch.stack(torch.aminmax(x))).all():
        raise ValueError("k-means: points must be finite numbers")
    if len(x) <= k:
        return _result(x, torch.eye(k, len(x)))
    with single_thread(len(x) <= SMALL):
        return _lloyd(x, k, iterations, seed, start)


def _lloyd(x: Tensor, k: int, iterations: int, seed: int, start: Floats | None) -> KMeansResult:
    found = _careful_start(x.numpy(), k, np.random.default_rng(seed)) if start is None else _given_start(start)
    centroids = torch.from_numpy(found)
    columns = x.T.contiguous()  # (d, n): the product of an assignment takes a fifth less time than with a view
    distances, members, before = torch.empty(k, len(x)), torch.empty(k, len(x)), torch.zeros(k, len(x))
    old = torch.full((len(x),), -1.0)
    for _ in range(iterations):
        _assign(columns, centroids, distances, members)
        new = _numbers(members)
        moved = torch.nonzero(new != old).flatten()
        if not len(moved):
            break
        if len(moved) > FEW * len(x):
            sums = members @ x
        else:
            change = members.index_select(1, moved) - before.index_select(1, moved)
            sums += change @ x.index_select(0, moved)
        centroids = _means(sums, members)
        members, before, old = before, members, new
    return _result(x, before)


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


def _assign(columns: Tensor, centroids: Tensor, distances: Tensor, members: Tensor) -> None:
    """Nearest centroids; then absent clusters get the farthest points of clusters that have more than one.

    Args:
        columns: (d, n), the points.
        centroids: (k, d).
        distances: (k, n), overwritten: squared, without the point's squared norm, which all centroids share.
        members: (k, n), overwritten: 1 where the point belongs to the cluster, else 0.
    """
    # Comparing with the minimum along the short axis is several times faster than an argmin, and the means need
    # exactly this matrix.
    torch.addmm(centroids.square().sum(dim=1, keepdim=True), centroids, columns, alpha=-2.0, out=distances)
    torch.eq(distances, distances.amin(dim=0), out=members)
    sizes = members.sum(dim=1)
    if float(sizes.sum()) != columns.shape[1] or float(sizes.min()) == 0:
        # A point with several nearest centroids belongs to the first of them.
        assignment = _filled(columns.T, distances.min(dim=0).indices, len(centroids))
        members.zero_().scatter_(0, assignment.unsqueeze(0), 1.0)


def _means(sums: Tensor, members: Tensor) -> Tensor:
    return sums / members.sum(dim=1, keepdim=True).clamp_(min=1.0)


def _numbers(members: Tensor) -> Tensor:
    """The number (n,) of each point's cluster: whole numbers far below 2^24 are exact in float32."""
    return torch.arange(len(members), dtype=torch.float32) @ members


def _result(x: Tensor, members: Tensor) -> KMeansResult:
    centroids, assignment = _means(members @ x, members), _numbers(members).long()
    inertia = float(centroids.index_select(0, assignment).sub_(x).square_().sum())
    sizes = members.sum(dim=1).int()
    return KMeansResult(assignment.int().numpy(), centroids.numpy(), sizes.numpy(), inertia)


def _filled(x: Tensor, assignment: Tensor, k: int) -> Tensor:
    """The assignment (n,) with the absent clusters filled."""
    sizes = torch.bincount(assignment, minlength=k)
    empty = torch.nonzero(sizes == 0).flatten().tolist()
    if not empty:
        return assignment
    means = torch.zeros(k, x.shape[1]).index_add_(0, assignment, x) / sizes.clamp(min=1).unsqueeze(1)
    distance = (x - means[assignment]).square().sum(dim=1)  # (n,)
    threshold = SAME_POINT * float(x.square().sum(dim=1).max())
    for cluster in empty:
        farthest = int(distance.argmax())
        if float(distance[farthest]) <= threshold:
            break  # fewer distinct points than clusters
        sizes[assignment[farthest]] -= 1
        assignment[farthest] = cluster
        # Points at the new centroid now have distance 0, so that equal points do not each take a cluster.
        distance = torch.minimum(distance, (x - x[farthest]).square().sum(dim=1))
    return assignment


def _given_start(start: Floats) -> Floats:
    centroids = np.array(start, dtype=np.float32, order="C")
    # A centroid very far away attracts nothing; its cluster is then filled like any cluster that lost its members.
    centroids[(centroids == 0).all(axis=1)] = 1e16
    return centroids


def _careful_start(x: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Greedy k-means++: of a few draws by squared distance, the one that lowers the inertia most, k times.

    Uses numpy, whose calls on so few points take half as long as torch's.
    """
    if len(x) > START_POINTS * k:
        x = x[np.sort(rng.choice(len(x), START_POINTS * k, replace=False))]
    norms, columns = np.einsum("nd,nd->n", x, x), np.ascontiguousarray(x.T)
    draws = rng.random((k, 2 + int(np.log(k))))

    def distances(chosen: NDArray[np.intp]) -> Floats:  # (tries,) -> (tries, n)
        found: Floats = np.asarray((-2.0 * x[chosen]) @ columns, dtype=np.float32)
        found += norms
        found += norms[chosen, None]
        return np.maximum(found, 0.0, out=found)

    chosen = [int(rng.integers(len(x)))]
    nearest = distances(np.array(chosen))[0]  # (n,)
    while len(chosen) < k:
        cumulated = nearest.cumsum(dtype=np.float64)
        places = np.searchsorted(cumulated, draws[len(chosen)] * cumulated[-1], side="right")
        drawn = np.minimum(places, len(x) - 1)
        candidates = np.minimum(nearest, distances(drawn))  # (tries, n)
        best = int(candidates.sum(axis=1).argmin())
        chosen.append(int(drawn[best]))
        nearest = candidates[best]
    return x[chosen]
