"""A classifier per item in closed form: its seeds against all users, by weighted ridge regression.

Source: Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, equation 4, by
which implicit ALS folds a new item in (`ralm.baselines.fold_in`). Of an item whose n seeds have the factors y_1 … y_n,

    w = (N S + α Σ_i y_i y_iᵀ + λ n I)⁻¹ Σ_i y_i,    N users, S the mean of y yᵀ over all of them,

is the line that tells its seeds from everyone, with no training. Seeds are known by their clusters: each cluster counts
as so many times its centroid. A user scores y · w, which is brought to deviation 1 over all users, as the scores of the
closed form are. Beside the closed form (`ralm.models.plda`), which knows what items are like, a classifier knows this
item alone, so it counts for n / (n + 50) of its weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ralm.baselines.fold_in import closed_form

Doubles = NDArray[np.float64]
# So many seeds give half of the weight: of few, a classifier knows little.
HALF_SEEDS = 50


@dataclass(frozen=True)
class ItemClassifier:
    """What directions of items need; d is the width of a user's vector, f that of the factors in it.

    Attributes:
        moment: N S (f, f).
        outward: (d, f), from w to the closed form's coordinates.
        numbers: (4,), the place of the factors in a user's vector, α, λ and the weight.
    """

    moment: Doubles
    outward: Doubles
    numbers: Doubles

    @staticmethod
    def of_users(
        users: NDArray[Any], basis: Doubles, start: int, width: int, total: int, alpha: float, regularisation: float
    ) -> ItemClassifier:
        """Of a sample of all users; its weight is 0.

        Args:
            users: (n, d).
            basis: B (d, d) of the closed form.
            start: the place of the factors.
            width: f.
            total: N, how many users the sample stands for.
            alpha: α of the ALS.
            regularisation: λ of the ALS.
        """
        centred = users - users.mean(axis=0, dtype=np.float64)
        factors = users[:, start : start + width].astype(np.float64)
        outward = basis.T @ (centred.T @ centred[:, start : start + width]) / len(users)
        numbers = np.array([start, alpha, regularisation, 0.0])
        return ItemClassifier(factors.T @ factors * (total / len(users)), outward, numbers)

    def weighing(self, weight: float) -> ItemClassifier:
        """The same with another weight."""
        return replace(self, numbers=np.append(self.numbers[:3], weight))

    def directions(self, centroids: NDArray[Any], sizes: NDArray[Any]) -> Doubles:
        """The classifiers of items in the closed form's coordinates, times their weight.

        Args:
            centroids: (items, k, d), raw.
            sizes: (items, k), members per cluster; 0 is absent.

        Returns:
            (items, d); zeros for an item without seeds.
        """
        start, alpha, regularisation, weight = self.numbers
        factors = np.asarray(centroids[:, :, int(start) : int(start) + len(self.moment)], np.float64)  # (items, k, f)
        members = np.asarray(sizes, np.float64)
        own = np.einsum("ik,ikf,ikg->ifg", members, factors, factors, optimize=True)
        total = np.einsum("ik,ikf->if", members, factors)
        count = members.sum(axis=1)
        found = closed_form(self.moment, own, total, count, alpha, regularisation) @ self.outward.T
        length = np.maximum(np.linalg.norm(found, axis=1), 1e-12)
        return np.asarray(found * (weight * count / (count + HALF_SEEDS) / length)[:, None])

    def arrays(self, prefix: str) -> dict[str, NDArray[np.float32]]:
        """As arrays of a model's weights."""
        return {f"{prefix}{name}": array.astype(np.float32) for name, array in vars(self).items()}

    @staticmethod
    def of_arrays(arrays: Mapping[str, NDArray[Any]], prefix: str) -> ItemClassifier | None:
        """The classifier of `arrays`; None if it is not among them, or weighs nothing."""
        names = ("moment", "outward", "numbers")
        if f"{prefix}numbers" not in arrays or arrays[f"{prefix}numbers"][-1] == 0:
            return None
        return ItemClassifier(*(np.asarray(arrays[f"{prefix}{name}"], np.float64) for name in names))


@torch.no_grad()
def classifier_directions(moment: Tensor, outward: Tensor, numbers: Tensor, centroids: Tensor, sizes: Tensor) -> Tensor:
    """`ItemClassifier.directions` by torch; the first three arguments are its arrays."""
    start, alpha, regularisation, weight = numbers.tolist()
    factors = centroids[..., int(start) : int(start) + len(moment)].double()  # (items, k, f)
    members = sizes.double()
    own = torch.einsum("ik,ikf,ikg->ifg", members, factors, factors)
    count = members.sum(dim=1, keepdim=True)
    penalty = (regularisation * count.clamp(min=1.0)).unsqueeze(-1) * torch.eye(len(moment), device=own.device)
    total = torch.einsum("ik,ikf->if", members, factors)
    found = torch.linalg.solve(moment.double() + alpha * own + penalty, total) @ outward.double().T
    unit = torch.nn.functional.normalize(found, dim=-1)
    directions: Tensor = (unit * weight * count / (count + HALF_SEEDS)).to(centroids.dtype)
    return directions
