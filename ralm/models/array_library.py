"""One formula for numpy's arrays and torch's tensors: most functions have the same name and meaning in both."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

# A numpy array or a torch tensor; all arrays of one call are of the same library.
Array: TypeAlias = Any


def library(array: Array) -> Any:
    """The module numpy or torch, whichever made the array; numpy's users need not load torch.

    Example:
        >>> library(np.zeros(2)) is np
        True
    """
    return sys.modules[type(array).__module__.partition(".")[0]]


def double(array: Array) -> Array:
    """The same values in double precision."""
    return library(array).asarray(array, dtype=library(array).float64)


def unit(vectors: Array) -> Array:
    """Vectors of length 1 along the last axis; zeros stay zeros."""
    length = (vectors * vectors).sum(-1)[..., None] ** 0.5
    return vectors / length.clip(1e-12)
