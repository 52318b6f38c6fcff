"""One classifier per item: its seeds against sampled other users, by logistic regression or by boosted trees."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from ralm.baselines.positive_unlabelled import Floats, Ints, bootstraps, label_frequency
from ralm.config.baselines import Regression

# scikit-learn's default; fewer if a class has fewer than twice as many rows, which could then not be split off.
LEAST_LEAF = 20


@dataclass(frozen=True)
class Linear:
    """A logistic regression.

    Attributes:
        weights: (features,), of normalised rows; 0 for a feature that no training row has.
        intercept: the logit of a row without features.
        label_frequency: c of Elkan and Noto; 1 if it was not asked for.
    """

    weights: NDArray[np.float64]
    intercept: float
    label_frequency: float = 1.0

    def decision(self, rows: sparse.csr_matrix) -> Floats:
        """Logits (n,) of normalised rows (n, features)."""
        found: Floats = rows @ self.weights + self.intercept
        return found


@dataclass(frozen=True)
class Trees:
    """Gradient-boosted trees: one model, or several bags whose logits are averaged.

    Attributes:
        models: fitted.
        label_frequency: c of Elkan and Noto; 1 if it was not asked for.
    """

    models: Sequence[HistGradientBoostingClassifier]
    label_frequency: float = 1.0

    def decision(self, rows: Floats) -> Floats:
        """Logits (n,) of dense rows (n, dim)."""
        found: Floats = np.mean([model.decision_function(rows) for model in self.models], axis=0)
        return found

    def to_bytes(self) -> bytes:
        """The models, packed: about 0.1 MB each."""
        return zlib.compress(pickle.dumps(list(self.models), protocol=5), 1)

    @staticmethod
    def of_bytes(packed: bytes) -> Trees:
        """The models of `to_bytes`, for their logits alone.

        A pickle runs code when it is read: pass only bytes that the same run made.
        """
        return Trees(pickle.loads(zlib.decompress(packed)))


Model = TypeVar("Model", Linear, Trees)


def normalised(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows (n, features) at unit Euclidean length; a row without features stays zero. Used in training and scoring."""
    norms = np.sqrt(np.asarray(rows.power(2).sum(axis=1)).reshape(-1))  # (n,)
    found = rows.copy()
    found.data /= np.repeat(norms, np.diff(rows.indptr))
    return found


def fit_logistic(rows: sparse.csr_matrix, labels: Ints, settings: Regression, seed: int) -> Linear:
    """Logistic regression with an L2 penalty: min_w ½‖w‖² + C Σ log(1 + exp(−y(w·x + b))).

    Bags are averaged into one linear model, so that they cost nothing in scoring.

    Args:
        rows: (n, features), not yet normalised.
        labels: (n,), 1 a seed, 0 not.
        settings: `regularisation` is C.
        seed: of the bags and folds.

    Raises:
        ValueError: not both labels.
    """
    unit = normalised(rows).astype(np.float64)
    # The penalty keeps weights without data at exactly 0, so only features that occur are fitted.
    active = np.unique(unit.indices)
    dense_columns = unit[:, active]

    def fit(chosen: Ints) -> Linear:
        model = LogisticRegression(C=settings.regularisation, tol=1e-6, max_iter=1_000)
        model.fit(dense_columns[chosen], labels[chosen])
        weights = np.zeros(rows.shape[1])
        weights[active] = model.coef_[0]
        return Linear(weights, float(model.intercept_[0]))

    def mean(models: list[Linear], frequency: float) -> Linear:
        weights = np.mean([model.weights for model in models], axis=0)
        return Linear(weights, float(np.mean([model.intercept for model in models])), frequency)

    return _positive_unlabelled(fit, mean, lambda model, chosen: model.decision(unit[chosen]), labels, settings, seed)


def fit_trees(rows: Floats, labels: Ints, settings: Regression, seed: int) -> Trees:
    """Gradient-boosted trees of the logistic loss (Friedman 2001), on histograms.

    Args:
        rows: (n, dim), dense: a user's embedding.
        labels: (n,), 1 a seed, 0 not.
        settings: `trees` and `leaves`.
        seed: of the bags and folds.

    Raises:
        ValueError: not both labels.
    """

    def fit(chosen: Ints) -> Trees:
        smaller = int(np.bincount(labels[chosen], minlength=2).min())
        model = HistGradientBoostingClassifier(
            max_iter=settings.trees,
            max_leaf_nodes=settings.leaves,
            min_samples_leaf=int(np.clip(smaller // 2, 1, LEAST_LEAF)),
            early_stopping=False,
            random_state=seed % 2**32,
        )
        return Trees([model.fit(rows[chosen], labels[chosen])])

    def mean(models: list[Trees], frequency: float) -> Trees:
        return Trees([model for trees in models for model in trees.models], frequency)

    return _positive_unlabelled(fit, mean, lambda model, chosen: model.decision(rows[chosen]), labels, settings, seed)


def _positive_unlabelled(
    fit: Callable[[Ints], Model],
    mean: Callable[[list[Model], float], Model],
    decide: Callable[[Model, Ints], Floats],
    labels: NDArray[Any],
    settings: Regression,
    seed: int,
) -> Model:
    if len(np.unique(labels)) < 2:
        raise ValueError(f"regression: seeds and others expected, found labels {np.unique(labels).tolist()}")
    everyone = np.arange(len(labels))
    if settings.positive_unlabelled == "bagging":
        return mean([fit(chosen) for chosen in bootstraps(labels, settings.bags, seed)], 1.0)
    frequency = 1.0
    if settings.positive_unlabelled == "elkan_noto":
        frequency = label_frequency(labels, lambda train, test: decide(fit(train), test), seed)
    return mean([fit(everyone)], frequency)
