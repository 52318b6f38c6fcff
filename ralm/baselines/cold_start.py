"""The linear model for items with few seeds: a logistic regression over user embedding × item categories.

The talk's cold start: an item's categories, crossed with the user's embedding. Trained once on the clicks of all items,
it scores an item that nobody has clicked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit

from ralm.arrow.arrays import matrix
from ralm.baselines.dot_product import DotProduct
from ralm.config import ColdStart
from ralm.errors import DataError, MissingInputError
from ralm.scoring.contract import ScorerState
from ralm.storage.damage import unless_damaged
from ralm.storage.path import StoragePath

FILE = "cold_start.npz"
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class ColdStartModel:
    """logit(user, item) = E · (u + Σ_c W_c) + Σ_c v_c + b over the item's categories c.

    Attributes:
        categories: the known ones, by row.
        crosses: W (categories, h).
        user: u (h,).
        category: v (categories,).
        intercept: b.
    """

    categories: Sequence[str]
    crosses: Doubles
    user: Doubles
    category: Doubles
    intercept: float

    def state(self, items: Sequence[Sequence[str]]) -> ScorerState:
        """The scorer (log-odds of a click) of items of these categories; unknown categories are ignored."""
        row = {category: place for place, category in enumerate(self.categories)}
        about = np.zeros((len(items), len(self.categories)))
        for place, names in enumerate(items):
            about[place, [row[name] for name in names if name in row]] = 1.0
        vectors, bias = self.user + about @ self.crosses, self.intercept + about @ self.category
        return ScorerState(DotProduct, {"vectors": vectors, "bias": bias})

    def widened(self, width: int) -> ColdStartModel:
        """The same model of embeddings of that width, whose further entries do not count."""
        more = width - self.crosses.shape[1]
        crosses, user = np.pad(self.crosses, ((0, 0), (0, more))), np.pad(self.user, (0, more))
        return replace(self, crosses=crosses, user=user)

    def save(self, path: str) -> None:
        """Write the model into a folder."""
        arrays = {"crosses": self.crosses, "user": self.user, "category": self.category}
        names = json.dumps(list(self.categories))
        (StoragePath.at(path) / FILE).write(
            lambda file: np.savez(file, intercept=self.intercept, names=names, allow_pickle=False, **arrays)
        )

    @staticmethod
    def load(path: str) -> ColdStartModel:
        """Read what `save` wrote.

        Raises:
            MissingInputError: the folder holds no model.
        """
        file = StoragePath.at(path) / FILE
        if not file.exists():
            raise MissingInputError(f"model {path}: no cold-start model in this folder; run job 'train_cold_start'")
        damage = unless_damaged(f"model {path}", "run job 'train_cold_start' again, by --force")
        with damage, np.load(file.local()) as found:
            return ColdStartModel(
                json.loads(str(found["names"])),
                found["crosses"],
                found["user"],
                found["category"],
                float(found["intercept"]),
            )


def fit_cold_start(pairs: DataFrame, settings: ColdStart) -> ColdStartModel:
    """Fit by L-BFGS on a sample that the driver holds: so few parameters need no more rows than fit on one machine.

    Args:
        pairs: embedding array<float> (h), categories array<string>, label 0/1; about `settings.max_rows`, 4 · h bytes
            each.
        settings: of the fit; the L2 penalty does not apply to the intercept.

    Raises:
        DataError: there are no pairs.
    """
    table = pairs.select("embedding", "categories", "label").toArrow()
    if not table.num_rows:
        raise DataError("cold start: no labelled pair to fit")
    users = matrix(table, "embedding").astype(np.float64)  # (n, h)
    lists = table.column("categories").combine_chunks()
    names = pc.dictionary_encode(lists.flatten())
    categories = names.dictionary.to_pylist()
    rows = pc.list_parent_indices(lists).to_numpy()
    hot = np.ones(len(rows))
    about = csr_matrix((hot, (rows, names.indices.to_numpy())), shape=(len(users), len(categories)))
    about.data[:] = 1.0  # a category that is named twice counts once
    labels = table.column("label").to_numpy().astype(np.float64)
    return _fit(users, about, labels, categories, settings)


def _fit(
    users: Doubles, about: csr_matrix, labels: Doubles, categories: Sequence[str], settings: ColdStart
) -> ColdStartModel:
    known, width = about.shape[1], users.shape[1]

    def parts(flat: Doubles) -> tuple[Doubles, Doubles, Doubles, float]:
        crosses, rest = flat[: known * width].reshape(known, width), flat[known * width :]
        return crosses, rest[:width], rest[width:-1], float(rest[-1])

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        crosses, user, category, intercept = parts(flat)
        logits = np.einsum("nh,nh->n", users, about @ crosses) + users @ user + about @ category + intercept
        error = (expit(logits) - labels) / len(labels)  # of the mean log loss, by the logit
        weighted = users * error[:, None]
        gradient = np.concatenate([(about.T @ weighted).ravel(), weighted.sum(axis=0), about.T @ error, [error.sum()]])
        penalised = flat.copy()
        penalised[-1] = 0.0
        value = float(np.mean(np.logaddexp(0.0, logits) - labels * logits))
        value += settings.regularisation / 2 * float(penalised @ penalised)
        return value, gradient + settings.regularisation * penalised

    start = np.zeros(known * width + width + known + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": settings.iterations})
    return ColdStartModel(categories, *parts(found.x))
