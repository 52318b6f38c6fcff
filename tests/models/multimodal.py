"""A toy world whose items are liked by 3 of 24 interest groups: the mean of an item's seeds is near none of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GROUPS = 24
LIKED = 3


@dataclass(frozen=True)
class MultimodalWorld:
    """Items by the raw centroids of their seeds, and labelled (user, item) pairs."""

    centroids: npt.NDArray[np.float32]  # (items, k, d)
    sizes: npt.NDArray[np.int32]  # (items, k)
    embedding: npt.NDArray[np.float32]  # (pairs, d)
    item: npt.NDArray[np.int64]  # (pairs,)
    label: npt.NDArray[np.float32]  # (pairs,)


def make_world(items: int, pairs: int, seed: int, dim: int = 4, clusters: int = 5, noise: float = 0.25):
    """Groups lie on a sphere in few dimensions; two of the clusters of an item are absent."""
    prototypes = np.random.default_rng(0).normal(size=(GROUPS, dim))
    prototypes /= np.linalg.norm(prototypes, axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    liked = np.stack([rng.choice(GROUPS, LIKED, replace=False) for _ in range(items)])  # (items, 3)
    sizes = np.zeros((items, clusters), np.int32)
    sizes[:, :LIKED] = rng.integers(5, 50, size=(items, LIKED))
    centroids = rng.normal(size=(items, clusters, dim))  # absent ones hold numbers that must not matter
    spread = noise / np.sqrt(sizes[:, :LIKED])[..., None]
    centroids[:, :LIKED] = prototypes[liked] + spread * rng.normal(size=(items, LIKED, dim))
    item = rng.integers(items, size=pairs)
    click = rng.random(pairs) < 0.5
    other = rng.integers(GROUPS, size=pairs)
    group = np.where(click, liked[item, rng.integers(LIKED, size=pairs)], other)
    embedding = prototypes[group] + noise * rng.normal(size=(pairs, dim))
    label = (liked[item] == group[:, None]).any(axis=1)
    return MultimodalWorld(
        centroids.astype(np.float32), sizes, embedding.astype(np.float32), item, label.astype(np.float32)
    )
