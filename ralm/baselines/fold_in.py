"""Closed-form vectors of implicit ALS: a new user's from what they acted on, a new item's from its seeds.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, equation 4, with confidence
c = 1 + α of an interaction. The penalty of a vector is λ times its interactions (Zhou et al., "Large-scale Parallel
Collaborative Filtering for the Netflix Prize", AAIM 2008), as in Spark's MLlib: a fold-in is the last half-step of its
training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ralm.models.array_library import Array, library

Doubles = NDArray[np.float64]
# Gathered vectors and Gram matrices held in memory at once.
BLOCK_BYTES = 64 << 20


def closed_form(gram: Array, own: Array, total: Array, count: Array, alpha: float, regularisation: float) -> Array:
    """Minimises Σ_j c_j (p_j − x·y_j)² + λ n |x|² over x, p_j = 1 where acted on: (G + α G_x + λ n I)^-1 (1 + α) t.

    Args:
        gram: G = Y'Y (f, f), of all vectors of the other side.
        own: G_x (n, f, f), the same of only the vectors acted on.
        total: t (n, f), their sum.
        count: n (n,), their number.
        alpha: α, confidence of an interaction is 1 + α.
        regularisation: λ > 0.

    Returns:
        (n, f); zeros where nothing was acted on.
    """
    numbers = library(gram)
    identity = numbers.diag(numbers.ones_like(gram[0]))
    penalty = numbers.where(count > 0, regularisation * count, 1.0)  # any but 0: zero vector without interactions
    left = gram + alpha * own + penalty[:, None, None] * identity  # (n, f, f)
    return numbers.linalg.solve(left, (1.0 + alpha) * total[:, :, None])[:, :, 0]


def fold_in(
    factors: NDArray[Any], sets: sparse.csr_matrix, gram: Doubles, alpha: float, regularisation: float
) -> Doubles:
    """Vectors of rows that act on columns whose factors are known, in blocks of bounded memory.

    Args:
        factors: Y (columns, f); a row of zeros is a column without a factor and counts as no interaction.
        sets: binary (n, columns).
        gram: Y'Y (f, f).
        alpha: confidence of an interaction is 1 + α.
        regularisation: λ > 0, per interaction.

    Returns:
        (n, f), each row independent of the others.
    """
    width = factors.shape[1]
    found = np.zeros((sets.shape[0], width))
    lengths = np.diff(sets.indptr)
    order = np.argsort(-lengths, kind="stable")  # rows of like length in a block: little of it is padding
    start = 0
    while start < len(order) and (longest := int(lengths[order[start]])):
        rows = order[start : start + max(1, BLOCK_BYTES // (8 * width * (longest + width)))]
        own, total, count = _sums(factors, sets[rows], longest)
        found[rows] = closed_form(gram, own, total, count, alpha, regularisation)
        start += len(rows)
    return found


def _sums(factors: NDArray[Any], sets: sparse.csr_matrix, longest: int) -> tuple[Doubles, Doubles, NDArray[np.int64]]:
    """G_x (n, f, f), t (n, f) and n (n,) of `closed_form`, of sets of `longest` entries at most."""
    # In double precision: else a row would depend on the rows beside it, in its last digits.
    vectors = factors[sets.indices].astype(np.float64)  # (entries, f)
    row = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
    count = np.bincount(row[vectors.any(axis=1)], minlength=sets.shape[0])
    if len(count) == 1:  # perhaps of millions
        return gram_of(vectors)[None], vectors.sum(axis=0)[None], count
    padded = np.zeros((len(count), longest, factors.shape[1]))
    padded[row, np.arange(len(row)) - sets.indptr[row]] = vectors
    return padded.transpose(0, 2, 1) @ padded, padded.sum(axis=1), count


def gram_of(vectors: NDArray[Any]) -> Doubles:
    """Y'Y (f, f) of vectors (n, f), in double precision and blocks of bounded memory."""
    width = vectors.shape[1]
    found = np.zeros((width, width))
    block = max(1, BLOCK_BYTES // (8 * width))
    for start in range(0, len(vectors), block):
        part = np.asarray(vectors[start : start + block], dtype=np.float64)
        found += part.T @ part
    return found
