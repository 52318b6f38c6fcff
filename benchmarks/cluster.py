"""Seed clusters item by item on one thread, next to the k-means of scikit-learn and faiss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import faiss
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from benchmarks.harness import Benchmark, Contest
from ralm.scoring.kmeans import kmeans, single_thread

ITEMS, SEEDS, WIDTH, CLUSTERS, ITERATIONS = 2_000, (1_000, 10_000), 64, 20, 10
# An item's seeds are groups of people of unequal size, which overlap.
KINDS = 30

Floats = NDArray[np.float32]


@contextmanager
def cluster(size: int | None) -> Iterator[Benchmark]:
    """2,000 items (or `size`) of 1,000 to 10,000 seeds in 64 dimensions, k = 20, the same number of iterations each.

    References: `sklearn` (`KMeans(n_init=1)`) and `faiss` (`Kmeans`), one thread each. The mean inertias are printed
    as `inertia_sklearn` and `inertia_faiss`: theirs ÷ ours.
    """
    items = random_items(size or ITEMS)
    found: dict[str, float] = {}

    def timed(name: str) -> None:
        found[name] = float(np.mean([METHODS[name](points, seed) for seed, points in enumerate(items)]))

    with single_thread(), threadpool_limits(1):
        faiss.omp_set_num_threads(1)
        yield Benchmark(
            "cluster",
            "items/s",
            [
                Contest(
                    "",
                    lambda: timed("ours"),
                    {name: (lambda name=name: timed(name)) for name in METHODS if name != "ours"},  # type: ignore[misc]
                    len(items),
                )
            ],
            lambda: {f"inertia_{name}": found[name] / found["ours"] for name in found if name != "ours"},
        )


def random_items(count: int) -> Sequence[Floats]:
    """Seeds (n, 64) of so many items, around each item's own centres."""
    random = np.random.default_rng(1)
    made = []
    for seeds in random.integers(*SEEDS, count, endpoint=True):
        centres = random.normal(size=(KINDS, WIDTH))
        kinds = random.choice(KINDS, seeds, p=random.dirichlet(np.ones(KINDS)))
        made.append((centres[kinds] + random.normal(size=(seeds, WIDTH))).astype(np.float32))
    return made


def _ours(points: Floats, seed: int) -> float:
    return kmeans(points, CLUSTERS, iterations=ITERATIONS, seed=seed).inertia


def _sklearn(points: Floats, seed: int) -> float:
    # Without a tolerance, all iterations run unless no point moves, as in ours.
    fitted = KMeans(CLUSTERS, n_init=1, max_iter=ITERATIONS, tol=0, random_state=seed).fit(points)
    return float(fitted.inertia_)


def _faiss(points: Floats, seed: int) -> float:
    # By default it samples 256 points per cluster; the others read all.
    fitted = faiss.Kmeans(
        WIDTH, CLUSTERS, niter=ITERATIONS, seed=seed, max_points_per_centroid=len(points), min_points_per_centroid=1
    )
    fitted.train(points)
    distances, _ = fitted.index.search(points, 1)
    return float(distances.sum(dtype=np.float64))


# (points, seed) -> inertia.
METHODS = {"ours": _ours, "sklearn": _sklearn, "faiss": _faiss}
