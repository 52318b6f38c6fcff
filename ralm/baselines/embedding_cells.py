"""Partitions of the space of user embeddings into cells: by k-means, and by tables of random hyperplanes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from ralm.scoring.contract import Arrays

Doubles = NDArray[np.float64]
Codes = NDArray[np.int64]
# With fewer sampled users per cell, they would not show how many of all users are in it.
USERS_PER_CELL = 20


class Cells(ABC):
    """One or several partitions ("tables"): every point is in one cell of each table."""

    tables: int

    @abstractmethod
    def of(self, unit: Doubles) -> Codes:
        """The cells (n, tables) of unit embeddings (n, d); codes of different tables differ.

        float64: a product in float32 differs with the shape of its block, which would move users between cells.
        """

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays from which `cells_of_arrays` rebuilds the cells."""


@dataclass(frozen=True)
class KMeansCells(Cells):
    """The nearest of some centroids (k, d)."""

    centroids: Doubles
    tables = 1

    def of(self, unit: Doubles) -> Codes:
        """The number of the nearest centroid (n, 1)."""
        nearness = unit @ self.centroids.T - 0.5 * np.square(self.centroids).sum(axis=1)  # (n, k)
        return np.asarray(nearness.argmax(axis=1)[:, None], dtype=np.int64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """`centroids`."""
        return {"centroids": self.centroids}

    @staticmethod
    def fit(sample: Doubles, cells: int, seed: int) -> KMeansCells:
        """Mini-batch k-means (Sculley 2010) of unit embeddings (m, d).

        Gives fewer cells than asked for if the sample has fewer than `USERS_PER_CELL` users per cell.
        """
        cells = max(1, min(cells, len(sample) // USERS_PER_CELL))
        fitted = MiniBatchKMeans(cells, batch_size=max(4_096, 4 * cells), n_init=3, random_state=seed).fit(sample)
        return KMeansCells(np.asarray(fitted.cluster_centers_, dtype=np.float64))


@dataclass(frozen=True)
class Hyperplanes(Cells):
    """The sides of random hyperplanes through the users' centre.

    Two users at the angle θ, seen from the centre, share a cell of a table with the probability (1 − θ/π)^planes
    (Charikar 2002, section 3). Seen from the origin, users whose embeddings have a direction in common would lie on
    one side of nearly every plane.

    Attributes:
        normals: (tables, planes, d).
        centre: (d,).
    """

    normals: Doubles
    centre: Doubles

    @property
    def tables(self) -> int:  # type: ignore[override]
        """How many tables."""
        return len(self.normals)

    def of(self, unit: Doubles) -> Codes:
        """One bit per plane below the number of the table (n, tables)."""
        tables, planes, width = self.normals.shape
        side = (unit - self.centre) @ self.normals.reshape(-1, width).T > 0  # (n, tables · planes)
        bits = side.reshape(-1, tables, planes) @ (1 << np.arange(planes, dtype=np.int64))  # (n, tables)
        return np.asarray(bits + (np.arange(tables, dtype=np.int64) << planes))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """`normals` and `centre`."""
        return {"normals": self.normals, "centre": self.centre}

    @staticmethod
    def draw(sample: Doubles, tables: int, planes: int, seed: int) -> Hyperplanes:
        """Normals from the seed, around the mean of unit embeddings (m, d)."""
        normals = np.random.default_rng(seed).normal(size=(tables, planes, sample.shape[1]))
        return Hyperplanes(normals, sample.mean(axis=0))


def cells_of_arrays(arrays: Arrays) -> Cells:
    """The cells that gave these `arrays`."""
    if "centroids" in arrays:
        return KMeansCells(np.asarray(arrays["centroids"]))
    return Hyperplanes(np.asarray(arrays["normals"]), np.asarray(arrays["centre"]))
