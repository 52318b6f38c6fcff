"""The closed-form set model: is this user of the same kind as these seeds? Probabilistic LDA, without any gradient.

Sources: Ioffe, "Probabilistic Linear Discriminant Analysis", ECCV 2006; Prince and Elder, "Probabilistic Linear
Discriminant Analysis for Inferences About Identity", ICCV 2007.

The world it assumes: all users are Gaussian with mean f and covariance C; the users of an item are shifted by a vector
of the item's own, which is Gaussian with mean m_b and covariance C_b over items. Of a training item with n_i seeds we
see the mean of its seeds, m_i, around f. Then

    m_b = mean_i(m_i),    C_b = cov_i(m_i) − C · mean_i(1 / n_i) + δ C    (the second term is the noise of n_i seeds)

where δ, the spread, gives back what the moments of few seeds miss: items differ in more directions than can be told
from noise. Of a new item whose n seeds have the mean m, the shift is expected at

    post = m_b + C_b (C_b + C / n)⁻¹ (m − m_b),

which shrinks by itself where seeds are few, and a user x is scored by (x − f)ᵀ (C + λ_n tr(C)/d · I)⁻¹ post with
λ_n = λ (20 / (n + 20))²: the more seeds, the less is lost by trusting directions in which users hardly differ.

All of this is in units (`block_units`) in which every block of a vector, made in a way of its own, has the variance 1,
its columns together: where a direction is narrow depends on units. What is kept is for vectors as they come.

In the basis B of the generalised eigenvectors, Bᵀ C B = I and Bᵀ C_b B = diag(D), all of this is diagonal but for λ.
With the coordinates z = Bᵀ (x − f), p = Bᵀ m_b and s the mean of the seeds' coordinates:

    post = p + n D / (n D + 1) · (s − p),    v = norm((I + λ_n tr(C)/d · Bᵀ B)⁻¹ post),    score = z · v.

With the eigenvectors Q and eigenvalues q of Bᵀ B (in units) the inverse is Q diag(1 / (1 + λ_n tr(C)/d · q)) Qᵀ.

The same with p in place of post, and λ in place of λ_n, is what the users of all items have in common against
everyone: that they are active, for the most part. Where items' own tastes are weak, more of it makes better audiences:
with w times that unit vector, v + w · common, to length 1 again, is the direction. Activity by itself, without what
noise there is in p, can stand in its place (`with_common`).

Users' coordinates have the covariance I and v has length 1, so a score counts standard deviations above the average
user, for every item alike: those of the users that it was fitted on. Users of later dates, with longer histories, may
spread wider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from ralm.models.array_library import Array, double, library, unit

Doubles = NDArray[np.float64]

# λ without items to choose it on.
DEFAULT_RIDGE = 30.0
# So many seeds leave a quarter of λ.
HALF_SEEDS = 20
# δ without items to choose it on: large δ is good where items are of many kinds, and bad where tastes are weak.
DEFAULT_SPREAD = 0.1
# Eigenvalues of C_b are at least so much of its largest one.
SMALLEST_BETWEEN = 1e-3
# Of discriminants: how many times the λ of the closed form, and what seeds count beside users.
DISCRIMINANT_RIDGE = 3.0
SEED_SHARE = 3.0
# C gets so much of its mean variance added to its diagonal: columns that are constant or repeat others do no harm.
JITTER = 1e-6
# With so many items, C_b is half of what they say and half a multiple of C; with many more, all of what they say.
PRIOR_ITEMS = 20
# Prefix of the arrays in a model's weights.
PREFIX = "closed_"


@dataclass(frozen=True)
class Plda:
    """The fitted model; d is the width of a user's vector. What scores users works on tensors, too.

    Attributes:
        mean: f (d,).
        basis: B (d, d), a column per coordinate, the one that tells items apart best comes first.
        between: D (d,), falling: the variance over items of a coordinate whose variance over users is 1.
        prior: p (d,), what all items have in common.
        axes: Q (d, d), a column per eigenvector.
        penalty: λ tr(C)/d · q (d,).
        common: w times the unit vector of what all items have in common, or of users' activity (d,).
    """

    mean: Array
    basis: Array
    between: Array
    prior: Array
    axes: Array
    penalty: Array
    common: Array

    def coordinates(self, users: Array) -> Array:
        """z (..., d) of users (..., d)."""
        return (users - self.mean) @ self.basis

    def directions(self, seeds: Array, counts: Array, classifiers: Array | float = 0.0) -> Array:
        """v of items.

        Args:
            seeds: (items, d), the mean vector of each item's seeds.
            counts: (items,), how many seeds that are; 0: none.
            classifiers: (items, d), of `ralm.models.item_classifier`.

        Returns:
            (items, d), of length 1; zeros for an item without seeds.
        """
        expected = counts[:, None] * self.between  # n D
        shift = self.coordinates(seeds) - self.prior
        posterior = self.prior + expected / (expected + 1.0) * shift
        found = unit(unit(self._ridged(posterior, counts)) + classifiers + self.common)
        return found * (counts > 0)[:, None]

    def discriminants(self, centroids: Array, sizes: Array) -> Array:
        """What tells an item's seeds from everyone, with no idea of what items are like (Fisher's discriminant).

        The covariance is that of users, with a λ of `DISCRIMINANT_RIDGE` times its size, and the second moment of the
        seeds, which counts `SEED_SHARE` times; with z of the seeds in the coordinates,
        (I + 3 λ tr(C)/d · BᵀB + 3/n Σ z zᵀ)⁻¹ Σ z. k clusters stand for the seeds; by Woodbury's identity only k × k
        matrices are inverted.

        Args:
            centroids: (items, k, d), raw.
            sizes: (items, k), members per cluster; 0 is absent.

        Returns:
            (items, d), of length 1, in double precision; zeros for an item without seeds.
        """
        axes, members = double(self.axes), double(sizes)
        # (items, k, d), not by the product of both matrices, which costs more than the seeds of an item.
        seeds = (double(centroids) - double(self.mean)) @ double(self.basis) @ axes
        inverse = 1.0 / (1.0 + DISCRIMINANT_RIDGE * double(self.penalty))  # (d,)
        weighed = seeds * ((SEED_SHARE / members.sum(1)[:, None].clip(1e-12) * members) ** 0.5)[:, :, None]
        found = inverse * (members[:, None, :] @ seeds)[:, 0]  # (items, d)
        inner = (weighed * inverse) @ weighed.swapaxes(1, 2)  # (items, k, k)
        inner = inner + library(inner).diag(library(inner).ones_like(inner[0, 0]))
        solved = library(inner).linalg.solve(inner, weighed @ found[:, :, None])
        return unit((found - inverse * (weighed.swapaxes(1, 2) @ solved)[:, :, 0]) @ axes.T)

    def own_directions(self, seeds: Array, counts: Array) -> Array:
        """What sets users apart from those of any item: as `directions`, of post − p in place of post, without common.

        Args:
            seeds: (sets, d), the mean vector of each set of users.
            counts: (sets,), how many they are; at least 1.

        Returns:
            (sets, d), of length 1.
        """
        expected = counts[:, None] * self.between  # n D
        shift = expected / (expected + 1.0) * (self.coordinates(seeds) - self.prior)
        return unit(self._ridged(shift, counts))

    def _ridged(self, shifts: Array, counts: Array) -> Array:
        """(I + λ_n tr(C)/d · Bᵀ B)⁻¹ of shifts (items, d) by the numbers n (items,) of their seeds."""
        penalties = self.penalty * (HALF_SEEDS / (counts + HALF_SEEDS))[:, None] ** 2
        return (shifts @ self.axes / (1.0 + penalties)) @ self.axes.T

    def rotation(self, width: int) -> Doubles:
        """From coordinates to those in which cosines tell who is alike, as the model does for a seed among twenty.

        With n = 20, S = n D / (n D + 1) and R the inverse with λ_n above, the score of a user z by a seed y is, but
        for p, zᵀ R S y. S^½ R S^½ = Q diag(q) Qᵀ stands for R S, which is not symmetric; so Q diag(q)^½, largest q
        first, maps both. What comes out varies by 1 over users, in the mean.

        Returns:
            (d, width); columns beyond d are zeros.
        """
        expected = HALF_SEEDS * self.between
        root = np.sqrt(expected / (expected + 1.0))
        ridged = (self.axes / (1.0 + self.penalty / 4.0)) @ self.axes.T
        values, vectors = np.linalg.eigh(root[:, None] * ridged * root)
        kept = np.maximum(values[::-1][:width], 0.0)
        found = vectors[:, ::-1][:, :width] * np.sqrt(kept / max(float(kept.mean()), 1e-12))
        return np.asarray(np.pad(found, ((0, 0), (0, width - found.shape[1]))))

    def metric(self, width: int) -> Doubles:
        """The map (d, width) from x − f to where cosines tell who is alike: B times the `rotation`."""
        return np.asarray(self.basis @ self.rotation(width))

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The model as arrays of a model's weights: `closed_mean`, `closed_basis` and so on."""
        return {f"{PREFIX}{field.name}": getattr(self, field.name).astype(np.float32) for field in fields(self)}

    def spread(self, more: float) -> Plda:
        """The same model with δ larger by so much."""
        return replace(self, between=self.between + more)

    def with_ridge(self, times: float) -> Plda:
        """The same model with a λ that is so many times as large."""
        return replace(self, penalty=times * self.penalty)

    def with_common(self, weight: float, columns: Sequence[int] = ()) -> Plda:
        """The same model with w in place of what it was.

        Args:
            weight: w.
            columns: of users' vectors; the sum of these, each divided by its deviation, is what items have in common
                then, in place of p.
        """
        common = self._ridged(self.prior[None], np.zeros(1))[0]
        if columns:
            rows = np.linalg.inv(self.basis)[:, list(columns)]  # x − f = zᵀ B⁻¹; z has the covariance I
            common = (rows / np.linalg.norm(rows, axis=0)).sum(axis=1)
        return replace(self, common=weight * unit(common))

    @staticmethod
    def of_arrays(arrays: Mapping[str, NDArray[Any]]) -> Plda | None:
        """The model of `arrays`, among any other arrays; None if it is not among them."""
        if f"{PREFIX}mean" not in arrays:
            return None
        return Plda(*(np.asarray(arrays[f"{PREFIX}{field.name}"], np.float64) for field in fields(Plda)))


def seed_means(centroids: NDArray[Any], sizes: NDArray[Any]) -> tuple[Doubles, NDArray[Any]]:
    """The mean vector of each item's seeds (items, d) and their number (items,), from their clusters.

    Args:
        centroids: (items, k, d), each the mean of its members.
        sizes: (items, k), members per cluster; 0 is absent. Floats: of weighted seeds, together n_eff.
    """
    floating = np.issubdtype(sizes.dtype, np.floating)
    counts = sizes.sum(axis=1, dtype=np.float64 if floating else np.int64)
    total = np.einsum("ik,ikd->id", sizes, centroids, dtype=np.float64)
    return total / np.maximum(counts, 1)[:, None], counts


def block_units(users: NDArray[Any], blocks: Sequence[int]) -> Doubles:
    """The units (d,) of users' columns in which every block of columns has the variance 1, all of them together.

    Args:
        users: (n, d), a sample of all users.
        blocks: how many columns each block has, in their order; together d.
    """
    variances = users.var(axis=0, dtype=np.float64)
    starts = np.cumsum([0, *blocks[:-1]])
    totals = np.add.reduceat(variances, starts)
    return np.repeat(np.sqrt(np.where(totals > 0, totals, 1.0)), blocks)


def fit_plda(
    users: NDArray[Any],
    seeds: NDArray[Any],
    counts: NDArray[Any],
    ridge: float = DEFAULT_RIDGE,
    spread: float = DEFAULT_SPREAD,
    units: NDArray[Any] | None = None,
) -> Plda:
    """Fit by moments.

    Args:
        users: (n, d), a sample of all users.
        seeds: (items, d), the mean vector of each training item's seeds; may be empty.
        counts: (items,), their number, at least 1.
        ridge: λ ≥ 0; the fewer users, the larger.
        spread: δ ≥ 0.
        units: (d,), of `block_units`; None: all columns have the same.

    Raises:
        ValueError: fewer than two users.
    """
    if len(users) < 2:
        raise ValueError(f"the closed form needs at least two users, found {len(users)}")
    mean = users.mean(axis=0, dtype=np.float64)
    scale = np.ones(len(mean)) if units is None else units
    centred = (users - mean) / scale
    covariance = centred.T @ centred / len(users)
    variance = float(np.trace(covariance)) / len(mean)
    covariance = covariance + JITTER * max(variance, 1e-12) * np.eye(len(mean))
    prior, between = _items((seeds - mean) / scale, np.asarray(counts, np.float64), covariance)
    values, basis = eigh(between, covariance)
    order = np.argsort(values)[::-1]
    basis = basis[:, order]
    inverse, axes = np.linalg.eigh(basis.T @ basis)
    return Plda(
        mean=mean,
        basis=basis / scale[:, None],
        between=np.maximum(values[order], 0.0) + spread,
        prior=basis.T @ prior,
        axes=axes,
        penalty=ridge * variance * np.maximum(inverse, 0.0),
        common=np.zeros(len(mean)),
    )


def _items(shifts: Doubles, counts: Doubles, covariance: Doubles) -> tuple[Doubles, Doubles]:
    """m_b (d,) and C_b (d, d) of items' mean shifts; what few items say is mixed with a multiple of C."""
    if len(shifts) < 2:
        return shifts.sum(axis=0) / (1 + PRIOR_ITEMS), covariance.copy()
    prior = shifts.mean(axis=0)
    around = shifts - prior
    found = around.T @ around / len(shifts) - covariance * np.mean(1.0 / counts)
    share = len(shifts) / (len(shifts) + PRIOR_ITEMS)
    level = max(float(np.trace(found)), SMALLEST_BETWEEN * float(np.trace(covariance)))
    mixed = share * found + (1.0 - share) * level / float(np.trace(covariance)) * covariance
    values, vectors = np.linalg.eigh(mixed)
    kept = np.maximum(values, SMALLEST_BETWEEN * values.max())
    return share * prior, (vectors * kept) @ vectors.T
