"""Implicit ALS on one machine: MLlib's problem, solved by the half-steps of `fold_in`.

Where the interactions fit one machine, moving them between executors costs more than the arithmetic.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from ralm.baselines.fold_in import fold_in, gram_of
from ralm.config import Als

# 40 MB of pairs, and a quarter of a gigabyte of vectors at a time; MLlib on executors takes over beyond.
MOST_INTERACTIONS = 5_000_000
MOST_USERS = 500_000


def is_local(settings: Als, users: int, interactions: int) -> bool:
    """Whether so many interactions of so many users are fitted in the driver."""
    few = users <= MOST_USERS and interactions <= MOST_INTERACTIONS
    return settings.solver == "local" or (settings.solver == "auto" and few)


def alternate(acted: pa.Table, features: int, settings: Als, seed: int) -> NDArray[np.float32]:
    """The factors (features, f) after `iterations` alternations; zeros where no user acted on a feature.

    Args:
        acted: (user_key, feature), distinct, in any order: all of `als_training.interactions`.
        features: columns of the space.
        settings: factors, iterations, α and λ.
        seed: of the users' random vectors of length 1, with which it starts.
    """
    _, row = np.unique(acted.column("user_key").to_numpy(), return_inverse=True)
    column = acted.column("feature").to_numpy()
    users = int(row.max()) + 1
    sets = sparse.csr_matrix((np.ones(len(row), dtype=np.int8), (row, column)), shape=(users, features))
    acted_on = sets.T.tocsr()
    start = np.random.default_rng(seed).standard_normal((users, settings.factors))
    vectors = _single(start / np.linalg.norm(start, axis=1, keepdims=True))
    weights = settings.alpha, settings.regularisation
    factors = _single(fold_in(vectors, acted_on, gram_of(vectors), *weights))
    for _ in range(1, settings.iterations):
        vectors = _single(fold_in(factors, sets, gram_of(factors), *weights))
        factors = _single(fold_in(vectors, acted_on, gram_of(vectors), *weights))
    return factors


def _single(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """As MLlib keeps vectors between half-steps."""
    return vectors.astype(np.float32)
