"""Does another field stand in for an excluded one? How well what was excluded can be guessed from what is left.

For every value of the excluded field a logistic regression learns from half of the sampled users who has it, and is
judged on the other half by the AUC: 0.5 is a guess by chance, 1 knows it. Then each of the other fields is tried alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from ralm.evaluation.array_metrics import auc, auc_interval

# From this AUC on, others stand in for the field.
STANDS_IN = 0.7
# Users with and without a value that both halves need; values that rarer ones share say nothing.
LEAST = 20


@dataclass(frozen=True)
class StandIn:
    """How well the value of an excluded field that is guessed best is guessed.

    Attributes:
        value: the value, such as `gender = f`.
        auc: of all other fields together, on users that the guess was not learnt from.
        low: lower end of its 95 % interval.
        high: upper end.
        alone: other field -> its AUC alone, highest first.
    """

    value: str
    auc: float
    low: float
    high: float
    alone: dict[str, float]

    @property
    def stands_in(self) -> bool:
        """Whether what was excluded is there all the same."""
        return self.auc >= STANDS_IN

    def says(self, field: str) -> str:
        """One line on an excluded field."""
        guess = f"{self.value}: AUC {self.auc:.2f} ({self.low:.2f} to {self.high:.2f}; 0.5 is chance)"
        if not self.stands_in:
            return f"excluded field '{field}' can hardly be guessed from the others ({guess})"
        first = next(iter(self.alone), "")
        named = f", most of it from '{first}' ({self.alone[first]:.2f} alone)" if first else ""
        return (
            f"WARNING: excluded field '{field}' can be guessed from the others ({guess}){named}; "
            "exclude that one too if it must not count"
        )


def stand_in(
    features: sparse.csr_matrix,
    fields: Mapping[str, NDArray[np.integer]],
    values: Mapping[str, NDArray[np.bool_]],
    seed: int,
) -> StandIn | None:
    """Guess an excluded field from the others.

    Args:
        features: (users, features), binary, of the fields that are used.
        fields: field -> its columns of `features`.
        values: value of the excluded field -> (users,) who has it.
        seed: of the two halves.

    Returns:
        The value that is guessed best; None: no value is had and lacked by enough users to tell.
    """
    half = np.random.default_rng(seed).permutation(features.shape[0]) % 2 == 0
    tried = {}
    for name, has in values.items():
        if min(np.bincount(has[part], minlength=2).min() for part in (half, ~half)) >= LEAST:
            tried[name] = _guessed(features, has, half)
    if not tried:
        return None
    name = max(tried, key=lambda one: (auc(values[one][~half], tried[one]), one))
    has, score = values[name], tried[name]
    value, low, high = auc_interval(has[~half], score)
    alone = {
        field: auc(has[~half], _guessed(features[:, columns], has, half))
        for field, columns in fields.items()
        if len(columns)
    }
    ordered = dict(sorted(alone.items(), key=lambda one: (-one[1], one[0])))
    return StandIn(name, value, low, high, ordered)


def _guessed(features: sparse.csr_matrix, has: NDArray[np.bool_], half: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Scores (users of the other half,) by a regression learnt on the one half."""
    model = LogisticRegression(C=0.1, solver="lbfgs", max_iter=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a guess that is not quite the best one will do
        model.fit(features[half], has[half])
    return np.asarray(model.decision_function(features[~half]), np.float64)
