"""Interest vectors: a truncated singular value decomposition of what users did, and its folder.

With X the binary matrix users × things, each row divided by its Euclidean length, X ≈ U S Vᵀ; a user's interest vector
is their row of X times V: the coordinates in which users differ most. V comes from a sample of users, by the randomised
method of Halko, Martinsson and Tropp, "Finding Structure with Randomness", SIAM Review 53, 2011, in scikit-learn. The
vectors of users of any date are then one sparse product.

components.npy      V (things, r) float32
interests.json      `InterestModel`, written last: a folder without it does not count
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from ralm.baselines.array_folder import read_array, read_description, write_folder
from ralm.baselines.feature_space import FeatureSpace

MARKER = "interests.json"
KIND = "interests"
# Power iterations: the singular values of such matrices fall slowly.
ITERATIONS = 4


class InterestModel(BaseModel):
    """What the components were fitted on."""

    model_config = ConfigDict(frozen=True)

    vocabulary_version: str
    space: FeatureSpace


def unit_rows(sets: sparse.csr_matrix) -> sparse.csr_matrix:
    """A binary matrix with rows of length 1; empty rows stay empty."""
    lengths = np.diff(sets.indptr)
    scale = (1.0 / np.sqrt(np.maximum(lengths, 1))).astype(np.float32)
    return sparse.csr_matrix((np.repeat(scale, lengths), sets.indices, sets.indptr), shape=sets.shape)


def components(sets: sparse.csr_matrix, width: int, seed: int) -> NDArray[np.float32]:
    """V of the sampled users.

    Args:
        sets: binary (users, things).
        width: r at most; fewer where there are fewer users or things.
        seed: of the randomised method.

    Returns:
        (things, r), orthonormal columns.
    """
    rank = max(1, min(width, min(sets.shape) - 1))
    _, _, found = randomized_svd(unit_rows(sets), rank, n_iter=ITERATIONS, random_state=seed)
    return np.ascontiguousarray(found.T, dtype=np.float32)


def interest_vectors(sets: sparse.csr_matrix, factors: NDArray[Any]) -> NDArray[np.float32]:
    """Users' vectors (n, r) from their things (n, things) and V (things, r); zeros for a user without any."""
    return np.asarray(unit_rows(sets) @ factors, np.float32)


def write_interests(path: str, model: InterestModel, factors: NDArray[np.float32]) -> None:
    """Write the components (things, r) and what they were fitted on into a folder."""
    write_folder(path, MARKER, model, {"components": factors})


@lru_cache(maxsize=4)
def read_interests(path: str) -> InterestModel:
    """What the components of a folder were fitted on.

    Raises:
        MissingInputError: there are no finished components.
    """
    return InterestModel.model_validate_json(read_description(path, MARKER, KIND))


@lru_cache(maxsize=2)
def interest_components(path: str) -> NDArray[Any]:
    """V (things, r), on disk until it is read; raises like `read_interests`."""
    return read_array(path, "components", MARKER, KIND)
