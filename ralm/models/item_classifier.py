"""Classifiers of single items in closed form: an item's seeds against all users.

Beside the closed form (`ralm.models.plda`), which knows what items are like, a classifier knows this item alone. Three
of them are added to it, each with its scores at deviation 1 over all users, as the scores of the closed form are:

- Fisher's discriminant on all of a user's vector (`Plda.discriminants`), by ½ n / (n + 50) of the weight, for n seeds;
- where the vector holds interest vectors, a ridge regression on these alone, as they come: the rows behind them have
  length 1, so that its penalty says how many seeds it takes to trust a direction, whatever the number of users. With S
  their covariance over users, m the mean of the seeds and f that of all users, its line is (S + ½ I / n)⁻¹ (m − f), by
  ½ n² / (n² + 20²);
- where the vector holds ALS factors, the line by which implicit ALS folds a new item in, by n² / (n² + 50²): weighted
  ridge regression, with no training (Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets",
  ICDM 2008, equation 4; `ralm.baselines.fold_in`). Of an item whose n seeds have the factors y_1 … y_n,

      w = (N S + α Σ_i y_i y_iᵀ + λ n I)⁻¹ Σ_i y_i,    N users, S the mean of y yᵀ over all of them.

Seeds are known by their clusters: each cluster counts as so many times its centroid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.baselines.fold_in import closed_form
from ralm.models.array_library import Array, double, library, unit
from ralm.models.plda import Plda

Doubles = NDArray[np.float64]
# So many seeds give half of the weight: of few, a classifier knows little, and the fold-in, which shrinks less, least.
HALF_SEEDS = 50
# Items at a time: their clusters are held in double precision, several times over.
ITEMS = 512
# What a discriminant, and a regression on interests, count beside a fold-in.
DISCRIMINANT = 0.5
REGRESSION = 0.5
# So many seeds give half of the regression's weight; its penalty for one seed.
HALF_REGRESSION = 20
PENALTY = 0.5


@dataclass(frozen=True)
class ItemClassifier:
    """What directions of items need; d is the width of a user's vector, f that of the factors in it.

    Attributes:
        moment: N S (f, f).
        outward: (d, f), from w to the closed form's coordinates.
        numbers: (4,), the place of the factors in a user's vector, α, λ and the weight.
        levels: (r,), the eigenvalues of S.
        along: (d, r), from coordinates along its eigenvectors to those of the closed form, and back by its transpose.

    Without factors f is 0, without interest vectors r.
    """

    moment: Array
    outward: Array
    numbers: Array
    levels: Array
    along: Array

    @staticmethod
    def of_users(
        users: NDArray[Any],
        start: int,
        width: int,
        total: int,
        alpha: float,
        regularisation: float,
        interests: slice = slice(0, 0),
    ) -> ItemClassifier:
        """Of a sample of all users, its directions being those of raw vectors (`within` a basis to use it).

        Args:
            users: (n, d).
            start: the place of the factors.
            width: f.
            total: N, how many users the sample stands for.
            alpha: α of the ALS.
            regularisation: λ of the ALS.
            interests: the columns of the interest vectors.
        """
        centred = users - users.mean(axis=0, dtype=np.float64)
        factors = double(users[:, start : start + width])
        outward = centred.T @ centred[:, start : start + width] / len(users)
        numbers = np.array([start, alpha, regularisation, 0.0])
        along = centred.T @ centred[:, interests] / len(users)
        levels, vectors = np.linalg.eigh(along[interests])
        moment = factors.T @ factors * (total / len(users))
        return ItemClassifier(moment, outward, numbers, np.maximum(levels, 0.0), along @ vectors)

    def within(self, basis: Doubles) -> ItemClassifier:
        """The same beside a closed form with the basis B (d, d)."""
        return replace(self, outward=basis.T @ self.outward, along=basis.T @ self.along)

    def weighing(self, weight: float) -> ItemClassifier:
        """The same with another weight."""
        return replace(self, numbers=np.append(self.numbers[:3], weight))

    def directions(self, centroids: Array, sizes: Array, plda: Plda) -> Array:
        """The classifiers of items in the closed form's coordinates, times their weight; of tensors, too.

        Args:
            centroids: (items, k, d), raw.
            sizes: (items, k), members per cluster; 0 is absent.
            plda: the closed form.

        Returns:
            (items, d), double precision; zeros for an item without seeds.
        """
        starts = range(0, max(1, len(centroids)), ITEMS)
        parts = [self._some(centroids[s : s + ITEMS], sizes[s : s + ITEMS], plda) for s in starts]
        return library(parts[0]).concatenate(parts)

    def _some(self, centroids: Array, sizes: Array, plda: Plda) -> Array:
        weight, count = float(self.numbers[-1]), double(sizes).sum(1)[:, None]
        found = DISCRIMINANT * count / (count + HALF_SEEDS) * plda.discriminants(centroids, sizes)
        if len(self.moment):
            share = count**2 / (count**2 + HALF_SEEDS**2)
            found = found + share * unit(self._folded_in(centroids, sizes) @ self.outward.T)
        if len(self.levels):
            share = REGRESSION * count**2 / (count**2 + HALF_REGRESSION**2)
            found = found + share * unit(self._regression(centroids, sizes, plda))
        return weight * found

    def _regression(self, centroids: Array, sizes: Array, plda: Plda) -> Array:
        """The regression on interests (items, d), in the closed form's coordinates."""
        members = double(sizes)
        count = members.sum(1)[:, None].clip(1e-12)
        means = (members[:, None, :] @ double(centroids))[:, 0] / count
        seeds = (means - double(plda.mean)) @ double(plda.basis)
        return (seeds @ self.along / (self.levels + PENALTY / count)) @ self.along.T

    def _folded_in(self, centroids: Array, sizes: Array) -> Array:
        """w (items, f) of items."""
        start, alpha, regularisation, _ = self.numbers.tolist()
        factors = double(centroids[:, :, int(start) : int(start) + len(self.moment)])  # (items, k, f)
        members = double(sizes)
        weighed = factors * members[:, :, None]
        own = weighed.swapaxes(1, 2) @ factors  # (items, f, f)
        return closed_form(self.moment, own, weighed.sum(1), members.sum(1), alpha, regularisation)

    def arrays(self, prefix: str) -> dict[str, NDArray[np.float32]]:
        """As arrays of a model's weights."""
        return {f"{prefix}{name}": array.astype(np.float32) for name, array in vars(self).items()}

    @staticmethod
    def of_arrays(arrays: Mapping[str, Array], prefix: str) -> ItemClassifier | None:
        """The classifier of `arrays`; None if it is not among them, or weighs nothing."""
        if f"{prefix}numbers" not in arrays or arrays[f"{prefix}numbers"][-1] == 0:
            return None
        moment, outward, numbers = (double(arrays[f"{prefix}{name}"]) for name in ("moment", "outward", "numbers"))
        # Models of an earlier release have no regression.
        levels, along = (arrays.get(f"{prefix}{name}") for name in ("levels", "along"))
        if levels is None or along is None:
            levels, along = outward[0, :0], outward[:, :0]
        return ItemClassifier(moment, outward, numbers, double(levels), double(along))
